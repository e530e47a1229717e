"""Quadratic functions as tasks of update rules that are learned."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from tfmeta.core.tasks import Part
from tfmeta.optimizers.problem_tasks import ProblemTasks
from tfmeta.optimizers.quadratic import Quadratic

__all__ = ["QuadraticTasks"]


@dataclasses.dataclass(frozen=True)
class QuadraticTasks(ProblemTasks):
    """Random quadratic functions of ten dimensions.

    Example:
        >>> QuadraticTasks().problem("train")
        Quadratic(dimensions=10, spread=1.0)
    """

    name = "quadratic"
    items = "quadratic functions"
    source = "random quadratic functions of ten dimensions, drawn as they are needed"
    variants: ClassVar[Mapping[str, str]] = {"": "quadratics"}

    def problem(self, part: Part, variant: str = "") -> Quadratic:
        return Quadratic(10)
