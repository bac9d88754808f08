"""Bringing many users into a tenant: a file, read line by line, sent by hundreds."""
