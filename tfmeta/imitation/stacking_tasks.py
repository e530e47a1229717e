"""Block stacking, as tasks that are demonstrated once."""

import dataclasses
from collections.abc import Mapping

from tfmeta.core.checks import check
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.imitation.imitation_tasks import ImitationTasks
from tfmeta.imitation.layout_split import LayoutSplit, split_layouts
from tfmeta.imitation.layouts import LETTERS
from tfmeta.imitation.stacking import StackingWorld

__all__ = ["StackingTasks"]

_TESTED_FIRST = 2
"""The number of stages by which a result is known; the others follow."""


@dataclasses.dataclass(frozen=True)
class StackingTasks(ImitationTasks):
    """Layouts of cubes that a demonstration builds, and the imitator builds from another arrangement of the cubes.

    Test layouts have shapes that no training layout has. Each is measured by its number of stages, and so are layouts
    of the training in new scenes.

    Example:
        >>> tasks = StackingTasks(most_cubes=4, most_stages=2)
        >>> list(tasks.tests("test"))
        ['unseen, 2 stages', 'unseen, 1 stage', 'seen, 1 stage', 'seen, 2 stages']
    """

    name = "stacking"
    items = "cubes that are to be stacked"
    source = "layouts of cubes at random places of a table, drawn as they are needed"

    most_cubes: int = setting(8, "cubes of a layout at most", least=3)
    most_stages: int = setting(6, "cubes that must be placed on another one, at most", least=1)
    names: int = setting(20, "layouts of a shape at most", least=1)
    split_seed: int = setting(0, "random seed of the division into training and test layouts", least=0)

    def layouts(self) -> LayoutSplit:
        """Returns the layouts to train on and to test with.

        Raises:
            ValueError: for more cubes than have names, or where a number of stages has a single shape only.
        """
        check(
            self.most_cubes <= len(LETTERS),
            f"most_cubes={self.most_cubes}; expected at most {len(LETTERS)}, as so many cubes have names.",
        )
        check(
            self.most_stages <= self.most_cubes - 2,
            f"most_stages={self.most_stages}, most_cubes={self.most_cubes}; expected at most"
            f" {counted(self.most_cubes - 2, 'stage')}, so that there are two shapes of each:"
            " one to train on and one to test with.",
        )
        stages = range(1, self.most_stages + 1)
        return split_layouts(self.most_cubes, stages, names=self.names, seed=self.split_seed)

    def world(self, part: Part) -> StackingWorld:
        split = self.layouts()
        return StackingWorld(split.test if part == "test" else split.training, most_cubes=self.most_cubes)

    def tests(self, part: Part) -> Mapping[str, StackingWorld]:
        split = self.layouts()
        counts = list(range(1, self.most_stages + 1))
        groups = [("seen", split.training, counts)]
        if part == "test":
            groups.insert(0, ("unseen", split.test, sorted(counts, key=lambda count: count != _TESTED_FIRST)))
        return {
            f"{name}, {counted(count, 'stage')}": StackingWorld(
                [layout for layout in layouts if layout.stages == count], most_cubes=self.most_cubes
            )
            for name, layouts, stages in groups
            for count in stages
        }
