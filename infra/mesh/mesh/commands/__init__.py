"""What each `mesh` command runs."""
