import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data.pairings import pairings
from tfmeta.data.shape_drawing import draw_grids
from tfmeta.data.shape_grid import COLOURS, SHAPES, Grids, attend, judge
from tfmeta.data.shape_scenes import shown
from tfmeta.data.shape_world import ShapeWorld
from tfmeta.data.shapes import load_shapes, read_grids, shapes_question

HELD_OUT = (("red", "circle"), ("blue", "square"))


@pytest.fixture(scope="module")
def questions():
    return ShapeWorld().questions(range(300))


def test_they_come_as_shapes_does(questions):
    assert questions.images.shape == (300, 30, 30, 3) and questions.images.dtype == np.float32
    assert questions.images.min() == 0 and questions.images.max() == 1
    assert questions.questions.shape == questions.layouts.shape == questions.answers.shape == (300,)


def test_every_answer_is_what_the_judge_says(questions):
    for layout in np.unique(questions.layouts):
        of_it = questions[questions.layouts == layout]
        np.testing.assert_array_equal(judge(str(layout), of_it.grids), of_it.answers)


def test_what_is_drawn_can_be_read_from_the_pixels(questions):
    read = read_grids(questions.images)
    for name in ("colours", "shapes", "sizes"):
        np.testing.assert_array_equal(getattr(read, name), getattr(questions.grids, name))


def test_answers_are_balanced(questions):
    counts = Counter(questions.answers.tolist())
    assert set(counts) == set(ShapeWorld().answers)
    for kind in (("no", "yes"), COLOURS[:3], SHAPES[:3], tuple("01234")):
        shares = np.array([counts[answer] for answer in kind]) / sum(counts[answer] for answer in kind)
        assert shares.min() > 0.6 / len(kind), (kind, shares)


def test_a_question_depends_on_the_seed_and_its_number_alone(questions):
    again = ShapeWorld().questions([7, 250])
    np.testing.assert_array_equal(again.images, questions.images[[7, 250]])
    assert again.questions.tolist() == questions.questions[[7, 250]].tolist()
    other = ShapeWorld().questions(range(20), seed=1)
    assert (other.images != questions.images[:20]).any(axis=(1, 2, 3)).all()


def test_the_circle_is_one_circle(questions):
    described = [number for number, layout in enumerate(questions.layouts) if layout.startswith("(describe")]
    for number in described:
        one = questions[number : number + 1]
        _, attention = str(one.layouts[0])[:-1].split(" ", 1)
        assert attend(attention, one.grids).sum() == 1, one.questions


def test_batches_are_the_questions_in_order(questions):
    world = ShapeWorld()
    x, y = next(iter(world.batches(4, start=2)))
    np.testing.assert_array_equal(x["image"].numpy(), questions.images[8:12])
    assert [text.decode() for text in x["question"].numpy()] == questions.questions[8:12].tolist()
    assert [text.decode() for text in x["layout"].numpy()] == questions.layouts[8:12].tolist()
    assert [world.answers[place] for place in y.numpy()] == questions.answers[8:12].tolist()


@pytest.mark.parametrize("held_out_from", ["images", "questions"])
def test_training_never_puts_together_what_is_held_out(held_out_from):
    world = ShapeWorld(held_out=HELD_OUT, held_out_from=held_out_from)
    train = world.questions(range(150))
    for colour, shape in HELD_OUT:
        assert not any(f"find[{colour}] find[{shape}]" in layout for layout in train.layouts)
        assert not any(f"a {shape} {colour}" in text for text in train.questions)
    seen = shown(train.grids, HELD_OUT)
    assert seen.any() == (held_out_from == "questions")
    for number in np.flatnonzero([layout.startswith("(describe") for layout in train.layouts]):
        _, attention = str(train.layouts[number])[:-1].split(" ", 1)
        assert not (attend(attention, train.grids[[number]]) & seen[[number]]).any()
    for words in ("red", "circle", "blue", "square"):  # each alone is seen often enough
        assert sum(f"find[{words}]" in layout for layout in train.layouts) > 15


def test_the_held_out_part_asks_of_nothing_else():
    held = ShapeWorld(held_out=HELD_OUT).questions(range(150), part="held_out")
    existing = np.array([layout.startswith("(exists") for layout in held.layouts])
    assert 0.3 < (held.answers[existing] == "yes").mean() < 0.7
    for text, layout, answer, number in zip(
        held.questions, held.layouts, held.answers, range(150), strict=True
    ):
        if layout.startswith("(describe"):
            assert any(answer in pair for pair in HELD_OUT), text
            _, attention = str(layout)[:-1].split(" ", 1)
            grids = held.grids[[number]]
            assert (attend(attention, grids) & shown(grids, HELD_OUT)).sum() == 1, text
        else:
            assert any(f"(and find[{colour}] find[{shape}]" in layout for colour, shape in HELD_OUT), text
    # Where the answer is no, there are mostly the colour and the shape all the same, only not together.
    no = existing & (held.answers == "no")
    both = [
        judge(f"(exists find[{colour}])", held.grids) == judge(f"(exists find[{shape}])", held.grids)
        for colour, shape in HELD_OUT
    ]
    assert np.mean(np.all(both, axis=0)[no]) > 0.5


def test_a_world_may_be_larger_and_less_tidy():
    world = ShapeWorld(
        cells=4, side=48, colours=COLOURS, shapes=SHAPES, style="varied", kinds=("exists",), relations=1
    )
    made = world.questions(range(20))
    assert made.images.shape == (20, 48, 48, 3) and world.answers == ("no", "yes")
    assert made.images.min() >= 0 and made.images.max() <= 1
    assert set(np.unique(made.grids.shapes)) == {-1, 0, 1, 2, 3, 4}
    corners = made.images[:, 0, 0]
    assert corners.std() > 0.01  # no two backgrounds are the same


def test_shapes_of_a_radius_have_their_area():
    radius = {"small": 2.5, "big": 3.75}
    areas = {"circle": np.pi, "square": 4, "triangle": 2, "diamond": 2, "cross": 4 * (1 - 0.65**2)}
    for place, (name, area) in enumerate(areas.items()):
        for size, (_, length) in enumerate(radius.items()):
            lone = Grids(*(np.full([1, 1, 1], value, np.int8) for value in (0, place, size)))
            image = draw_grids(lone, 10, "shapes", np.full([1, 1, 1, 9], 0.5), np.zeros([1, 10, 10]))
            assert image[..., 0].sum() == pytest.approx(area * length**2, rel=0.05), name


def test_any_question_is_asked_about_plain_images():
    images, grids = ShapeWorld().images(range(200), seed=3)
    assert 0.75 < (grids.shapes >= 0).mean() < 0.85
    counts = np.unique(grids.colours * 3 + grids.shapes, return_counts=True)[1]
    assert len(counts) == 10 and counts.min() > 100  # 160 of each kind are due
    asked = [shapes_question("(is red circle)"), shapes_question("(is green (left_of square))")]
    x, y = next(iter(pairings(images, grids, asked, size=100, balanced=True)))
    assert 0.3 < y.numpy().mean() < 0.7
    assert set(x["question"].numpy()) == {question.text.encode() for question in asked}


@pytest.mark.skipif(
    not Path(os.environ.get("TFMETA_SHAPES", "absent")).exists(),
    reason="needs the data set SHAPES: set TFMETA_SHAPES to the folder data/shapes of jacobandreas/nmn2",
)
def test_images_look_like_those_of_shapes():
    """Of each kind of shape, the mean image and how far images stray from it."""
    theirs, ours = load_shapes("test"), ShapeWorld().images(range(1000))

    def cells(images):
        return images.reshape(-1, 3, 10, 3, 10, 3).swapaxes(2, 3)

    for colour in range(3):
        for shape in range(3):
            for size in range(2):
                kind = [
                    cells(images)[(grids.colours == colour) & (grids.shapes == shape) & (grids.sizes == size)]
                    for images, grids in ((theirs.images, theirs.grids), ours)
                ]
                assert abs(kind[0].mean(0) - kind[1].mean(0)).max() < 0.06
                assert abs(kind[0].std(0) - kind[1].std(0)).max() < 0.06
    assert abs((theirs.grids.shapes >= 0).mean() - (ours[1].shapes >= 0).mean()) < 0.02


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"colours": ("mauve",)}, "colours=.*expected some of red"),
        ({"shapes": ()}, "shapes="),
        ({"kinds": ("count",)}, "kinds=.*exists, describe, measure"),
        ({"held_out": [("red", "cross")]}, "held_out names red cross"),
        ({"held_out": [(c, s) for c in COLOURS[:3] for s in SHAPES[:3]]}, "nothing is left"),
        ({"held_out_from": "answers"}, "held_out_from='answers'"),
        ({"cells": 1}, "cells=1"),
        ({"side": 31}, "side=31 with 3 cells; expected a multiple of 3, 24 at least"),
        ({"side": 12}, "side=12"),
        ({"style": "oil"}, "style='oil'; expected one of shapes, varied"),
        ({"occupied": 1.0}, "occupied=1.0"),
        ({"relations": 3}, "relations=3 on 3 cells"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        ShapeWorld(**settings)


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="part='test'; expected one of train, held_out"):
        ShapeWorld().questions([0], part="test")
    with pytest.raises(ValueError, match="held_out is empty"):
        ShapeWorld().questions([0], part="held_out")
    with pytest.raises(ValueError, match="numbers is empty"):
        ShapeWorld().questions([])
    with pytest.raises(ValueError, match="size=0"):
        ShapeWorld().batches(0)
    with pytest.raises(TfmetaError, match="has the answer"):  # four shapes are never there
        ShapeWorld(
            cells=2,
            side=20,
            colours=("red",),
            shapes=("circle",),
            kinds=("measure",),
            occupied=0.001,
            relations=0,
        ).questions(range(4))
