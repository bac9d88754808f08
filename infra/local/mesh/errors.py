"""An error that is the user's to solve."""


class MeshError(Exception):
    """Says what is wrong and what to do next; shown without a stack trace."""
