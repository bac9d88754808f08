# A staging deployment whose network another configuration owns: subnets and security group come from its state's
# outputs, as variables. Kafka is entered by client certificate; pages of one origin call the API.
terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.62"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

variable "packages" {
  type        = string
  default     = "../../../../packages"
  description = "The folder that `mesh package` wrote."
}

variable "private_subnet_ids" {
  type        = list(string)
  default     = ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"]
  description = "Private subnets with a way to Kafka, Qdrant, DynamoDB, STS, Lambda and Secrets Manager."
}

variable "security_group_id" {
  type        = string
  default     = "sg-0cccccccccccccccc"
  description = "A security group that may reach them."
}

module "event_mesh" {
  source = "../../event_mesh"

  name            = "event-mesh-staging"
  packages        = var.packages
  packages_bucket = "EXAMPLE-artifacts"
  environment     = "staging"

  jwt_jwks_url         = "https://issuer.example/.well-known/jwks.json"
  jwt_issuer           = "https://issuer.example/"
  jwt_audience         = "event-mesh"
  cors_allowed_origins = ["https://staging.example"]

  kafka_bootstrap_servers             = ["kafka.example:9093"]
  kafka_client_certificate_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:event-mesh/kafka-client-AbCdEf"
  kafka_root_ca_secret_arn            = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:event-mesh/kafka-ca-AbCdEf"

  qdrant_url        = "https://qdrant.example:6333"
  qdrant_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:event-mesh/qdrant-AbCdEf"

  vpc_subnet_ids        = var.private_subnet_ids
  vpc_security_group_id = var.security_group_id
}

output "event_mesh" {
  value = module.event_mesh
}
