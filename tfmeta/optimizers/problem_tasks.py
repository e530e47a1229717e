"""Tasks for update rules that are learned: families of problems to minimise."""

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from tfmeta.core.tasks import Part, Tasks
from tfmeta.optimizers.problem import Problem

__all__ = ["ProblemTasks"]


@dataclasses.dataclass(frozen=True)
class ProblemTasks(Tasks):
    """A family of problems that an update rule is learned from.

    Attributes:
        variants: the problems that a rule may be tested on, and what results call them; ``""`` is the one that it is
            trained on.
        networks: whether a problem is the training of a network, so that few of them fit side by side.

    Example:
        >>> from tfmeta.optimizers import Quadratic
        >>> class Bowls(ProblemTasks):
        ...     name, items, source = "bowls", "bowls of two dimensions", "drawn as they are needed"
        ...     variants = {"": "bowls", "wide": "bowls of three dimensions"}
        ...     def problem(self, part, variant=""):
        ...         return Quadratic(3 if variant else 2)
        >>> Bowls().problem("train").dimensions
        2
    """

    fresh = True
    variants: ClassVar[Mapping[str, str]]
    networks: ClassVar[bool] = False

    @abstractmethod
    def problem(self, part: Part, variant: str = "") -> Problem:
        """Builds the problems of a part.

        Args:
            part: the part; seeds tell the problems of the parts apart where all have the same data.
            variant: one of `variants`.

        Raises:
            TfmetaError: where data are missing.
        """

    def load(self, part: Part) -> None:
        self.problem(part)
