"""The event source mapping poller for self-managed Kafka that AWS Lambda runs on AWS."""
