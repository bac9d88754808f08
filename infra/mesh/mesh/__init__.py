"""The embedded mesh: the whole system on one machine, without Docker and without an account."""
