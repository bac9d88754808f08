"""Enrichment: the steps that make of a user what the index holds, one file each."""
