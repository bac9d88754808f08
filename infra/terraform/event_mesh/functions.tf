# What the functions are: their layers, variables, routes, alarms and roles follow from this map, by its keys.
locals {
  auth = {
    ENVIRONMENT          = var.environment
    CORS_ALLOWED_ORIGINS = join(",", var.cors_allowed_origins)
    AUTH_MODE            = var.auth_mode
    JWT_JWKS_URL         = var.jwt_jwks_url
    JWT_ISSUER           = var.jwt_issuer
    JWT_AUDIENCE         = var.jwt_audience
    JWT_AUDIENCE_CLAIM   = var.jwt_audience_claim
    JWT_ALGORITHMS       = join(",", var.jwt_algorithms)
    JWT_TENANT_CLAIM     = var.jwt_tenant_claim
    JWT_SUBJECT_CLAIM    = var.jwt_subject_claim
    JWT_LEEWAY_SECONDS   = var.jwt_leeway_seconds
  }
  kafka = {
    KAFKA_BOOTSTRAP_SERVERS             = join(",", var.kafka_bootstrap_servers)
    KAFKA_SECRET_ARN                    = var.kafka_secret_arn
    KAFKA_CLIENT_CERTIFICATE_SECRET_ARN = var.kafka_client_certificate_secret_arn
    KAFKA_ROOT_CA_SECRET_ARN            = var.kafka_root_ca_secret_arn
  }
  vectors = {
    QDRANT_URL                   = var.qdrant_url
    QDRANT_SECRET_ARN            = var.qdrant_secret_arn
    QDRANT_COLLECTION            = var.qdrant_collection
    SEARCH_WORDS_WEIGHT          = var.search_words_weight
    EMBEDDING_PROVIDER           = var.embedding_provider
    EMBEDDING_MODEL              = var.embedding_model
    EMBEDDING_MODEL_PATH         = var.embedding_model_path
    EMBEDDING_DIMENSION          = var.embedding_dimension
    EMBEDDING_URL                = var.embedding_url
    EMBEDDING_SECRET_ARN         = var.embedding_secret_arn
    EMBEDDING_SEND_DIMENSION     = var.embedding_send_dimension
    EMBEDDING_BATCH_SIZE         = var.embedding_batch_size
    EMBEDDING_QUERY_PREFIX       = var.embedding_query_prefix
    EMBEDDING_PASSAGE_PREFIX     = var.embedding_passage_prefix
    EMBEDDING_QUERY_INPUT_TYPE   = var.embedding_query_input_type
    EMBEDDING_PASSAGE_INPUT_TYPE = var.embedding_passage_input_type
  }
  next_vectors = {
    QDRANT_COLLECTION            = var.next_qdrant_collection
    EMBEDDING_PROVIDER           = var.next_embedding_provider
    EMBEDDING_MODEL              = var.next_embedding_model
    EMBEDDING_MODEL_PATH         = var.next_embedding_model_path
    EMBEDDING_DIMENSION          = var.next_embedding_dimension
    EMBEDDING_URL                = var.next_embedding_url
    EMBEDDING_SECRET_ARN         = var.next_embedding_secret_arn
    EMBEDDING_SEND_DIMENSION     = var.next_embedding_send_dimension
    EMBEDDING_BATCH_SIZE         = var.next_embedding_batch_size
    EMBEDDING_QUERY_PREFIX       = var.next_embedding_query_prefix
    EMBEDDING_PASSAGE_PREFIX     = var.next_embedding_passage_prefix
    EMBEDDING_QUERY_INPUT_TYPE   = var.next_embedding_query_input_type
    EMBEDDING_PASSAGE_INPUT_TYPE = var.next_embedding_passage_input_type
  }
  topics = {
    TOPIC_LABELS          = join(", ", var.topic_labels)
    TOPIC_LABEL_OVERRIDES = jsonencode(var.topic_label_overrides)
    TOPIC_MIN_SCORE       = var.topic_min_score
  }

  tenant_layers  = ["Tracing", "TenantAuth", "Users"]
  vectors_layers = ["Tracing", "Users", "Vectors"]

  # Of all functions, unless one says otherwise.
  defaults = {
    memory_size   = 512
    timeout       = 28 # the gateway gives up after 29
    reserved      = 0  # concurrency; 0 reserves nothing
    routes        = {} # path: methods
    rate_limit    = null
    role          = null # another function's, if it has none of its own
    changes_users = false
  }

  every_function = {
    CreateUser = merge(local.defaults, {
      service       = "create_user"
      layers        = local.tenant_layers
      variables     = merge(local.auth, local.kafka)
      rate_limit    = { per_second = var.create_rate_per_second, burst = var.create_burst }
      changes_users = true
      routes        = { "/users/create" = ["ANY"] } # any method: the function answers 405 where the gateway would say 403
    })
    ImportUsers = merge(local.defaults, {
      service       = "import_users"
      layers        = local.tenant_layers
      variables     = merge(local.auth, local.kafka)
      rate_limit    = { per_second = var.import_rate_per_second, burst = var.import_burst }
      changes_users = true
      routes        = { "/users/import" = ["ANY"] }
    })
    GetUser = merge(local.defaults, {
      service    = "get_user"
      layers     = local.tenant_layers
      variables  = local.auth
      rate_limit = { per_second = var.get_rate_per_second, burst = var.get_burst }
      routes     = { "/users/{id}" = ["GET", "HEAD", "OPTIONS", "POST", "PUT"] }
    })
    UpdateUser = merge(local.defaults, {
      service       = "update_user"
      layers        = local.tenant_layers
      variables     = merge(local.auth, local.kafka)
      rate_limit    = { per_second = var.update_rate_per_second, burst = var.update_burst }
      changes_users = true
      routes        = { "/users/{id}" = ["PATCH"] }
    })
    DeleteUser = merge(local.defaults, {
      service    = "delete_user"
      layers     = local.tenant_layers
      variables  = merge(local.auth, local.kafka, { USER_EVENTS_TOPIC = var.user_events_topic })
      rate_limit = { per_second = var.delete_rate_per_second, burst = var.delete_burst }
      routes     = { "/users/{id}" = ["DELETE"] }
    })
    ListUsers = merge(local.defaults, {
      service    = "list_users"
      layers     = local.tenant_layers
      variables  = local.auth
      rate_limit = { per_second = var.list_rate_per_second, burst = var.list_burst }
      # 404 from the function: API Gateway itself would say 403 to a path that it does not know.
      routes = { "/health" = ["ANY"], "/users" = ["ANY"], "/" = ["ANY"], "/{proxy+}" = ["ANY"] }
    })
    Search = merge(local.defaults, {
      service     = "search"
      layers      = ["Tracing", "TenantAuth", "Vectors"]
      memory_size = 1769 # one whole CPU
      reserved    = var.search_concurrency
      variables   = merge(local.auth, local.vectors)
      rate_limit  = { per_second = var.search_rate_per_second, burst = var.search_burst }
      routes      = { "/ai/users/search" = ["ANY"] }
    })
    RelayEvents = merge(local.defaults, {
      service   = "relay_events"
      layers    = ["Tracing", "Users"]
      timeout   = 55 # the next run is due after a minute
      variables = merge(local.kafka, { USER_EVENTS_TOPIC = var.user_events_topic })
    })
    Enrich = merge(local.defaults, local.enrich, {
      service   = "enrich"
      variables = local.enrich_variables
    })
    # Enrich once more, for the collection that is to be searched next: by itself, so that it holds up nothing.
    EnrichNext = merge(local.defaults, local.enrich, {
      service   = "enrich_next"
      role      = "Enrich"
      variables = merge(local.enrich_variables, local.next_vectors)
    })
    # What an operator invokes, by hand. aws lambda invoke waits a minute for an answer, and then begins anew.
    Reindex = merge(local.defaults, {
      service = "reindex"
      layers  = local.vectors_layers
      timeout = 55
      variables = merge(local.kafka, local.vectors, {
        USER_EVENTS_TOPIC = var.user_events_topic
        DEAD_LETTER_TOPIC = var.dead_letter_topic
      })
    })
    DeleteTenant = merge(local.defaults, {
      service   = "delete_tenant"
      layers    = local.vectors_layers
      timeout   = 55
      variables = merge(local.kafka, local.vectors, { USER_EVENTS_TOPIC = var.user_events_topic })
    })
  }
  enrich = {
    layers      = local.vectors_layers
    memory_size = 1769
    timeout     = 240
    reserved    = var.enrich_concurrency
  }
  enrich_variables = merge(local.kafka, local.vectors, local.topics, {
    USER_EVENTS_TOPIC = var.user_events_topic
    DEAD_LETTER_TOPIC = var.dead_letter_topic
  })

  next_index = var.next_qdrant_collection != ""
  functions  = { for key, each in local.every_function : key => each if key != "EnrichNext" || local.next_index }
  names      = { for key in keys(local.functions) : key => "${var.name}-${key}Function" }
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name = local.names[each.key]
  role          = aws_iam_role.function[coalesce(each.value.role, each.key)].arn
  runtime       = var.runtime
  architectures = [var.architecture]
  handler       = "app.lambda_handler"
  memory_size   = each.value.memory_size
  timeout       = each.value.timeout
  layers        = [for layer in each.value.layers : aws_lambda_layer_version.this[layer].arn]

  reserved_concurrent_executions = each.value.reserved == 0 ? null : each.value.reserved

  filename         = var.packages_uploaded ? null : "${var.packages}/${local.packages["${each.key}Function"].file}"
  s3_bucket        = var.packages_uploaded ? var.packages_bucket : null
  s3_key           = var.packages_uploaded ? "${var.packages_prefix}${local.packages["${each.key}Function"].file}" : null
  source_code_hash = local.packages["${each.key}Function"].code_sha256

  environment {
    variables = merge(
      {
        POWERTOOLS_METRICS_NAMESPACE = "EventMesh"
        POWERTOOLS_LOG_LEVEL         = var.log_level
        POWERTOOLS_SERVICE_NAME      = each.value.service
        OTEL_EXPORTER_OTLP_ENDPOINT  = var.otlp_endpoint
        TABLE_NAME                   = aws_dynamodb_table.users.name
      },
      each.value.variables,
      each.value.rate_limit == null ? {} : {
        TENANT_ROLE_ARN       = aws_iam_role.tenant[each.key].arn
        RATE_LIMIT_PER_SECOND = each.value.rate_limit.per_second
        RATE_LIMIT_BURST      = each.value.rate_limit.burst
        RATE_LIMIT_OVERRIDES  = jsonencode(var.rate_limit_overrides)
      },
      each.value.changes_users ? {
        USER_EVENTS_TOPIC               = var.user_events_topic
        ALLOW_SPECIAL_USE_EMAIL_DOMAINS = var.allow_special_use_email_domains
      } : {},
    )
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = var.log_level
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [1] : []
    content {
      subnet_ids         = var.vpc_subnet_ids
      security_group_ids = [var.vpc_security_group_id]
    }
  }

  # A function that runs before its log group is there makes one of its own, which is never emptied; one in a VPC is
  # refused until its role may make network interfaces.
  depends_on = [
    aws_cloudwatch_log_group.this,
    aws_iam_role_policy.this,
    aws_iam_role_policy_attachment.this,
  ]
}

# The outbox, once a minute.
resource "aws_cloudwatch_event_rule" "every_minute" {
  name                = "${var.name}-RelayEventsEveryMinute"
  description         = "Sends what the outbox still holds."
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "relay_events" {
  rule      = aws_cloudwatch_event_rule.every_minute.name
  target_id = "RelayEvents"
  arn       = aws_lambda_function.this["RelayEvents"].arn
}

resource "aws_lambda_permission" "every_minute" {
  statement_id  = "EveryMinute"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["RelayEvents"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.every_minute.arn
}
