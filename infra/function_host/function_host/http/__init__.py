"""HTTP: API Gateway's REST API and Lambda's Invoke API, as data in and data out, and as applications."""
