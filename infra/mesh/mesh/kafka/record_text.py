"""What a record holds, as text that can be shown: it may hold anything."""


def text(content: bytes | None) -> str:
    """Return bytes as text, with escapes for what is no UTF-8."""
    return "(none)" if content is None else content.decode(errors="backslashreplace")


def line(shown: str) -> str:
    """Return text with escapes for what would command a terminal, or have a line read the other way round."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown)


def lines(shown: str) -> str:
    """Return text of several lines, each as `line` has it."""
    return "\n".join(map(line, shown.split("\n")))
