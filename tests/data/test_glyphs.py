import numpy as np
import pytest

from tfmeta.data.glyphs import glyphs


@pytest.fixture(scope="module")
def drawn():
    return glyphs(30, drawings=8)


def test_they_come_as_omniglot_does(drawn):
    assert drawn.shape == (30, 8, 28, 28, 1)
    assert drawn.dtype == np.uint8
    assert drawn.max() == 255
    assert drawn.min() == 0


def test_a_character_depends_on_the_seed_and_its_number_alone(drawn):
    np.testing.assert_array_equal(glyphs([7, 29], drawings=3), drawn[[7, 29], :3])
    np.testing.assert_array_equal(glyphs(range(10, 12), drawings=8), drawn[10:12])
    assert (glyphs(3, drawings=8, seed=1) != drawn[:3]).any(axis=(1, 2, 3, 4)).all()


def test_strokes_are_as_thick_as_omniglots(drawn):
    ink = (drawn / 255.0).mean(axis=(2, 3, 4))
    assert 0.05 < ink.mean() < 0.09  # Omniglot: 0.077
    assert ink.min() > 0.01
    assert ink.max() < 0.25


def test_no_two_drawings_are_the_same(drawn):
    assert len(np.unique(drawn.reshape(240, -1), axis=0)) == 240


def test_a_character_looks_more_like_itself_than_like_others():
    """One shot, nearest by pixels after a blur: chance is 3%, and a human would be nearly always right."""
    x = glyphs(30, drawings=2).astype(np.float32)[..., 0]
    kernel = np.exp(-0.5 * ((np.arange(28)[:, None] - np.arange(28)) / 1.5) ** 2).astype(np.float32)
    support, query = np.moveaxis((kernel @ x @ kernel).reshape(30, 2, -1), 1, 0)
    distance = ((support[None] - query[:, None]) ** 2).sum(-1)
    assert (distance.argmin(1) == np.arange(30)).mean() > 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": -1}, "classes=-1"),
        ({"classes": [3, -2]}, "numbered from 0"),
        ({"classes": 3, "drawings": 0}, "drawings=0"),
        ({"classes": 3, "seed": -1}, "seed=-1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        glyphs(**arguments)


def test_no_characters_is_no_mistake():
    assert glyphs(0).shape == (0, 20, 28, 28, 1)
