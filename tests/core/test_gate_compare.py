"""When the gate takes two answers for the same."""

import numpy as np
import pytest

from tfmeta.core.gate.compare import differences

TIE = np.array([[0.2, 0.4, 0.4]], np.float32)
JUST = TIE + np.array([0, 1e-7, 0], np.float32)


@pytest.mark.parametrize(
    ("answer", "expected", "same"),
    [
        ((JUST, 1), (TIE[:, [0, 2, 1]], 1), True),
        ((JUST, 1), (JUST[:, [0, 2, 1]], 2), True),  # equal but for rounding
        ((JUST, 1), (JUST, 2), False),  # not what the numbers say
        ((JUST, 0), (JUST[:, [0, 2, 1]], 2), False),
        ((np.array([[0.1, 0.5, 0.4]]), 1), (np.array([[0.1, 0.4, 0.5]]), 2), False),  # no tie
    ],
)
def test_a_tie_may_fall_to_either_side(answer, expected, same):
    answer, expected = (
        {"probabilities": numbers.astype(np.float32), "labels": np.array([label])}
        for numbers, label in (answer, expected)
    )
    assert (not differences(answer, expected)[0]) == same


def test_an_integer_of_its_own_is_compared_as_it_is():
    faults, _ = differences({"count": np.array([1])}, {"count": np.array([2])})
    assert faults == ["count differs"]


def test_of_answers_with_ties_the_largest_difference_is_told():
    answers = [{"p": JUST, "label": np.array([1])}, {"p": JUST[:, [0, 2, 1]], "label": np.array([2])}]
    faults, largest = differences(*answers)
    assert not faults and 0 < largest < 1e-6
