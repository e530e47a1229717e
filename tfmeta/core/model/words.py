"""Labels as words: numbers go to the model, and its answers get the words back."""

from typing import Any

import numpy as np

from tfmeta.core.model.specs import InputError

__all__ = ["ClassNames", "name_classes", "number_words"]

ClassNames = tuple[Any, ...]
"""The words of a task's classes in the order of their numbers; of several tasks, one such tuple each."""


def number_words(name: str, labels: Any, *, classes: bool) -> tuple[Any, ClassNames | None]:
    """Numbers the words of each task in the order of the alphabet.

    Args:
        name: what the labels are called in an error.
        labels: [S] words of one task, [B,S] of several; or labels that are no words, which stay as they are.
        classes: whether the model tells classes apart; words mean nothing to a regressor.

    Returns:
        The labels, int64 where they were words; and the words of each task [B], None where there were none.

    Raises:
        InputError: if only some of the labels are words, or if words come where targets are expected.

    Example:
        >>> number_words("support_y", ["dog", "cat", "dog"], classes=True)
        (array([1, 0, 1]), (('cat', 'dog'),))
    """
    try:
        array = np.asarray(labels)
    except ValueError:  # rows of different lengths, which the spec of the input explains
        return labels, None
    if array.dtype.kind not in "UO":
        return labels, None
    array = np.array(labels, dtype=object)
    others = [label for label in array.flat if not isinstance(label, str)]
    if len(others) == array.size:
        return labels, None
    if others:
        raise InputError(f"{name} holds words, and {others[0]!r} beside them; expected all words, or none.")
    if not classes:
        raise InputError(f"{name} holds words, but the model predicts numbers; expected numbers as targets.")
    if array.ndim not in (1, 2):
        raise InputError(
            f"{name} has the shape {list(array.shape)}, expected [S] words, or [B,S] of several tasks."
        )
    numbered = [np.unique(row.astype(str), return_inverse=True) for row in np.atleast_2d(array)]
    codes = np.reshape([row for _, row in numbered], array.shape)
    return codes.astype(np.int64), tuple(tuple(words.tolist()) for words, _ in numbered)


def name_classes(labels: np.ndarray, names: ClassNames) -> np.ndarray:
    """Gives each label its word.

    Args:
        labels: [B,Q].
        names: the words of each task, [B].

    Returns:
        [B,Q] words; empty for a class that the model knows and no example was given of.

    Example:
        >>> name_classes(np.array([[1, 0, 2]]), (("cat", "dog"),)).tolist()
        [['dog', 'cat', '']]
    """
    longest = max(labels.max(initial=0) + 1, *map(len, names))
    padded = np.array([(*words, *[""] * (longest - len(words))) for words in names])  # [B,N]
    return np.take_along_axis(padded, labels, axis=1)
