"""Divides classes into parts for training, validation and test."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.tasks import PARTS, Part

__all__ = ["FEWEST", "FEWEST_OF_A_PART", "PART_NAMES", "check_parts", "divide"]

FEWEST_OF_A_PART = 2  # one class cannot be told apart from anything
FEWEST = FEWEST_OF_A_PART * len(PARTS)

PART_NAMES: dict[str, Part] = {
    "train": "train", "training": "train",
    "validation": "validation", "val": "validation", "valid": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Folders that hold the parts, by their names in small letters."""


def divide(names: Sequence[str], seed: int, whose: str) -> dict[Part, list[str]]:
    """Divides classes at random: half for training, a fifth for validation, the others for test; two at least of each.

    Args:
        names: of the classes.
        seed: shuffles them.
        whose: what has the classes, for the message.

    Returns:
        The names of the classes of each part.

    Raises:
        TfmetaError: for fewer than six classes.

    Example:
        >>> {part: len(names) for part, names in divide("abcdefghij", 0, "The alphabet").items()}
        {'train': 5, 'validation': 2, 'test': 3}
    """
    count = len(names)
    if count < FEWEST:
        raise TfmetaError(
            f"{whose} has {_classes(count)}; expected {FEWEST} at least, two each for training, validation and test."
            " Add classes."
        )
    validation = max(FEWEST_OF_A_PART, round(count / 5))
    train = min(count // 2, count - validation - FEWEST_OF_A_PART)
    shuffled = [names[number] for number in np.random.RandomState(seed).permutation(count)]
    ends = 0, train, train + validation, count
    return {part: sorted(shuffled[ends[i] : ends[i + 1]]) for i, part in enumerate(PARTS)}


def check_parts(parts: Mapping[Part, Sequence[str]], whose: str) -> None:
    """Checks parts that were given.

    Raises:
        TfmetaError: where a part has fewer than two classes, or a class is in two parts.
    """
    of_class: dict[str, Part] = {}
    for part, names in parts.items():
        if len(names) < FEWEST_OF_A_PART:
            raise TfmetaError(
                f"{whose} has {_classes(len(names))} for {part}; expected {FEWEST_OF_A_PART} at least. Add classes."
            )
        for name in names:
            if name in of_class:
                raise TfmetaError(
                    f"{whose} has the class {name!r} for {of_class[name]} and for {part}, but tests need classes that"
                    " were not seen in training. Leave it in one part; or give all classes without parts, so that they"
                    " are divided by a seed."
                )
            of_class[name] = part


def _classes(count: int) -> str:
    return "1 class" if count == 1 else f"{count} classes"
