"""Schema registries: records checked against their schemas, and delivered as JSON or as they are."""
