"""Tasks from a folder of pictures: what is read, how it is divided, and what is said about folders that do not do."""

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tfmeta.core.checks import TfmetaError
from tfmeta.data import folder_tasks, image_files
from tfmeta.data.folder_tasks import FolderTasks

CLASSES = ("ash", "beech", "cedar", "elm", "fir", "oak", "pine")
COLOURS = dict(zip(CLASSES, ["red", "green", "blue", "yellow", "cyan", "magenta", "orange"], strict=True))


def photograph(colour, size=(60, 60)):
    """A coloured square in the middle, and grey beside it where the image is no square."""
    image = Image.new("RGB", size, (128, 128, 128))
    (width, height), short = size, min(size)
    left, top = (width - short) // 2, (height - short) // 2
    ImageDraw.Draw(image).rectangle([left, top, left + short - 1, top + short - 1], fill=colour)
    return image


def drawing(number, paper=255, ink=0):
    image = Image.new("L", (60, 60), paper)
    ImageDraw.Draw(image).line([(12, 12 + number), (48, 48 - number)], fill=ink, width=4)
    return image


def face(number):
    """Grey of many levels."""
    across = np.linspace(0, 255, 60)[None] * np.ones([60, 1])
    return Image.fromarray(np.roll(across, number, axis=1).astype(np.uint8))


def fill(
    folder: Path, names=CLASSES, images=3, picture=lambda name, number: photograph(COLOURS[name])
) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(images):
            picture(name, number).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Photographs of all sizes and formats, among much else."""
    folder = fill(tmp_path_factory.mktemp("data") / "My trees!")
    photograph("red", (90, 60)).save(folder / "ash" / "wide.JPG", quality=95)
    photograph("red", (60, 120)).convert("CMYK").save(folder / "ash" / "tall.tif")
    photograph("red").quantize(8).save(
        folder / "ash" / "palette.gif", save_all=True, append_images=[drawing(0)]
    )
    photograph("red").save(folder / "ash" / "without_suffix", "PNG")
    for junk in ("._0.png", ".hidden.png", "Thumbs.db", "notes.txt", "LICENSE"):
        (folder / "ash" / junk).write_text("no image")
    for hidden in ("__MACOSX", ".thumbnails"):
        (folder / hidden).mkdir()
        (folder / hidden / "0.png").write_text("no image")
    (folder / "index.csv").write_text("class,file")
    return folder


def test_a_folder_says_what_it_holds(photographs):
    tasks = FolderTasks(str(photographs))
    assert (tasks.name, tasks.items, tasks.registered) == ("my-trees", "pictures of My trees!", "folder")
    assert (tasks.reading, tasks.item_shape) == ("colour", (60, 60, 3))
    assert tasks.source == (
        "25 image files of 7 classes in the folder My trees!, divided by the seed 0, read as colour pictures of 60x60"
    )
    assert tasks.variant == "" and tasks.replaced(split_seed=2).variant == "seed2"


def test_nothing_is_read_before_it_is_needed():
    tasks = FolderTasks()
    assert tasks.name == "folder" and tasks.variant == "" and tasks.values()["side"] == 0
    with pytest.raises(
        TfmetaError, match="There is no folder of pictures; say which: path=DIR, or --tasks DIR"
    ):
        tasks.load("train")


def test_each_class_has_its_pictures(photographs):
    tasks = FolderTasks(str(photographs), side=20)
    sizes = {"ash": 7}
    for part in ("train", "validation", "test"):
        classes = tasks.classes(part)
        assert tasks.sizes(part) == (len(classes.names), min(sizes.get(name, 3) for name in classes.names))
        for name, images in zip(classes.names, classes.items, strict=True):
            assert images.shape == (sizes.get(name, 3), 20, 20, 3) and images.dtype == np.uint8
            expected = np.array(photograph(COLOURS[name]).getpixel((0, 0)))
            assert (
                np.abs(images.astype(int) - expected).max() < 40
            )  # cropped, not squashed: JPEG blurs the crop's edge


def test_parts_are_disjoint_and_the_seed_deals_them(photographs):
    parts = [FolderTasks(str(photographs)).classes(part).names for part in ("train", "validation", "test")]
    assert list(map(len, parts)) == [3, 2, 2] and sorted(sum(parts, ())) == list(CLASSES)
    dealt = {FolderTasks(str(photographs), split_seed=seed).classes("test").names for seed in range(5)}
    assert len(dealt) > 2 and parts[2] in dealt


def test_pictures_are_read_once_as_long_as_they_do_not_change(tmp_path, monkeypatch):
    folder, calls = fill(tmp_path / "trees"), []
    read = folder_tasks.read_pictures
    monkeypatch.setattr(folder_tasks, "read_pictures", lambda *asked: calls.append(asked) or read(*asked))
    tasks = FolderTasks(str(folder))
    for part in ("train", "test", "train"):
        tasks.classes(part)
    FolderTasks(str(folder), split_seed=1).classes("train")
    assert len(calls) == 1
    before = tasks.fingerprint()
    changed = tasks.classes("train").names[0]
    photograph("white").save(folder / changed / "0.png")
    os.utime(folder / changed / "0.png", ns=(1, 1))
    assert tasks.fingerprint() != before and len(calls) == 2


def test_parts_that_are_given_are_kept(tmp_path):
    fill(tmp_path / "train", CLASSES[:3])
    fill(tmp_path / "Val", CLASSES[3:5])
    fill(tmp_path / "test", CLASSES[5:])
    tasks = FolderTasks(str(tmp_path))
    assert [tasks.classes(part).names for part in ("train", "validation", "test")] == [
        CLASSES[:3], CLASSES[3:5], CLASSES[5:]
    ]  # fmt: skip
    assert "divided" not in tasks.source


@pytest.mark.parametrize(
    ("picture", "reading", "shape"),
    [
        (lambda name, number: drawing(number), "drawing", (28, 28, 1)),
        (lambda name, number: drawing(number, 0, 230).convert("RGB"), "drawing", (28, 28, 1)),
        (lambda name, number: face(number), "grey", (60, 60, 1)),
        (lambda name, number: face(number).resize((300, 300)), "grey", (84, 84, 1)),
        (lambda name, number: photograph(COLOURS[name]), "colour", (60, 60, 3)),
        # One picture in colour, and all are read in colour.
        (
            lambda name, number: photograph("red") if name == "pine" else drawing(number),
            "colour",
            (60, 60, 3),
        ),
    ],
    ids=["drawings", "light on dark", "grey", "large", "colour", "mixed"],
)
def test_what_pictures_are_is_guessed(tmp_path, picture, reading, shape):
    tasks = FolderTasks(str(fill(tmp_path / "pictures", images=2, picture=picture)))
    assert (tasks.reading, tasks.item_shape) == (reading, shape)
    for images in tasks.classes("train").items:
        assert images.shape == (2, *shape)
        if reading == "drawing":
            assert np.median(images) == 0 and images.max() > 200  # ink is 255, whatever it was in the file
    noise = np.random.default_rng(0).random((3, *shape), np.float32)
    changed = tasks.augmentation()(noise, [0, 1])
    assert changed.shape == noise.shape and np.any(changed != noise)


def test_what_pictures_are_may_be_said(photographs):
    tasks = FolderTasks().replaced(path=str(photographs), read_as="grey", side=16)
    assert tasks.reading == "grey" and tasks.classes("test").items[0].shape[1:] == (16, 16, 1)
    with pytest.raises(TfmetaError, match=r"read_as='color'\. Did you mean colour"):
        tasks.replaced(read_as="color")


def test_episodes_name_the_smallest_class(photographs):
    tasks = FolderTasks(str(photographs), side=16)
    drawn = {"ways": 2, "shots": 1, "batch_size": 2, "seed": 0}
    inputs, _ = next(iter(tasks.episodes("train", queries=2, augment=True, **drawn)))
    assert inputs["query_x"].shape == (2, 4, 16, 16, 3) and 0.4 < inputs["query_x"].numpy().max() <= 1.0
    with pytest.raises(
        ValueError, match=r"shots \+ queries = 6, but the smallest class, '\w+', has only 3 examples"
    ):
        tasks.episodes("test", queries=5, **drawn)


def test_photographs_are_mirrored_only_if_that_is_said(tmp_path):
    half = Image.new("RGB", (16, 16), "red")
    half.paste("blue", (8, 0, 16, 16))
    folder = fill(tmp_path / "halves", picture=lambda name, number: half)

    def left_is_red(mirror):
        tasks = FolderTasks(str(folder), side=16, mirror=mirror)
        drawn = tasks.episodes("train", ways=3, shots=1, queries=2, batch_size=20, seed=0, augment=True)
        images = next(iter(drawn))[0]["query_x"].numpy()
        return images[..., 4, 0].mean(axis=-1) > images[..., 12, 0].mean(axis=-1)

    assert left_is_red(False).all()
    assert 0.3 < left_is_red(True).mean() < 0.7


def add(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def claim(path, width, height):
    """Writes a PNG file of a few bytes that claims a size."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )


BAD = {
    "no folder": (lambda folder: os.rename(folder, folder / ".." / "gone"), "There is no folder .*trees; expected one"),
    "a file": (
        lambda folder: (os.rename(folder, folder / ".." / "gone"), add(folder)),
        "trees is a file; expected a folder with a subfolder of images for each class",
    ),
    "one class": (
        lambda folder: [os.rename(folder / name, folder / f".{name}") for name in CLASSES[1:]],
        "has 1 class; expected 6 at least, two each for training, validation and test. Add classes",
    ),
    "one image": (
        lambda folder: [(folder / "oak" / f"{number}.png").unlink() for number in (1, 2)],
        "oak holds one image; expected two at least: one to learn from, and one to ask about",
    ),
    "an empty class": (lambda folder: (folder / "willow").mkdir(), "willow holds no image; expected two"),
    "a broken file": (
        lambda folder: add(folder / "oak" / "1.png", b"\x89PNG\r\n\x1a\n nothing"),
        r"oak/1.png cannot be read as an image: .*; expected PNG or JPEG. Mend or remove the file",
    ),
    "another file": (lambda folder: add(folder / "oak" / "1.png", b"text"), r"1.png cannot be .* it is in no known"),
    "an empty file": (lambda folder: add(folder / "oak" / "1.png"), r"oak/1.png cannot be read as .*: it is empty"),
    "a truncated file": (lambda folder: truncate(folder / "oak" / "1.png"), r"oak/1.png cannot be read as an image: "),
    "too many pixels": (
        lambda folder: claim(folder / "oak" / "1.png", 30_000, 30_000),
        "oak/1.png cannot be read as an image: it has more than 67,108,864 pixels",
    ),
    "a phone's format": (
        lambda folder: add(folder / "oak" / "x.HEIC", b"..."),
        "x.HEIC is in a format that is not read; save it as JPEG or PNG",
    ),
    "a name that is no UTF-8": (
        lambda folder: os.rename(folder / "oak", os.fsdecode(os.fsencode(folder) + b"/ch\xeane")),
        r"The name of the folder .*ch\\udceane is not printable UTF-8",
    ),
    "a name that a terminal obeys": (
        lambda folder: os.rename(folder / "oak", folder / "\x1b[31m"),
        r"\\x1b\[31m is not printable UTF-8",
    ),
    "a file whose name is no UTF-8": (
        lambda folder: add(Path(os.fsdecode(os.fsencode(folder) + b"/oak/\xff.png"))),
        r"oak/\\udcff.png cannot be read as an image: it is empty",
    ),
    "folders in a class": (
        lambda folder: add(folder / "oak" / "more" / "x.png"),
        "oak is the folder of a class, and holds the folder more; expected images only",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), BAD.values(), ids=BAD)
def test_a_bad_folder_is_told_in_one_line(tmp_path, spoil, message):
    folder = fill(tmp_path / "trees")
    spoil(folder)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TfmetaError, match=message) as caught:
        FolderTasks(str(folder)).load("train")
    assert str(caught.value).isprintable()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"train": "oak elm", "test": "fir ash"},
            "holds test, train; expected train, validation and test, each with",
        ),
        (
            {"train": "oak elm", "val": "fir ash", "valid": "", "test": ""},
            "holds test, train, val, valid; expected",
        ),
        ({"train": "oak elm", "val": "fir ash", "test": "pine"}, "has 1 class for test; expected 2 at least"),
        (
            {"train": "oak elm", "val": "fir ash", "test": "pine oak"},
            "has the class 'oak' for train and for test, but tests need classes that were not seen in training",
        ),
    ],
)
def test_bad_parts_are_told_in_one_line(tmp_path, parts, message):
    for part, names in parts.items():
        (tmp_path / part).mkdir()
        fill(tmp_path / part, names.split(), images=2)
    with pytest.raises(TfmetaError, match=message):
        FolderTasks(str(tmp_path)).load("train")


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    folder = fill(tmp_path / "trees")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with (
        monkeypatch.context() as patched,
        pytest.raises(TfmetaError, match=r"0\.png cannot be read .* Permission denied"),
    ):
        patched.setattr(Image, "open", refuse)
        FolderTasks(str(folder)).load("train")
    with (
        monkeypatch.context() as patched,
        pytest.raises(TfmetaError, match="trees cannot be read: Permission denied"),
    ):
        patched.setattr(Path, "iterdir", refuse)
        FolderTasks(str(folder)).load("train")


def test_a_bomb_is_refused_before_it_is_decoded_and_without_a_warning(tmp_path, monkeypatch):
    claim(tmp_path / "x.png", 10_000, 9_000)  # Pillow warns of these, and opens them
    monkeypatch.setattr(image_files, "_upright", lambda image: pytest.fail("decoded"))
    with (
        warnings.catch_warnings(record=True) as warned,
        pytest.raises(TfmetaError, match="10000 × 9000 pixels"),
    ):
        warnings.simplefilter("always")
        image_files.open_image(tmp_path / "x.png")
    assert not warned


@pytest.mark.skipif(
    "TFMETA_PHOTOS" not in os.environ, reason="needs photographs of traffic signs: set TFMETA_PHOTOS"
)
def test_six_hundred_photographs():
    tasks = FolderTasks(os.path.join(os.environ["TFMETA_PHOTOS"], "signs"))
    assert tasks.name == "signs" and tasks.item_shape == (84, 84, 3) and tasks.reading == "colour"
    sizes = {part: tasks.sizes(part) for part in ("train", "validation", "test")}
    assert sizes == {"train": (5, 60), "validation": (2, 60), "test": (3, 60)}
    means = np.array([images.mean() for images in tasks.classes("train").items])
    assert np.all((means > 50) & (means < 200))
