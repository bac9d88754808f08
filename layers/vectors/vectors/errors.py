"""What can go wrong with vectors, in the words of the caller."""


class UnavailableError(Exception):
    """Qdrant or the embedding provider does not answer; the same call may succeed later.

    After the seconds that it asks for, if any.
    """

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelMismatchError(Exception):
    """The collection holds the embeddings of another model; mixed, they would mean nothing."""


class LayoutMismatchError(Exception):
    """The collection is laid out as an older or newer version of this layer wants it."""


class ServerTooOldError(Exception):
    """Qdrant is of a version that would let an older change overwrite a newer one."""


class QueryRefusedError(Exception):
    """The embedding provider does not take what is searched for."""


class LabelRefusedError(Exception):
    """The embedding provider does not take a label of TOPIC_LABELS or TOPIC_LABEL_OVERRIDES: change it."""


class InvalidCursorError(Exception):
    """The cursor is damaged, or of another search."""

    def __init__(self) -> None:
        super().__init__(
            "The cursor is not of this search; ask again without one, or with what it came from."
        )
