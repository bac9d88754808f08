"""What is wrong with what somebody gave us."""


class ConfigurationError(Exception):
    """The configuration cannot be used; the message says where, and what to do."""
