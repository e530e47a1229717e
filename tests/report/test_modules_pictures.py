import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'tfmeta[plot]'")

from tfmeta.report.modules import Answered, _tree, draw_examples, draw_modules

PROGRAM = ["find[red]", "find[circle]", "relate[above]", "and", "exists", ""]


def answered(**changes):
    given = {
        "image": np.random.RandomState(0).rand(30, 30, 3),
        "question": "is there a red shape above a circle",
        "program": PROGRAM,
        "attentions": np.random.RandomState(1).rand(len(PROGRAM), 9),
        "answer": "yes",
    }
    return Answered(**{**given, **changes})


def test_what_a_module_takes_stands_left_of_it():
    places, links = _tree(PROGRAM[:-1])
    assert places == [(0, 0), (0, 1), (1, 1), (2, 0.5), (3, 0.5)]
    assert links == [(1, 2), (0, 3), (2, 3), (3, 4)]


def test_the_verdict_tells_right_from_wrong():
    assert answered().verdict[0] == "yes"
    assert answered(right="yes", probability=0.934).verdict[0] == "yes (93%)"
    assert answered(right="no").verdict[0] == "yes, but it is no"
    assert len({answered(right=right).verdict[1] for right in ("", "yes", "no")}) == 3


def test_pictures_are_drawn(tmp_path):
    draw_modules(answered(), tmp_path / "modules.png")
    draw_modules(answered(program=["find[red]"], attentions=np.zeros([1, 9])), tmp_path / "one.png")
    wide = answered(image=np.zeros([30, 60, 3]), attentions=np.ones([6, 8]), cells=(2, 4), right="no")
    draw_examples([answered(), wide, answered(right="yes")], tmp_path / "table.png", columns=2)
    for name in ("modules", "one", "table"):
        with Image.open(tmp_path / f"{name}.png") as image:
            pixels = np.asarray(image.convert("RGB"))
        assert min(pixels.shape[:2]) > 200 and pixels.std() > 10, name


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
