"""What only an operator does, for all tenants or to one."""
