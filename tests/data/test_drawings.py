"""Somebody's own image files, as people make them: one drawing or photograph in all its forms is one array."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tfmeta.core.checks import TfmetaError
from tfmeta.data.drawings import load_drawing, load_drawings
from tfmeta.data.pictures import load_picture, load_pictures

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def drawing():
    image = Image.new("L", (112, 84), 255)
    ImageDraw.Draw(image).line([(20, 12), (60, 70), (90, 20)], fill=0, width=8)
    return image


@pytest.fixture(scope="module")
def photograph():
    x, y = np.meshgrid(np.linspace(0, 255, 120), np.linspace(0, 255, 80))
    return Image.fromarray(np.stack([x, y, 255 - x], axis=-1).astype(np.uint8))


def saved(image, file, **options):
    image.save(file, **options)
    return file


FORMS = {
    "light on dark": lambda image: image.point(lambda level: 255 - level),
    "one bit": lambda image: image.convert("1"),
    "colour": lambda image: image.convert("RGB"),
    "palette": lambda image: image.convert("P"),
    "CMYK": lambda image: image.convert("CMYK"),
    "grey and alpha": lambda image: image.convert("LA"),
    "16 bits": lambda image: Image.fromarray(np.asarray(image).astype(np.uint16) * 257),
    "32 bits": lambda image: Image.fromarray(np.asarray(image).astype(np.int32)),
    "floats": lambda image: Image.fromarray(np.asarray(image).astype(np.float32) / 255),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_drawing_in_every_form_is_ink_on_paper(tmp_path, drawing, form):
    suffix = "tif" if form in ("CMYK", "32 bits", "floats") else "png"
    read = load_drawing(saved(FORMS[form](drawing), tmp_path / f"x.{suffix}"))
    assert read.shape == (28, 28, 1) and read.dtype == np.float32
    assert read.max() == 1.0 and np.median(read) == 0.0
    np.testing.assert_allclose(read, load_drawing(saved(drawing, tmp_path / "plain.png")), atol=0.01)


def test_an_animation_is_its_first_frame(tmp_path, drawing):
    blank = Image.new("L", drawing.size, 255)
    file = saved(drawing, tmp_path / "x.gif", save_all=True, append_images=[blank, blank])
    np.testing.assert_array_equal(load_drawing(file), load_drawing(saved(drawing, tmp_path / "x.png")))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (3, Image.Transpose.ROTATE_180),
        (6, Image.Transpose.ROTATE_90),
        (8, Image.Transpose.ROTATE_270),
        (5, Image.Transpose.TRANSPOSE),
    ],
)
def test_pictures_are_turned_as_every_viewer_shows_them(tmp_path, photograph, suffix, orientation, stored):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    lossless = {"lossless": True} if suffix == "webp" else {"quality": 100} if suffix == "jpg" else {}
    file = saved(photograph.transpose(stored), tmp_path / f"x.{suffix}", exif=exif, **lossless)
    upright = load_picture(saved(photograph, tmp_path / "upright.png"), 40, "colour")
    np.testing.assert_allclose(load_picture(file, 40, "colour"), upright, atol=0.03)


def test_broken_tags_beside_a_whole_image_do_no_harm(tmp_path, photograph):
    file = saved(photograph, tmp_path / "x.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken", quality=100)
    upright = load_picture(saved(photograph, tmp_path / "upright.png"), 40, "colour")
    np.testing.assert_allclose(load_picture(file, 40, "colour"), upright, atol=0.03)


def test_a_photograph_is_cropped_and_not_squashed(tmp_path, photograph):
    read = load_picture(saved(photograph, tmp_path / "x.png"), 40, "colour")
    middle = np.asarray(photograph.crop((20, 0, 100, 80)), float).reshape(40, 2, 40, 2, 3).mean((1, 3)) / 255
    np.testing.assert_allclose(read[1:-1, 1:-1], middle[1:-1, 1:-1], atol=0.01)


def test_what_is_transparent_is_white(tmp_path, photograph):
    clear = photograph.copy()
    clear.putalpha(0)
    assert load_picture(saved(clear, tmp_path / "x.png"), 8, "colour").min() == 1.0
    with pytest.raises(TfmetaError, match=r"x\.png has no drawing"):
        load_picture(saved(clear, tmp_path / "x.png"), 8, "drawing")


def test_a_large_photograph_may_be_decoded_at_a_smaller_scale(tmp_path, photograph):
    large = photograph.resize((1200, 800))
    read = load_picture(saved(large, tmp_path / "x.jpg", quality=95), 40, "colour")
    np.testing.assert_allclose(read, load_picture(saved(large, tmp_path / "x.png"), 40, "colour"), atol=0.02)


def test_a_grey_file_is_read_in_colour_and_a_colour_file_in_grey(tmp_path, photograph, drawing):
    grey = load_picture(saved(photograph, tmp_path / "x.png"), 28, "grey")
    assert grey.shape == (28, 28, 1)
    np.testing.assert_allclose(
        grey, load_picture(saved(photograph.convert("L"), tmp_path / "y.png"), 28, "grey"), atol=0.01
    )
    colour = load_picture(saved(drawing, tmp_path / "z.png"), 28, "colour")
    assert colour.shape == (28, 28, 3) and np.ptp(colour, axis=-1).max() == 0


@pytest.fixture
def support(tmp_path, drawing):
    for name in ("v", "w"):
        (tmp_path / name).mkdir()
        saved(drawing, tmp_path / name / "1.png")
    saved(drawing, tmp_path / "w" / "2.jpg")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "w" / "._2.jpg").write_bytes(b"Mac")
    return tmp_path


def test_labelled_drawings(support):
    images, labels, names = load_drawings(support)
    assert images.shape == (3, 28, 28, 1) and images.dtype == np.float32
    assert labels.tolist() == [0, 1, 1] and names == ["v", "w"]
    assert load_pictures(support, 32, "colour")[0].shape == (3, 32, 32, 3)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / "w" / "2.jpg").write_bytes(b"no image"),
            r"w/2.jpg cannot be read as an image",
        ),
        (
            lambda folder: (folder / "x").mkdir(),
            "x holds no image; expected at least one PNG or JPEG of each class",
        ),
        (
            lambda folder: (folder / "v").rename(folder / ".v"),
            "has 1 subfolder; expected one with images for each",
        ),
    ],
)
def test_bad_folders_are_told_in_one_line(support, spoil, message):
    spoil(support)
    with pytest.raises(TfmetaError, match=message):
        load_drawings(support)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TfmetaError, match=r"There is no image .*x\.png"):
        load_drawing(tmp_path / "x.png")
