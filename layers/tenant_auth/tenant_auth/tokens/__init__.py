"""Signed tokens, and the keys that verify them: loaded with the first one, for cryptography takes a while."""
