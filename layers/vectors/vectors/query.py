"""What can be searched for: a text that says something."""

WORDS = r"\p{L}|\p{N}"  # as a pattern of JSON Schema


def with_words(text: str) -> str:
    """Return a text that has a letter or a digit; ValueError for any other: its vector is near to anybody."""
    if not any(map(str.isalnum, text)):
        raise ValueError("Search for something with a letter or a digit in it, of any script.")
    return text
