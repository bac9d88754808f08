"""What Lambda says of a process that ended before it had answered."""

import signal

ERROR_TYPE = "Runtime.ExitError"
START = "Runtime exited with error: "


def told(exit_code: int) -> str:
    """Return the text for an exit code of `subprocess`: negative for a signal."""
    how = f"exit status {exit_code}" if exit_code >= 0 else f"signal: {signal.strsignal(-exit_code)}".lower()
    return START + how
