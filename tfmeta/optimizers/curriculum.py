"""Descents that grow longer while a rule learns."""

from collections.abc import Mapping
from typing import Any

import keras

from tfmeta.core.checks import check

__all__ = ["Curriculum"]


class Curriculum(keras.callbacks.Callback):
    """Sets how long descents are in training, from epoch to epoch.

    A rule that is bad yet runs away in long descents, and learns little from them; one that has only seen short ones
    is greedy. What holds in an epoch depends on its number alone, so a resumed run finds its place.

    Args:
        lengths: steps of a descent from an epoch on, by its number; there must be an entry for epoch 0, and all are
            multiples of the trainer's `unrolled`.

    Raises:
        ValueError: where epoch 0 is missing.

    Example:
        >>> Curriculum({0: 20, 10: 60, 30: 100}).length(29)
        60

    Reference:
        Chen et al. "Training Stronger Baselines for Learning to Optimize." NeurIPS 2020, section 3.1.
    """

    def __init__(self, lengths: Mapping[int, int]):
        super().__init__()
        check(0 in lengths, f"lengths={dict(lengths)}; expected an entry for epoch 0.")
        self.lengths = dict(sorted(lengths.items()))

    def length(self, epoch: int) -> int:
        """Returns how many steps a descent has in an epoch."""
        return [steps for begin, steps in self.lengths.items() if begin <= epoch][-1]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        unrolled = self.model.unrolled
        odd = [steps for steps in self.lengths.values() if steps % unrolled or steps < 1]
        check(not odd, f"lengths {odd} are no multiples of unrolled={unrolled}; choose some that are.")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.steps.assign(self.length(epoch))
