"""Lambda functions outside Lambda: behind a REST API, and by Lambda's Invoke API."""
