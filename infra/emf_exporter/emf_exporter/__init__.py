"""CloudWatch's embedded metric format (EMF), as metrics for Prometheus."""
