"""The errors that end the command: somebody has to change something."""


class ConfigurationError(Exception):
    """The template or the command line is wrong; the message says what to do, in one line."""


class AccessDenied(Exception):  # noqa: N818 - what it is
    """Kafka refuses the credentials, or the group or the topic: trying again would change nothing."""


class CredentialsRefused(AccessDenied):
    """Kafka refuses the credentials: trying again would change nothing, unless they have been changed."""
