"""How many numbers a task state has, as a learner declares it."""

import dataclasses
from typing import Any

__all__ = ["StateSize"]


@dataclasses.dataclass(frozen=True)
class StateSize:
    """The number D of a task state ``[B, D]``: ``D = base + step * n``, where n counts classes or support items.

    Attributes:
        base: numbers that every state has.
        step: numbers more for each class, or for each support item, of which a task has one at least; 0 where all
            states have the size `base`.

    Example:
        >>> StateSize(64).fits(64), StateSize(64).fits(128)
        (True, False)
        >>> prototypes = StateSize(0, step=64)
        >>> prototypes.fits(128), prototypes.fits(0), prototypes.fits(100)
        (True, False, False)
    """

    base: int
    step: int = 0

    def fits(self, size: Any) -> Any:
        """Returns whether a state may have `size` numbers: a bool for an integer, a boolean tensor for a tensor."""
        if not self.step:
            return size == self.base
        return (size > self.base) & ((size - self.base) % self.step == 0)
