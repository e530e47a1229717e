import os
from pathlib import Path

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data.pairings import pairings
from tfmeta.data.shape_grid import judge
from tfmeta.data.shapes import SPLITS, load_shapes, load_shapes_questions, shapes_question

FOLDER = os.environ.get("TFMETA_SHAPES")
needs_shapes = pytest.mark.skipif(
    not FOLDER or not Path(FOLDER).exists(),
    reason="needs the data set SHAPES: set TFMETA_SHAPES to the folder data/shapes of jacobandreas/nmn2",
)


@needs_shapes
@pytest.mark.parametrize(("split", "size"), list(zip(SPLITS, (64, 640, 1024, 1024), strict=True)))
def test_every_stored_answer_follows_from_the_pixels(split, size):
    questions = load_shapes(split)
    assert len(questions) == size
    assert questions.images.shape[1:] == (30, 30, 3) and questions.images.dtype == np.float32
    for layout in np.unique(questions.layouts):
        of_it = questions[questions.layouts == layout]
        np.testing.assert_array_equal(judge(str(layout), of_it.grids), of_it.answers)


@needs_shapes
def test_red_comes_first():
    red = load_shapes("test")
    cells = red.images.reshape(-1, 3, 10, 3, 10, 3)[:, :, 5, :, 5]  # the middle of each cell
    occupied = red.grids.colours >= 0
    np.testing.assert_array_equal(cells.argmax(-1)[occupied], red.grids.colours[occupied])


@needs_shapes
def test_no_question_of_the_test_is_one_of_the_training():
    parts = [load_shapes_questions(part) for part in ("train", "val", "test")]
    assert list(map(len, parts)) == [212, 16, 16]
    assert len({question.text for part in parts for question in part}) == 244
    assert load_shapes_questions() == sorted(question for part in parts for question in part)


@needs_shapes
def test_english_is_that_of_the_data_set():
    archive = Path(FOLDER) / "shapes.npz"
    if not archive.is_file():
        pytest.skip("the authors' own files hold no English")
    with np.load(archive) as arrays:
        for split in ("train_large", "val", "test"):
            pairs = set(zip(arrays[f"{split}_query"], arrays[f"{split}_query_str"], strict=True))
            assert all(shapes_question(str(query)).text == text for query, text in pairs)


@needs_shapes
def test_pairings_answer_as_the_judge_does():
    images, questions = load_shapes("train_tiny"), load_shapes_questions("train")[::20]
    x, y = next(iter(pairings(images.images, images.grids, questions, size=200, balanced=True)))
    assert 0.35 < y.numpy().mean() < 0.65
    pictures = {image.tobytes(): number for number, image in enumerate(images.images)}
    for image, layout, text, answer in zip(
        *(x[name].numpy() for name in ("image", "layout", "question")), y.numpy(), strict=True
    ):
        one = images.grids[pictures[image.tobytes()]][None]
        assert judge(layout.decode(), one) == [("no", "yes")[answer]]
        assert any(question[1:] == (text.decode(), layout.decode()) for question in questions)
        subject = text.decode().split()[2]  # is a red shape ...
        assert judge(f"(exists find[{subject}])", one) == ["yes"]


@needs_shapes
def test_pairings_depend_on_the_seed_and_the_number_of_the_batch_alone():
    images, questions = load_shapes("train_tiny"), load_shapes_questions("test")
    batches = [
        x["image"].numpy() for x, _ in pairings(images.images, images.grids, questions, size=4).take(3)
    ]
    later = next(iter(pairings(images.images, images.grids, questions, size=4, start=2)))[0]["image"].numpy()
    np.testing.assert_array_equal(later, batches[2])
    other = next(iter(pairings(images.images, images.grids, questions, size=4, seed=1)))[0]["image"].numpy()
    assert (batches[0] != batches[1]).any() and (batches[0] != other).any()


def written(folder, count=3):
    """The authors' own files, with images of nothing."""
    np.save(folder / "test.input.npy", np.zeros([count, 30, 30, 3], np.uint8))
    (folder / "test.query").write_text("(is red (left_of circle))\n" * 3)
    (folder / "test.output").write_text("true\nfalse\nfalse\n")
    return folder


def test_the_authors_own_files_are_read(tmp_path, monkeypatch):
    questions = load_shapes("test", written(tmp_path))
    assert questions.answers.tolist() == ["yes", "no", "no"]
    assert questions.questions[0] == "is a red shape left of a circle"
    monkeypatch.setenv("TFMETA_SHAPES", str(tmp_path))
    assert [len(batch) for batch in load_shapes("test").in_batches(2)] == [2, 1]


def test_an_absent_data_set_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("TFMETA_SHAPES", raising=False)
    with pytest.raises(
        TfmetaError, match=r"SHAPES was not found.*TFMETA_SHAPES is not set.*jacobandreas/nmn2"
    ):
        load_shapes("test")
    with pytest.raises(TfmetaError, match=r"tried .*shapes.npz and .*test.input.npy.*Get the folder"):
        load_shapes("test", tmp_path)
    with pytest.raises(TfmetaError, match=r"tried .*absent.npz\. Get"):
        load_shapes("test", tmp_path / "absent.npz")
    (tmp_path / "shapes.npz").write_bytes(b"not an archive")
    with pytest.raises(TfmetaError, match=r"cannot be read from .*shapes.npz"):
        load_shapes("test", tmp_path)


def test_files_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(TfmetaError, match=r"holds images .*, 3 queries"):
        load_shapes("test", written(tmp_path, count=2))
    with pytest.raises(ValueError, match="split='tset'; expected one of train_tiny"):
        load_shapes("tset", tmp_path)
    with pytest.raises(ValueError, match="part='dev'"):
        load_shapes_questions("dev", tmp_path)


@pytest.mark.parametrize("query", ["", "(is red)", "(count red)", "(is red (left_of miami))"])
def test_what_is_no_query_is_named(query):
    with pytest.raises(TfmetaError, match="is no query of SHAPES"):
        shapes_question(query)
