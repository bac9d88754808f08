"""Which records go together, when, and what becomes of those that fail."""
