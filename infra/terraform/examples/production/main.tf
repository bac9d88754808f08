# A deployment for customers: in a VPC that stands already, with Amazon MSK or brokers of your own by address. Every
# value in capitals is yours.
terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.62"
    }
  }

  # State holds no secret. Whoever writes it deploys, all the same.
  backend "s3" {
    bucket       = "EXAMPLE-terraform-state"
    key          = "event-mesh/production.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = "eu-central-1"

  default_tags {
    tags = { service = "event-mesh", environment = "production" }
  }
}

variable "packages" {
  type        = string
  default     = "../../../../packages"
  description = "The folder that `mesh package` wrote."
}

locals {
  secrets = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:event-mesh"
}

module "event_mesh" {
  source = "../../event_mesh"

  name            = "event-mesh-production"
  packages        = var.packages
  packages_bucket = "EXAMPLE-artifacts"
  packages_prefix = "event-mesh/"

  log_retention_days = 90
  search_concurrency = 50
  enrich_concurrency = 6 # one for each partition: more could not work at once

  jwt_jwks_url = "https://issuer.example/.well-known/jwks.json"
  jwt_issuer   = "https://issuer.example/"
  jwt_audience = "event-mesh"

  # Of Amazon MSK: aws kafka get-bootstrap-brokers, BootstrapBrokerStringSaslScram.
  kafka_bootstrap_servers = ["kafka-1.example:9096", "kafka-2.example:9096", "kafka-3.example:9096"]
  kafka_secret_arn        = "${local.secrets}/kafka-AbCdEf"

  qdrant_url        = "https://qdrant.example:6333"
  qdrant_secret_arn = "${local.secrets}/qdrant-AbCdEf"

  vpc_subnet_ids        = ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"]
  vpc_security_group_id = "sg-0cccccccccccccccc"

  alarm_topic_arn = "arn:aws:sns:eu-central-1:111122223333:event-mesh-alarms"
}

output "event_mesh" {
  value = module.event_mesh
}
