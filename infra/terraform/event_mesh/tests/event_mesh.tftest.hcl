# tofu test -var=packages=FOLDER: the ways in which deployments differ, without an account.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  packages_bucket         = "artifacts"
  jwt_jwks_url            = "https://issuer.example/jwks"
  jwt_issuer              = "https://issuer.example/"
  jwt_audience            = "event-mesh"
  kafka_bootstrap_servers = ["kafka-1.example:9096"]
  kafka_secret_arn        = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:kafka"
  qdrant_url              = "https://qdrant.example:6333"
}

run "production_refuses_dev_tokens" {
  command = plan
  variables {
    auth_mode = "dev"
  }
  expect_failures = [var.auth_mode]
}

run "production_wants_a_way_into_kafka" {
  command = plan
  variables {
    kafka_secret_arn = ""
  }
  expect_failures = [var.kafka_secret_arn]
}

run "by_password_in_a_vpc" {
  command = plan
  variables {
    vpc_subnet_ids        = ["subnet-1", "subnet-2"]
    vpc_security_group_id = "sg-1"
  }
  assert {
    condition = { for each in aws_lambda_event_source_mapping.user_events["Enrich"].source_access_configuration : each.type => each.uri } == {
      SASL_SCRAM_512_AUTH = var.kafka_secret_arn
      VPC_SUBNET          = "subnet:subnet-1"
      VPC_SECURITY_GROUP  = "security_group:sg-1"
    }
    error_message = "The mapping is in the VPC, and has the password."
  }
  assert {
    condition     = alltrue([for each in aws_lambda_function.this : each.vpc_config[0].security_group_ids == toset(["sg-1"])])
    error_message = "Every function is in the VPC."
  }
  assert {
    condition     = length([for each in aws_iam_role_policy_attachment.this : each if endswith(each.policy_arn, "AWSLambdaVPCAccessExecutionRole")]) == length(aws_iam_role.function)
    error_message = "Every function may make network interfaces."
  }
}

run "by_certificate_without_a_vpc" {
  command = plan
  variables {
    kafka_secret_arn                    = ""
    kafka_client_certificate_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:certificate"
  }
  assert {
    condition     = [for each in aws_lambda_event_source_mapping.user_events["Enrich"].source_access_configuration : each.type] == ["CLIENT_CERTIFICATE_TLS_AUTH"]
    error_message = "The mapping has the certificate alone."
  }
  assert {
    condition     = alltrue([for each in aws_lambda_function.this : length(each.vpc_config) == 0])
    error_message = "No function is in a VPC."
  }
}

run "a_change_of_model" {
  command = plan
  variables {
    next_qdrant_collection = "next"
  }
  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.user_events)) == toset(["Enrich", "EnrichNext"])
    error_message = "Both collections are kept up to date."
  }
  assert {
    condition     = aws_lambda_function.this["EnrichNext"].environment[0].variables.QDRANT_COLLECTION == "next"
    error_message = "The second function fills the next collection."
  }
}
