# The zips that `mesh package` wrote, by the names that its manifest has for them.
locals {
  manifest = jsondecode(file("${var.packages}/manifest.json"))
  packages = local.manifest.packages

  layers = {
    TenantAuth = "Who is calling, and the FastAPI app that every HTTP function starts from."
    Tracing    = "Where spans go, if there is an OTLP endpoint."
    Users      = "The user, the DynamoDB store, the contract and producer of user.events."
    Vectors    = "Text to embedding, with the model, and the Qdrant collection by tenant."
  }
  # Lambda takes no larger zip in a request: the vectors layer goes by way of S3.
  largest_upload = 50 * 1024 * 1024
  by_s3          = toset([for key in keys(local.layers) : key if local.packages["${key}Layer"].bytes > local.largest_upload])
  in_s3          = var.packages_uploaded ? toset(keys(local.layers)) : local.by_s3
}

resource "aws_s3_object" "layer" {
  for_each = var.packages_uploaded ? toset([]) : local.by_s3

  bucket      = var.packages_bucket
  key         = "${var.packages_prefix}${local.packages["${each.key}Layer"].file}"
  source      = "${var.packages}/${local.packages["${each.key}Layer"].file}"
  source_hash = local.packages["${each.key}Layer"].sha256

  lifecycle {
    precondition {
      condition     = var.packages_bucket != ""
      error_message = "${each.key}Layer is larger than the 50 MB that Lambda takes in a request. Set packages_bucket to a bucket in this region: the layer goes there first."
    }
  }
}

resource "aws_lambda_layer_version" "this" {
  for_each = local.layers

  layer_name               = "${var.name}-${each.key}Layer"
  description              = each.value
  compatible_runtimes      = [var.runtime]
  compatible_architectures = [var.architecture]
  skip_destroy             = true # a version that is there stays: an earlier deployment is gone back to by its layers

  filename         = contains(local.in_s3, each.key) ? null : "${var.packages}/${local.packages["${each.key}Layer"].file}"
  s3_bucket        = contains(local.in_s3, each.key) ? var.packages_bucket : null
  s3_key           = contains(local.in_s3, each.key) ? "${var.packages_prefix}${local.packages["${each.key}Layer"].file}" : null
  source_code_hash = local.packages["${each.key}Layer"].code_sha256

  lifecycle {
    precondition {
      condition     = local.manifest.runtime == var.runtime && local.manifest.architecture == var.architecture
      error_message = "The packages are for ${local.manifest.runtime} on ${local.manifest.architecture}. Set runtime and architecture to these, or run `mesh package` with that Python, on such a machine."
    }
  }

  depends_on = [aws_s3_object.layer]
}
