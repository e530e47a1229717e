import numpy as np
import pytest
from PIL import Image

from tests.one_shot_folder import write_run
from tfmeta.core.checks import TfmetaError
from tfmeta.data.glyphs import glyphs
from tfmeta.data.one_shot_runs import LABELS_FILE, load_one_shot_runs


@pytest.fixture
def folder(tmp_path):
    """Two runs of four and three classes, and a file that is of no run."""
    (tmp_path / "README.txt").write_text("twenty runs")
    (tmp_path / "notes").mkdir()
    drawings = glyphs(7, 2)
    write_run(tmp_path / "run01", drawings[:4])
    write_run(tmp_path / "run02", drawings[4:])
    for place in (
        "run01/training/._class01.png",
        "run01/test/._item01.png",
        "__MACOSX/run01/training/._class01.png",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"\0\5\x16\7 what macOS knows of the file")
    (tmp_path / "._run01" / "training").mkdir(parents=True)
    return tmp_path


def test_drawings_and_answers(folder):
    first, second = load_one_shot_runs(folder)
    drawings = glyphs(7, 2)
    assert (first.name, second.name) == ("run01", "run02")
    assert first.query_y.tolist() == [3, 2, 1, 0] and second.query_y.tolist() == [2, 1, 0]
    for run, classes in ((first, drawings[:4]), (second, drawings[4:])):
        np.testing.assert_allclose(run.support_x, classes[:, 0] / 255.0, atol=1e-6)
        np.testing.assert_allclose(run.query_x, classes[::-1, 1] / 255.0, atol=1e-6)


def test_drawings_are_scaled_as_omniglot_is(folder):
    large = np.full([105, 105], 255, np.uint8)
    large[40:60, 30:50] = 0
    Image.fromarray(large).convert("1").save(folder / "run02/training/class01.png")
    image = load_one_shot_runs(folder)[1].support_x[0]
    assert image.shape == (28, 28, 1) and image.max() == 1.0 and image[0, 0] == 0.0
    assert image.sum() == pytest.approx(400 * (28 / 105) ** 2, rel=1e-3)


def labels(text):
    return lambda run: (run / LABELS_FILE).write_text(text)


def test_a_line_may_be_empty(folder):
    labels("\nrun01/test/item02.png run01/training/class01.png\n\n")(folder / "run01")
    assert load_one_shot_runs(folder)[0].query_y.tolist() == [0]


BROKEN = {
    "no labels": (lambda run: (run / LABELS_FILE).unlink(), r"class_labels.txt cannot be read; expected lines as"),
    "no text": (lambda run: (run / LABELS_FILE).write_bytes(b"\xff\xfe"), r"class_labels.txt cannot be read"),
    "no lines": (labels(""), r"names no test image"),
    "one word": (labels("run01/test/item01.png"), r"class_labels.txt:1: 'run01/test/item01.png'; expected a line as"),
    "no such item": (labels("run01/test/x.png run01/training/class01.png"), r"there is no test image run01/test/x"),
    "another run": (labels("run02/test/item01.png run01/training/class01.png"), r"in .*run01/test"),
    "no such class": (labels("run01/test/item01.png run01/training/x.png"), r"no class image run01/training/x"),
    "twice": (labels("run01/test/item01.png run01/training/class01.png\n" * 2), r"has a class already"),
    "no class": (lambda run: [file.unlink() for file in (run / "training").iterdir()], r"holds 0 PNG images"),
    "no image": (lambda run: (run / "test/item01.png").write_text("no"), r"item01.png cannot be read as an image"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_another_layout_is_told(case, folder):
    damage, words = BROKEN[case]
    damage(folder / "run01")
    with pytest.raises(TfmetaError, match=words) as error:
        load_one_shot_runs(folder)
    assert "\n" not in str(error.value)


def test_a_folder_without_runs_is_told(tmp_path):
    with pytest.raises(TfmetaError, match=r"holds no one-shot run; expected run01/\{training,test\}"):
        load_one_shot_runs(tmp_path)
    with pytest.raises(TfmetaError, match="There is no folder"):
        load_one_shot_runs(tmp_path / "none")
