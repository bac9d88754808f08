# Into an emulator of AWS, such as that of a mesh on this machine: every service at one endpoint, as tflocal has it.
terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.62"
    }
  }
}

variable "packages" {
  type        = string
  default     = "../../../../packages"
  description = "The folder that `mesh package` wrote."
}

variable "endpoint" {
  type        = string
  default     = "http://127.0.0.1:4566"
  description = "Where the emulator is."
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = "true"
  skip_requesting_account_id  = true
  s3_use_path_style           = true

  endpoints {
    apigateway = var.endpoint
    cloudwatch = var.endpoint
    dynamodb   = var.endpoint
    events     = var.endpoint
    iam        = var.endpoint
    lambda     = var.endpoint
    logs       = var.endpoint
    s3         = var.endpoint
    sts        = var.endpoint
  }
}

module "event_mesh" {
  source = "../../event_mesh"

  packages        = var.packages
  packages_bucket = "event-mesh-artifacts"

  environment             = "development"
  auth_mode               = "dev"
  log_retention_days      = 1
  kafka_bootstrap_servers = ["127.0.0.1:19092"]
  qdrant_url              = "http://127.0.0.1:6333"
}

output "event_mesh" {
  value = module.event_mesh
}
