"""Words of messages and tables: counts with their nouns, and texts of strangers."""

import re

__all__ = ["counted", "printable"]

# What moves the cursor of a terminal, colours it, or writes from right to left; not tabs and ends of lines.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun in the right number.

    Example:
        >>> counted(1, "step"), counted(3000, "step")
        ('1 step', '3,000 steps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    """Returns a text that somebody else wrote without what a terminal would obey.

    Example:
        >>> printable("red\\x1b[31m")
        'red\ufffd[31m'
    """
    return _CONTROLS.sub("\ufffd", text)
