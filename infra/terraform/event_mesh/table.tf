resource "aws_dynamodb_table" "users" {
  name         = coalesce(var.users_table_name, "${var.name}-UsersTable")
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "list"
    type = "S"
  }

  attribute {
    name = "position"
    type = "S"
  }

  # Sparse: only what is looked for without knowing its tenant.
  global_secondary_index {
    name            = "across_tenants"
    hash_key        = "list"
    range_key       = "position"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  server_side_encryption {
    enabled = true
  }

  point_in_time_recovery {
    enabled = true
  }

  # The users outlive the deployment: `destroy` stops here. README.md says how the rest is destroyed.
  lifecycle {
    prevent_destroy = true
  }
}
