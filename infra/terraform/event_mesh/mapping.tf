# From Kafka to enrich, and to enrich_next during a change of model.
locals {
  has_password           = var.kafka_secret_arn != ""
  has_client_certificate = var.kafka_client_certificate_secret_arn != ""
  has_root_ca            = var.kafka_root_ca_secret_arn != ""
  in_vpc                 = length(var.vpc_subnet_ids) > 0
  mapping_names_vpc      = local.in_vpc || !(local.has_password || local.has_client_certificate) # one way in has to be named

  access = { for type, uri in {
    SASL_SCRAM_512_AUTH         = local.has_password ? var.kafka_secret_arn : null
    CLIENT_CERTIFICATE_TLS_AUTH = local.has_client_certificate ? var.kafka_client_certificate_secret_arn : null
    SERVER_ROOT_CA_CERTIFICATE  = local.has_root_ca ? var.kafka_root_ca_secret_arn : null
    VPC_SUBNET                  = local.mapping_names_vpc ? "subnet:${try(var.vpc_subnet_ids[0], "")}" : null
    VPC_SECURITY_GROUP          = local.mapping_names_vpc ? "security_group:${var.vpc_security_group_id}" : null
  } : type => uri if uri != null }

  consumer_groups = { for key, group in {
    Enrich     = var.consumer_group_id
    EnrichNext = var.next_consumer_group_id
  } : key => group if contains(keys(local.functions), key) }
}

resource "aws_lambda_event_source_mapping" "user_events" {
  for_each = local.consumer_groups

  function_name                      = aws_lambda_function.this[each.key].function_name
  topics                             = [var.user_events_topic]
  starting_position                  = "TRIM_HORIZON" # creating a mapping takes minutes on AWS: LATEST could miss events
  batch_size                         = var.enrich_batch_size
  maximum_batching_window_in_seconds = var.enrich_batching_window_seconds

  self_managed_event_source {
    endpoints = {
      KAFKA_BOOTSTRAP_SERVERS = join(",", var.kafka_bootstrap_servers)
    }
  }

  self_managed_kafka_event_source_config {
    consumer_group_id = each.value
  }

  dynamic "source_access_configuration" {
    for_each = local.access
    content {
      type = source_access_configuration.key
      uri  = source_access_configuration.value
    }
  }
}
