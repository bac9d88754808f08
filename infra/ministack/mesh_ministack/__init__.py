"""MiniStack with what it gets wrong put right: run by the interpreter of MiniStack's own environment."""
