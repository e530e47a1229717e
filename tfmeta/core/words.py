"""Words of messages and tables: counts with their nouns."""

__all__ = ["counted"]


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun in the right number.

    Example:
        >>> counted(1, "step"), counted(3000, "step")
        ('1 step', '3,000 steps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
