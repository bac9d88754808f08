"""A function's execution environment as a process. The standard library is enough for it."""
