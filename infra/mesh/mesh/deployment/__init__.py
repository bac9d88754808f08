"""From sources to a deployed stack."""
