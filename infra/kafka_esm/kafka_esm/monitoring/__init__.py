"""What a poller tells about itself."""
