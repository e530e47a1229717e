"""Pictures of module networks: what stands where, what glows, and what is written beside it."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'tfmeta[plot]'")

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

from tfmeta.asking import Answer
from tfmeta.asking.module_pictures import Answered, _tree, draw_examples, draw_modules
from tfmeta.asking.place_pictures import draw_places
from tfmeta.modules.layout import Layout, ModuleType, parse_layout

LAYOUT = parse_layout("(exists (and find[red] (relate[above] find[circle])))")


def answered(**changes):
    given = {
        "image": np.random.RandomState(0).rand(30, 30, 3),
        "question": "is there a red shape above a circle",
        "layout": LAYOUT,
        "attentions": np.random.RandomState(1).rand(6, 9),
        "answer": "yes",
    }
    return Answered(**{**given, **changes})


def test_what_a_module_takes_stands_left_of_it():
    places, links = _tree(LAYOUT)
    assert places == [(0, 0), (0, 1), (1, 1), (2, 0.5), (3, 0.5)]
    assert links == [(1, 2), (0, 3), (2, 3), (3, 4)]


def test_modules_of_any_kind_have_their_place():
    less, negated = ModuleType("less", takes=2), ModuleType("not", takes=1)
    inside = Layout(negated, children=(Layout("find", "red"),))
    places, links = _tree(Layout(less, children=(inside, Layout("find", "circle"))))
    assert places == [(0, 0), (1, 0), (0, 1), (2, 0.5)]
    assert links == [(0, 1), (1, 3), (2, 3)]


def test_the_verdict_tells_right_from_wrong():
    assert answered().verdict[0] == "yes"
    assert answered(right="yes", probability=0.934).verdict[0] == "yes (93%)"
    assert answered(right="no").verdict[0] == "yes, but it is no"
    assert len({answered(right=right).verdict[1] for right in ("", "yes", "no")}) == 3


@pytest.fixture
def drawn(monkeypatch):
    """The figure that was drawn last, kept from being closed."""
    monkeypatch.setattr(pyplot, "close", lambda figure: None)
    yield lambda: pyplot.figure(pyplot.get_fignums()[-1])
    monkeypatch.undo()
    pyplot.close("all")


def texts_of(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_every_module_has_a_panel(drawn, tmp_path):
    shown = answered(right="no", probability=0.9)
    draw_modules(shown, tmp_path / "modules.png")
    figure = drawn()
    picture, *panels = figure.axes
    assert [panel.get_title() for panel in panels] == LAYOUT.tokens()
    highest = [f"at most {attention.max():.2f}" for attention in shown.attentions[:5]]
    assert [panel.get_xlabel() for panel in panels] == highest
    assert picture.get_xlabel().replace("\n", " ") == "yes (90%), but it is no"
    np.testing.assert_array_equal(picture.images[0].get_array(), shown.image)
    assert len(figure.findobj(FancyArrowPatch)) == 4
    assert {str(LAYOUT), shown.question} <= set(texts_of(figure))
    with Image.open(tmp_path / "modules.png") as image:
        assert image.size == tuple((figure.get_size_inches() * 110).astype(int))


def test_what_has_attention_glows(drawn, tmp_path):
    looked = np.zeros([1, 9])
    looked[0, 5] = 1.0
    black = answered(layout=parse_layout("find[red]"), attentions=looked, image=np.zeros([30, 30, 3]))
    draw_modules(black, tmp_path / "one.png")
    glow = np.asarray(drawn().axes[1].images[0].get_array()).sum(axis=-1)
    lit = np.kron(looked.reshape(3, 3), np.ones([10, 10])) > 0
    assert (glow[lit] > 1).all() and (glow[~lit] == 0).all()


def test_a_table_shows_each_question(drawn, tmp_path):
    wide = answered(image=np.zeros([30, 60, 3]), attentions=np.ones([6, 8]), cells=(2, 4), right="no")
    draw_examples([answered(), wide, answered(right="yes")], tmp_path / "table.png", columns=2)
    figure = drawn()
    assert [bool(axis.images) for axis in figure.axes] == [True] * 6 + [False] * 2
    assert figure.axes[2].images[0].get_array().shape == (30, 60, 3)
    texts = texts_of(figure)
    assert [texts.count(text) for text in ("yes", "yes, but it is no")] == [2, 1]
    colours = {text.get_text(): text.get_color() for text in figure.findobj(Text)}
    assert colours["yes, but it is no"] == wide.verdict[1]
    with Image.open(tmp_path / "table.png") as image:
        assert image.size == tuple((figure.get_size_inches() * 110).astype(int))


def test_places_are_rows_and_modules_columns(drawn, tmp_path):
    layout = parse_layout("(and find[city] (relate[in] lookup[georgia]))")
    attentions = np.array([[0.9, 0.2], [0.0, 1.0], [0.8, 0.1], [0.72, 0.02], [0.0, 0.0]])
    answer = Answer(("Miami",), 0.75, layout, ((layout, 1.0),), attentions)
    draw_places(answer, "what is in Georgia", ["Miami", "Georgia"], tmp_path / "places.png")
    axis = drawn().axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == layout.tokens()
    rows = {text.get_text(): text.get_fontweight() for text in axis.get_yticklabels()}
    assert rows == {"Miami": "bold", "Georgia": "normal"}
    assert [text.get_text() for text in axis.texts] == [
        "0.90",
        "0.00",
        "0.80",
        "0.72",
        "0.20",
        "1.00",
        "0.10",
        "0.02",
    ]
    assert axis.get_xlabel() == "Miami (75%)"
    with pytest.raises(
        ValueError, match=r"attentions have the shape \[5, 2\]; expected \[4, 1\], steps and places"
    ):
        draw_places(answer, "what", ["Miami"], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attentions": np.ones([3, 9])}, "attentions of 3 steps came with a program of 5"),
        ({"attentions": np.ones([6, 8])}, "over 8 positions .* expected 2 x 2 equal cells"),
        ({"image": np.zeros([31, 30, 3])}, "an image of 31 x 30 pixels"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        answered(**changes)


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="examples is empty"):
        draw_examples([], tmp_path / "table.png")
