"""Block stacking as tasks: what is trained on, and what is tested with."""

import pytest

from tfmeta.imitation import StackingTasks


def test_no_shape_is_both_trained_on_and_tested_with():
    tasks = StackingTasks()
    split = tasks.layouts()
    assert not {layout.shape for layout in split.training} & {layout.shape for layout in split.test}
    assert (
        {layout.stages for layout in split.test}
        == set(range(1, 7))
        == {layout.stages for layout in split.training}
    )
    assert set(tasks.world("train").layouts) == set(split.training) == set(tasks.world("validation").layouts)
    assert set(tasks.world("test").layouts) == set(split.test)


def test_each_test_has_layouts_of_one_number_of_stages():
    tasks = StackingTasks(most_cubes=5, most_stages=3)
    split, tests = tasks.layouts(), tasks.tests("test")
    assert next(iter(tests)) == "unseen, 2 stages" and len(tests) == 6
    for name, world in tests.items():
        group, stages = name.split(", ")
        assert {layout.stages for layout in world.layouts} == {int(stages.split()[0])}
        assert set(world.layouts) <= set(split.test if group == "unseen" else split.training)
        assert world.most_objects == 5
    assert all(name.startswith("seen") for name in tasks.tests("validation"))


def test_layouts_depend_on_the_settings_alone():
    assert StackingTasks().layouts() == StackingTasks().layouts() != StackingTasks(split_seed=1).layouts()


@pytest.mark.parametrize(
    "settings", [{"most_stages": 7}, {"most_cubes": 4, "most_stages": 3}, {"most_cubes": 3, "most_stages": 2}]
)
def test_stages_with_a_single_shape_are_refused(settings):
    with pytest.raises(ValueError, match=r"stages?, so that there are two shapes of each"):
        StackingTasks(**settings).layouts()


def test_more_cubes_than_letters_are_refused():
    with pytest.raises(ValueError, match="most_cubes=11; expected at most 10"):
        StackingTasks(most_cubes=11).layouts()
