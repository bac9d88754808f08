# Each function has a role of its own. Those that act for a tenant may not touch the table: each may assume a second
# role that may, with a session policy that opens the items of one tenant (layers/tenant_auth/tenant_auth/dynamodb.py).
locals {
  kafka_secret_arns = compact([
    var.kafka_secret_arn,
    var.kafka_client_certificate_secret_arn,
    var.kafka_root_ca_secret_arn,
  ])
  kafka_secrets    = { kafka_secrets = [local.may_read[0]] }
  qdrant_secret    = { qdrant_secret = [local.may_read[1]] }
  embedding_secret = { embedding_secret = [local.may_read[2]] }

  # Resources of none are left out below.
  may_read = [for arns in [
    local.kafka_secret_arns,
    compact([var.qdrant_secret_arn]),
    compact([var.embedding_secret_arn]),
    compact([var.next_embedding_secret_arn]),
  ] : { Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = arns }]

  table        = aws_dynamodb_table.users.arn
  across_index = "${aws_dynamodb_table.users.arn}/index/across_tenants"

  function_policies = {
    CreateUser  = local.kafka_secrets
    ImportUsers = local.kafka_secrets
    UpdateUser  = local.kafka_secrets
    DeleteUser  = local.kafka_secrets
    GetUser     = {}
    ListUsers   = {}
    Search      = merge(local.qdrant_secret, local.embedding_secret)
    RelayEvents = merge(local.kafka_secrets, {
      outbox = [
        { Effect = "Allow", Action = ["dynamodb:Query"], Resource = [local.across_index] },
        { Effect = "Allow", Action = ["dynamodb:BatchWriteItem"], Resource = [local.table] },
      ]
    })
    # Also of the event source mapping.
    Enrich = merge(local.kafka_secrets, local.qdrant_secret, local.embedding_secret, {
      next_embedding_secret = [local.may_read[3]]
      # And no tenant's items.
      batches = [{
        Effect   = "Allow"
        Action   = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
        Resource = [local.table]
        Condition = {
          "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["BATCHES"] }
          Null                        = { "dynamodb:LeadingKeys" = "false" }
        }
      }]
      # Beside what AWSLambdaVPCAccessExecutionRole allows; these actions know no resource.
      event_source_mapping = [{
        Effect   = "Allow"
        Action   = ["ec2:DescribeVpcs", "ec2:DescribeSecurityGroups"]
        Resource = local.in_vpc ? ["*"] : []
      }]
    })
    Reindex = merge(local.kafka_secrets, local.qdrant_secret, {
      users = [{ Effect = "Allow", Action = ["dynamodb:Query", "dynamodb:GetItem"], Resource = [local.table, local.across_index] }]
    })
    DeleteTenant = merge(local.kafka_secrets, local.qdrant_secret, {
      users = [{
        Effect   = "Allow"
        Action   = ["dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"]
        Resource = [local.table]
      }]
    })
  }

  changes_users = {
    users = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"]
  }
  tenant_actions = {
    CreateUser  = local.changes_users
    ImportUsers = local.changes_users
    UpdateUser  = local.changes_users
    DeleteUser  = local.changes_users
    GetUser     = { users = ["dynamodb:GetItem", "dynamodb:UpdateItem"] }
    ListUsers   = { users = ["dynamodb:Query", "dynamodb:GetItem", "dynamodb:UpdateItem"] }
    Search      = { rate_limit = ["dynamodb:UpdateItem"] }
  }
  tenant_policies = { for key, policies in local.tenant_actions : key => {
    for name, actions in policies : name => [{ Effect = "Allow", Action = actions, Resource = [local.table] }]
  } }

  policies = merge(concat(
    [for key, policies in local.function_policies : { for name, statements in policies : "${key}Role/${name}" => statements }],
    [for key, policies in local.tenant_policies : { for name, statements in policies : "${key}TenantRole/${name}" => statements }],
  )...)

  managed_policies = setunion(
    ["service-role/AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess"],
    local.in_vpc ? ["service-role/AWSLambdaVPCAccessExecutionRole"] : [],
  )
}

resource "aws_iam_role" "function" {
  for_each = local.function_policies

  name = "${var.name}-${each.key}Role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "tenant" {
  for_each = local.tenant_actions

  name = "${var.name}-${each.key}TenantRole"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = aws_iam_role.function[each.key].arn } }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = { for key, statements in local.policies : key => statements if length(statements[0].Resource) > 0 }

  name   = split("/", each.key)[1]
  role   = "${var.name}-${split("/", each.key)[0]}"
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })

  depends_on = [aws_iam_role.function, aws_iam_role.tenant]
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = { for pair in setproduct(keys(local.function_policies), local.managed_policies) : join("/", pair) => pair }

  role       = aws_iam_role.function[each.value[0]].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value[1]}"
}
