"""What a running mesh tells about itself: `/metrics`, and the Prometheus that scrapes it."""
