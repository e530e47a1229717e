"""Published numbers, and the results that they stand beside."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfmeta.core.cards import Result

__all__ = ["TO_BE_CHECKED", "Published"]

TO_BE_CHECKED = "to be checked"
"""Ends the source of a number that is quoted from memory."""


@dataclasses.dataclass(frozen=True)
class Published:
    """A number of a paper.

    Attributes:
        value: the number.
        source: authors, year and table, and how the protocol differs.
        where: the settings of the results that it stands beside, by name.
        metric: of these results.
        ending: how their `Result.setting` ends, where a test has several.

    Example:
        >>> number = Published(0.958, "Finn et al. 2017, table 1", {"test_ways": 20, "test_shots": 1})
        >>> number.is_of(Result("accuracy", 0.9, 0.01, 1000, "20-way 1-shot"), {"test_ways": 20, "test_shots": 1})
        True
    """

    value: float
    source: str
    where: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    metric: str = "accuracy"
    ending: str = ""

    @property
    def checked(self) -> bool:
        """Whether the number was compared with the text of its paper, or with public copies of its table."""
        return not self.source.endswith(TO_BE_CHECKED)

    def is_of(self, result: Result, settings: Mapping[str, Any]) -> bool:
        """Returns whether the number stands beside a result that was measured with these settings."""
        return (
            result.metric == self.metric
            and result.setting.endswith(self.ending)
            and all(settings.get(name) == value for name, value in self.where.items())
        )
