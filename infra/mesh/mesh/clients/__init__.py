"""A running mesh, as the command speaks to it."""
