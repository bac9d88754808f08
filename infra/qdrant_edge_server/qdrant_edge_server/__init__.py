"""Qdrant's REST API, the part that qdrant-client needs, over Qdrant's own engine: see README.md."""
