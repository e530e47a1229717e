"""Layouts of cubes: their text, their arrays, how many there are, and their division."""

import itertools
import math

import numpy as np
import pytest

from tfmeta.imitation.layout_split import count_layouts, list_layouts, list_shapes, split_layouts
from tfmeta.imitation.layouts import Layout, LayoutError, layout_table


def test_the_first_letter_is_at_the_bottom():
    layout = Layout("bca d")
    assert layout.towers == ((1, 2, 0), (3,))
    assert layout.supports == (2, -1, 1, -1)
    assert layout.order == (1, 2, 0, 3)
    assert (layout.cubes, layout.stages, layout.shape) == (4, 2, (3, 1))


@pytest.mark.parametrize(
    ("text", "stages"),
    [("ab cd ef", 3), ("abcd", 3), ("abcdefgh", 7), ("ba", 1), ("a b", 0), ("abc de f", 3)],
)
def test_stages_are_the_sum_of_heights_less_one(text, stages):
    assert Layout(text).stages == stages == sum(len(tower) - 1 for tower in text.split())


def test_the_order_of_towers_has_no_meaning_and_that_of_cubes_has():
    assert Layout("cd e ab") == Layout(" ab  cd e") and hash(Layout("cd ab")) == hash(Layout("ab cd"))
    assert str(Layout("e cd ab")) == "ab cd e"
    assert Layout("ab") != Layout("ba")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("aa", "'aa' names cube 'a' 2 times; expected each cube once"),
        ("ab ca", "names cube 'a' 2 times"),
        ("", "'' names no cube; expected towers such as 'ab c'"),
        (" \n", "names no cube"),
        ("aB", "names 'B', which is no cube; expected letters from 'a' to 'j'"),
        ("abcdefghijk", "names 'k', which is no cube"),
        ("ab-c", "names '-', which is no cube"),
        ("ac", "names cube 'c' but not 'b'.*Add 'b' as a tower of its own"),
        (["ab"], "came as list; expected a text"),
    ],
)
def test_what_is_no_layout_is_refused_with_words(text, words):
    with pytest.raises(LayoutError, match=words):
        Layout(text)


def test_a_table_has_rows_of_equal_length():
    table = layout_table(["ba", Layout("dbc a")], most_cubes=5)
    np.testing.assert_array_equal(table.cubes, [2, 4])
    np.testing.assert_array_equal(table.supports, [[1, -1, -1, -1, -1], [-1, 3, 1, -1, -1]])
    np.testing.assert_array_equal(table.rank, [[1, 0, 5, 5, 5], [3, 1, 2, 0, 5]])
    with pytest.raises(
        LayoutError, match=r"'abc' has 3 cubes; expected at most 2. Name fewer cubes, or allow more"
    ):
        layout_table(["abc"], most_cubes=2)


@pytest.mark.parametrize(("cubes", "stages"), [(1, 0), (3, 1), (4, 2), (5, 1), (5, 3), (6, 5)])
def test_all_layouts_are_listed_once(cubes, stages):
    """Beside a search through all orders of the cubes and all ways to cut them into towers."""
    found = set()
    for letters in itertools.permutations("abcdef"[:cubes]):
        for cuts in itertools.combinations(range(1, cubes), cubes - stages - 1):
            ends = [0, *cuts, cubes]
            words = ["".join(letters[begin:end]) for begin, end in itertools.pairwise(ends)]
            found.add(Layout(" ".join(words)))
    listed = list(list_layouts(cubes, stages))
    assert len(listed) == len(set(listed)) == count_layouts(cubes, stages) and set(listed) == found
    assert {layout.shape for layout in listed} == set(list_shapes(cubes, stages))


def test_counts_are_lah_numbers():
    for cubes in range(1, 11):
        for stages in range(cubes):
            towers = cubes - stages
            lah = math.comb(cubes - 1, towers - 1) * math.factorial(cubes) // math.factorial(towers)
            assert count_layouts(cubes, stages) == lah
    assert count_layouts(3, 3) == 0 and not list(list_layouts(3, 3)) and not list_shapes(3, 3)


def test_no_test_layout_is_a_training_layout_with_other_names():
    split = split_layouts(8, stages=range(1, 7), names=5)
    for number in range(1, 7):
        training = {layout.shape for layout in split.training if layout.stages == number}
        test = {layout.shape for layout in split.test if layout.stages == number}
        assert training and test and not training & test
        assert len(training) > len(test)
    assert len(set(split.training)) == len(split.training) and len(set(split.test)) == len(split.test)


@pytest.mark.parametrize("part", [0.01, 0.99])
def test_each_side_of_a_split_has_a_shape_at_least(part):
    split = split_layouts(4, stages=[1, 2], test_part=part)
    for layouts in split:
        assert {layout.stages for layout in layouts} == {1, 2}


def test_names_are_drawn_so_that_no_cube_is_always_at_the_bottom():
    training, test = split_layouts(6, stages=[2], names=20)
    assert {layout.supports.index(-1) for layout in training} > {0, 1}
    for shape in {layout.shape for layout in (*training, *test)}:
        drawn = [layout for layout in (*training, *test) if layout.shape == shape]
        assert len(drawn) == (6 if shape == (3,) else 12 if shape == (2, 2) else 20)


def test_a_split_is_fixed_by_its_seed():
    split = split_layouts(6, stages=[1, 3], names=3, seed=4)
    assert split == split_layouts(6, stages=[1, 3], names=3, seed=4)
    assert split != split_layouts(6, stages=[1, 3], names=3, seed=5)
    # The division of a number of stages does not depend on which others there are.
    alone = split_layouts(6, stages=[3], names=3, seed=4)
    assert set(alone.training) < set(split.training) and set(alone.test) < set(split.test)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"most_cubes": 4, "stages": [3]}, "At most 4 cubes have 1 shape with 3 stages.*Allow 5 cubes"),
        ({"most_cubes": 11, "stages": [1]}, "11 cubes came; expected from 1 to 10"),
        ({"most_cubes": 4, "stages": [0]}, "expected each to be at least 1"),
        ({"most_cubes": 4, "stages": []}, "stages is empty"),
        ({"most_cubes": 4, "stages": [1], "names": 0}, "names=0"),
        (
            {"most_cubes": 4, "stages": [1], "test_part": 1.0},
            "test_part=1.0; expected a number between 0 and 1",
        ),
    ],
)
def test_a_split_that_cannot_be_made_is_refused_with_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        split_layouts(**arguments)
