"""Event source mappings: read from a template or the Lambda API, and checked."""
