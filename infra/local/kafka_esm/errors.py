"""The one error that ends the command: configuration that somebody has to change."""


class ConfigurationError(Exception):
    """The template or the command line is wrong; the message says what to do, in one line."""
