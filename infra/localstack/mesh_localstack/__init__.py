"""A LocalStack plugin: functions as processes, DynamoDB by moto, Kafka event source mappings."""
