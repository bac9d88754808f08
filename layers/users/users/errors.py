"""What can go wrong with users, in the words of the caller."""


class EmailTakenError(Exception):
    """Another user of the tenant has this e-mail address."""


class NotFoundError(Exception):
    """The tenant has no user with this id."""


class VersionMismatchError(Exception):
    """The user has another version than the caller expects."""


class ErasedError(Exception):
    """The user that the request created has been erased since."""


class InvalidCursorError(ValueError):
    """The cursor was not made by this store for this tenant."""


class UnavailableError(Exception):
    """DynamoDB or Kafka does not answer; the same call may succeed later."""


class OutOfTimeError(Exception):
    """A part of a batch is done, and the function's time is up; the next delivery goes on."""


class KeyReusedError(Exception):
    """The Idempotency-Key came with another body before."""


class InProgressError(Exception):
    """The first request with this Idempotency-Key is still at work."""

    retry_after_seconds = 5  # it is done by then, unless Kafka or DynamoDB are slow
