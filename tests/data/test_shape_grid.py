import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data.shape_grid import COLOURS, SHAPES, SIZES, Grids, attend, judge


def scene(text):
    """One image of a row a line, cells such as `red-circle` or `.`."""
    cells = [[cell.split("-") if cell != "." else None for cell in row.split()] for row in text.split("/")]

    def places(names, part):
        return np.array(
            [[[names.index(cell[part]) if cell else -1 for cell in row] for row in cells]], np.int8
        )

    shapes = places(SHAPES, 1)
    return Grids(places(COLOURS, 0), shapes, np.where(shapes >= 0, SIZES.index("big"), -1))


SCENE = scene("red-circle . blue-square / . green-circle red-square / blue-triangle . .")


@pytest.mark.parametrize(
    ("layout", "answer"),
    [
        ("(exists (and find[red] find[circle]))", "yes"),
        ("(exists (and find[green] find[square]))", "no"),
        ("(exists (and find[red] (relate[below] find[blue])))", "yes"),
        ("(exists (and find[red] (relate[above] find[blue])))", "no"),
        ("(exists (and find[circle] (relate[left-of] find[square])))", "yes"),
        ("(exists (and find[circle] (relate[left-of] (and find[blue] find[square]))))", "no"),
        ("(exists (and find[red] (relate[above] (relate[left-of] find[green]))))", "yes"),
        ("(exists (relate[right-of] find[square]))", "no"),  # there is no cell to the right of the last
        ("(measure[count] find[red])", "2"),
        ("(measure[count] find[shape])", "5"),
        ("(measure[count] find[small])", "0"),
        ("(describe[color] find[triangle])", "blue"),
        ("(exists (relate[left_of] find[square]))", "yes"),  # as the authors of SHAPES spell it
        ("(describe[colour] (relate[right-of] find[green]))", "red"),
        ("(describe[shape] find[green])", "circle"),
        ("(describe[size] find[shape])", "big"),
        ("(describe[color] find[circle])", ""),  # they are of two colours
        ("(describe[color] find[cross])", ""),
    ],
)
def test_layouts_mean_what_they_say(layout, answer):
    assert judge(layout, SCENE) == [answer]


def test_relations_are_to_adjacent_cells():
    np.testing.assert_array_equal(
        attend("(relate[above] find[triangle])", SCENE)[0], [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    )


def test_labels_are_no_cells():
    with pytest.raises(TfmetaError, match=r"\(exists find\[red\]\) means no cells"):
        attend("(exists find[red])", SCENE)


def test_images_do_not_touch_each_other():
    empty = Grids(*[np.full([1, 3, 3], -1, np.int8)] * 3)
    both = Grids(*(np.concatenate(pair) for pair in zip(*map(_contents, (SCENE, empty)), strict=True)))
    assert judge("(exists (relate[above] find[red]))", both).tolist() == ["yes", "no"]
    assert len(both[1:]) == 1


def _contents(grids):
    return grids.colours, grids.shapes, grids.sizes


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("(exists find[rde])", "names rde .*mean red"),
        ("(exists (relate[over] find[red]))", "names over .*Known: above, below, left-of, right-of"),
        ("find[red]", "find.red. gives no answer; expected exists, measure or describe"),
        ("(measure[weight] find[red])", "names weight"),
        ("(exists (and find[red]))", "and takes two attentions or more, 1 came"),
        ("(exists lookup[miami])", "lookup.miami. means no cells of a grid of shapes; expected find"),
        ("(exists find[red]", "never closed"),
        ("", "Expected a module .*the text ends"),
        ("(exists find[red]))", "has ended, but its text goes on"),
        ("(exists [red])", "Expected a module .*but '\\[' came"),
    ],
)
def test_what_cannot_be_carried_out_is_named(layout, message):
    with pytest.raises(TfmetaError, match=message):
        judge(layout, SCENE)
