"""Errors that say what came, what was expected, and how to mend it."""

import difflib
from collections.abc import Iterable

__all__ = ["TfmetaError", "check", "nearest"]


_SHOWN = 12
"""As many names are worth listing; of more, only the nearest are."""


class TfmetaError(Exception):
    """A mistake that its user can mend; its text is the whole story, so the command line prints it alone."""


def check(holds: bool, message: str) -> None:
    """Raises `ValueError` with `message` unless `holds`."""
    if not holds:
        raise ValueError(message)


def nearest(name: str, known: Iterable[str]) -> str:
    """Says which known name was probably meant, and which others there are.

    Args:
        name: what came.
        known: what would have been accepted.

    Returns:
        A sentence to end an error message with.

    Example:
        >>> nearest("mmal", ["maml", "matching"])
        'Did you mean maml? Known: maml, matching.'
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}? " if close else ""
    if len(known) <= _SHOWN:
        return f"{hint}Known: {', '.join(known) or 'none'}."
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
    return f"{hint}The nearest of {len(known)} names: {', '.join(near)}."
