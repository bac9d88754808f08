# The REST API as one OpenAPI document: what it says anew is deployed anew.
locals {
  routes = merge([for key, function in local.functions : merge([for path, methods in function.routes : {
    for method in methods : "${method} ${path}" => { function = key, path = path, method = method }
  }]...)]...)

  paths = { for path in distinct([for route in local.routes : route.path]) : path => {
    for route in local.routes : route.method == "ANY" ? "x-amazon-apigateway-any-method" : lower(route.method) => {
      "x-amazon-apigateway-integration" = {
        type       = "aws_proxy"
        httpMethod = "POST"
        uri        = aws_lambda_function.this[route.function].invoke_arn
      }
      responses = {}
    } if route.path == path
  } }

  problem_headers = merge(
    {
      "gatewayresponse.header.Content-Type" = "'application/problem+json'"
      "gatewayresponse.header.X-Request-Id" = "context.requestId"
    },
    length(var.cors_allowed_origins) == 0 ? {} : {
      # The gateway cannot choose one.
      "gatewayresponse.header.Access-Control-Allow-Origin"   = "'${var.cors_allowed_origins[0]}'"
      "gatewayresponse.header.Access-Control-Expose-Headers" = "'Retry-After, X-Request-Id'"
    },
  )
  retry_headers = merge(local.problem_headers, { "gatewayresponse.header.Retry-After" = "'5'" })

  # What the gateway says by itself, as RFC 9457 has it.
  gateway_responses = {
    # What API Gateway calls a path that it does not know.
    MISSING_AUTHENTICATION_TOKEN = {
      statusCode         = 404
      responseParameters = local.problem_headers
      body               = "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"There is nothing at this path.\"}"
    }
    REQUEST_TOO_LARGE = {
      statusCode         = 413
      responseParameters = local.problem_headers
      body               = "{\"type\":\"about:blank\",\"title\":\"Content Too Large\",\"status\":413,\"detail\":\"The body is too large.\"}"
    }
    THROTTLED = {
      statusCode         = 429
      responseParameters = local.retry_headers
      body               = "{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,\"detail\":\"Please try again later.\"}"
    }
    INTEGRATION_FAILURE = local.unavailable
    INTEGRATION_TIMEOUT = local.unavailable
    DEFAULT_4XX = {
      statusCode         = null
      responseParameters = local.problem_headers
      body               = "{\"type\":\"about:blank\",\"title\":\"The request was refused\",\"detail\":$context.error.messageString}"
    }
    DEFAULT_5XX = {
      statusCode         = null
      responseParameters = local.problem_headers
      body               = "{\"type\":\"about:blank\",\"title\":\"Something went wrong here\",\"detail\":\"Please try again.\"}"
    }
  }
  unavailable = {
    statusCode         = 503
    responseParameters = local.retry_headers
    body               = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"Please try again later.\"}"
  }

  openapi = jsonencode({
    swagger = "2.0"
    info    = { title = var.name, version = "1.0" }
    paths   = local.paths
    "x-amazon-apigateway-gateway-responses" = { for type, response in local.gateway_responses : type => merge(
      response.statusCode == null ? {} : { statusCode = response.statusCode },
      {
        responseParameters = response.responseParameters
        responseTemplates  = { "application/json" = response.body }
      },
    ) }
  })
}

resource "aws_api_gateway_rest_api" "this" {
  name = var.name
  body = local.openapi

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  triggers    = { openapi = sha256(local.openapi) }

  lifecycle {
    create_before_destroy = true # the stage serves the one until the other is there
  }
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = var.stage_name
  xray_tracing_enabled = true
}

resource "aws_lambda_permission" "route" {
  for_each = local.routes

  statement_id_prefix = "Api-"
  action              = "lambda:InvokeFunction"
  function_name       = aws_lambda_function.this[each.value.function].function_name
  principal           = "apigateway.amazonaws.com"
  # Whatever stands for {…} in a path.
  source_arn = format(
    "%s/*/%s%s",
    aws_api_gateway_rest_api.this.execution_arn,
    each.value.method == "ANY" ? "*" : each.value.method,
    replace(each.value.path, "/\\{[^}]*\\}/", "*"),
  )
}
