"""An error that is the user's to solve."""


class MeshError(Exception):
    """Says what is wrong and what to do next; shown without a stack trace."""


_CLIENTS = {"boto3", "botocore", "httpcore", "httpx", "kafka", "kafka_esm", "qdrant_client"}


def is_users(error: Exception) -> bool:
    """Whether an error is the user's to solve: ours, the system's, a client's, or about the template."""
    return isinstance(error, MeshError | OSError) or type(error).__module__.partition(".")[0] in _CLIENTS
