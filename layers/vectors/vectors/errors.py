"""What can go wrong with vectors, in the words of the caller."""


class UnavailableError(Exception):
    """Qdrant does not answer; the same call may succeed later."""


class ModelMismatchError(Exception):
    """The collection holds the embeddings of another model; mixed, they would mean nothing."""
