"""Text to embedding, and the Qdrant collection, filtered by tenant by construction."""
