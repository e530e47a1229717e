"""Drawings decoded in the graph, against the same files decoded by Pillow."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from tfmeta.data.drawings import load_drawing
from tfmeta.data.encoded import decode_drawings, encode_drawings


@pytest.fixture(scope="module")
def decode():
    spec = [tf.TensorSpec([None, None], tf.string)]
    return tf.function(
        lambda png: decode_drawings("query_png", png, 28), input_signature=spec, autograph=False
    )


def drawing(size, mode="L", dark_paper=False, paper=240):
    width, height = size
    ink = 255 - paper
    image = Image.new("L", size, ink if dark_paper else paper)
    line = [(0.2 * width, 0.2 * height), (0.7 * width, 0.8 * height), (0.8 * width, 0.3 * height)]
    ImageDraw.Draw(image).line(line, fill=paper if dark_paper else ink, width=max(2, width // 10))
    return image.convert(mode)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pillows(tmp_path, content):
    file = tmp_path / "image.png"
    file.write_bytes(content)
    return load_drawing(file)


@pytest.mark.parametrize("dark_paper", [False, True], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize(
    ("size", "mode", "kind"),
    [
        ((112, 112), "L", "PNG"),
        ((140, 84), "RGB", "PNG"),
        ((84, 140), "RGBA", "PNG"),
        ((112, 112), "LA", "PNG"),
        ((112, 112), "P", "PNG"),
        ((280, 280), "RGB", "JPEG"),
        ((112, 56), "L", "JPEG"),
    ],
)
def test_files_of_every_kind_are_read_as_pillow_reads_them(decode, tmp_path, size, mode, kind, dark_paper):
    content = encoded(drawing(size, mode, dark_paper), kind)
    decoded = decode([[content]])[0, 0].numpy()
    assert decoded.shape == (28, 28, 1) and decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, pillows(tmp_path, content), atol=0.03)


@pytest.mark.parametrize("dark_paper", [False, True])
def test_one_bit_a_pixel(decode, tmp_path, dark_paper):
    """The op takes such a file's alpha for nearly transparent."""
    content = encoded(drawing((112, 112), "1", dark_paper, paper=255))
    np.testing.assert_allclose(decode([[content]])[0, 0], pillows(tmp_path, content), atol=0.01)


def test_sixteen_bits_a_pixel(decode):
    image = drawing((112, 112))
    deep = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    np.testing.assert_allclose(decode([[encoded(deep)]]), decode([[encoded(image)]]), atol=0.01)


def test_what_is_transparent_is_paper(decode):
    ink = Image.new("RGBA", (56, 56), (0, 0, 0, 0))
    ImageDraw.Draw(ink).rectangle([20, 20, 35, 35], fill=(0, 0, 0, 255))
    decoded = decode([[encoded(ink)]])[0, 0, :, :, 0].numpy()
    expected = np.zeros((28, 28))
    expected[10:18, 10:18] = 1
    np.testing.assert_allclose(decoded, expected, atol=1e-6)


def test_tasks_and_sizes_may_be_mixed(decode):
    contents = [encoded(drawing((size, size))) for size in (28, 50, 64, 105, 200, 512)]
    together = decode(np.array(contents, object).reshape(2, 3)).numpy()
    assert together.shape == (2, 3, 28, 28, 1)
    for place, content in zip(np.ndindex(2, 3), contents, strict=True):
        np.testing.assert_array_equal(together[place], decode([[content]])[0, 0])
    assert decode(np.zeros((1, 0), object)).shape == (1, 0, 28, 28, 1)


def test_encoding_and_decoding_gives_the_drawing_back(decode):
    drawings = np.pad(
        np.random.default_rng(0).random((2, 3, 26, 26, 1)), [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)]
    )
    np.testing.assert_allclose(decode(encode_drawings(drawings.astype(np.float32))), drawings, atol=0.003)


GOOD = encoded(drawing((28, 28)))
HUGE = GOOD[:16] + (70000).to_bytes(4, "big") + (3).to_bytes(4, "big") + GOOD[24:]
NO_IMAGE = r"query_png holds 1 items that are no PNG or JPEG image, the first at \[0, 1\]; expected the bytes"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", NO_IMAGE),
        (b"letter.png", NO_IMAGE),
        (b"iVBORw0KGgo", NO_IMAGE),
        (encoded(drawing((28, 28)), "GIF"), NO_IMAGE),
        (HUGE, r"query_png holds an image of \[3, 70000\] pixels; expected at most 4096 on a side"),
        (GOOD[:8], "PNG"),
        (GOOD[:60], "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(99), "JPEG"),
        (encoded(drawing((28, 28)), "JPEG")[:200], "JPEG"),
    ],
)
def test_what_cannot_be_decoded_is_the_clients_fault(decode, content, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        decode([[GOOD, content]])


def test_sixteen_bits_are_scaled_and_not_cut_off(decode, tmp_path):
    grey = drawing((112, 112))
    content = encoded(Image.fromarray(np.asarray(grey, np.uint16) * 257))
    expected = pillows(tmp_path, encoded(grey))
    np.testing.assert_allclose(pillows(tmp_path, content), expected, atol=1e-6)
    np.testing.assert_allclose(decode([[content]])[0, 0], expected, atol=0.03)
