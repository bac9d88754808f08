output "api_url" {
  description = "The API's base URL on AWS."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "api_id" {
  description = "The REST API's id."
  value       = aws_api_gateway_rest_api.this.id
}

output "users_table_name" {
  description = "The table that holds the users."
  value       = aws_dynamodb_table.users.name
}

output "enrich_function_name" {
  description = "Who reads the topic: `aws lambda list-event-source-mappings --function-name` says how that goes."
  value       = aws_lambda_function.this["Enrich"].function_name
}

output "reindex_function_name" {
  description = "What infra/aws/until_done.sh invokes to fill the index from the table."
  value       = aws_lambda_function.this["Reindex"].function_name
}

output "delete_tenant_function_name" {
  description = "What infra/aws/until_done.sh invokes to erase a tenant."
  value       = aws_lambda_function.this["DeleteTenant"].function_name
}

output "user_events_topic_partitions" {
  description = "The topic that must be there, and its partitions."
  value       = "${var.user_events_topic}:${var.user_events_partitions}"
}

output "user_events_topic_configuration" {
  description = "How that topic is to be configured. It keeps the newest event of each user; an older one goes within that time."
  value       = "cleanup.policy=compact,max.compaction.lag.ms=${var.user_events_max_compaction_lag_ms}"
}

output "dead_letter_topic" {
  description = "The other topic that must be there."
  value       = var.dead_letter_topic
}

output "dead_letter_topic_configuration" {
  description = "How the other topic is to be configured: a record that Lambda delivers fits with the headers that it gets, and goes a day after its time at the latest, with the segment that it lies in."
  value       = "cleanup.policy=delete,retention.ms=${var.dead_letter_retention_ms},segment.ms=86400000,max.message.bytes=8388608"
}
