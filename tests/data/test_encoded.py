"""Drawings decoded in the graph, against the same files decoded by Pillow."""

import io
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw, PngImagePlugin

from tfmeta.core.checks import TfmetaError
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
    np.testing.assert_allclose(decoded, pillows(tmp_path, content), atol=1e-3 if kind == "PNG" else 0.03)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1"])
def test_a_drawing_of_the_models_own_size_keeps_its_place(decode, tmp_path, mode):
    content = encoded(drawing((28, 28), mode, paper=255))
    decoded = decode([[content]])[0, 0].numpy()
    np.testing.assert_allclose(decoded[..., 0], 1 - np.asarray(drawing((28, 28), paper=255)) / 255, atol=1e-3)
    np.testing.assert_allclose(decoded, pillows(tmp_path, content), atol=1e-3)


@pytest.mark.parametrize("dark_paper", [False, True])
def test_one_bit_a_pixel(decode, tmp_path, dark_paper):
    """The op takes such a file's alpha for nearly transparent."""
    content = encoded(drawing((112, 112), "1", dark_paper, paper=255))
    np.testing.assert_allclose(decode([[content]])[0, 0], pillows(tmp_path, content), atol=0.01)


def test_sixteen_bits_a_pixel(decode):
    image = drawing((112, 112))
    deep = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    np.testing.assert_allclose(decode([[encoded(deep)]]), decode([[encoded(image)]]), atol=0.01)


@pytest.mark.parametrize("ink", ["black", "red", "white", "yellow"])
def test_what_is_transparent_is_paper(decode, tmp_path, ink):
    lines, opaque = (Image.new("RGBA", (90, 60), paper) for paper in ((0, 0, 0, 0), "white"))
    for image, colour in ((lines, ink), (opaque, "black")):
        ImageDraw.Draw(image).line([(20, 12), (60, 50), (80, 20)], fill=colour, width=6)
    expected = decode([[encoded(opaque)]])[0, 0]
    np.testing.assert_allclose(decode([[encoded(lines)]])[0, 0], expected, atol=1e-3)
    np.testing.assert_allclose(pillows(tmp_path, encoded(lines)), expected, atol=1e-2)


def test_tasks_and_sizes_may_be_mixed(decode):
    contents = [encoded(drawing((size, size))) for size in (28, 50, 64, 105, 200, 512)]
    together = decode(np.array(contents, object).reshape(2, 3)).numpy()
    assert together.shape == (2, 3, 28, 28, 1)
    for place, content in zip(np.ndindex(2, 3), contents, strict=True):
        np.testing.assert_array_equal(together[place], decode([[content]])[0, 0])
    assert decode(np.zeros((1, 0), object)).shape == (1, 0, 28, 28, 1)


def test_encoding_and_decoding_gives_the_drawing_back(decode):
    pages = [1 - np.asarray(drawing((28, 28), paper=255), np.float32) / 255]
    pages += [np.rot90(pages[0]), pages[0][::-1]]
    drawings = np.stack(pages)[None, ..., None]
    np.testing.assert_allclose(decode(encode_drawings(drawings)), drawings, atol=0.003)


ORIENTATION = 0x0112
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def tagged(image, orientation, kind, order=">"):
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[ORIENTATION], exif[0x0131] = "Maker", orientation, "Program"
    return encoded(image, kind, exif=exif, **({"quality": 100} if kind == "JPEG" else {}))


@pytest.mark.parametrize("size", [(28, 28), (140, 90)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", STORED)
def test_images_are_turned_as_their_tag_says(decode, tmp_path, orientation, kind, size):
    upright = drawing(size)
    stored = upright if STORED[orientation] is None else upright.transpose(STORED[orientation])
    expected = decode([[encoded(upright)]])[0, 0]
    for order in "<>":
        content = tagged(stored, orientation, kind, order)
        np.testing.assert_allclose(decode([[content]])[0, 0], expected, atol=0.05)
        np.testing.assert_allclose(pillows(tmp_path, content), expected, atol=0.05)


def test_what_only_looks_like_a_tag_turns_nothing(decode):
    """Bytes of a comment, and a tag of the thumbnail's directory, are no tag of the image."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "Exif MM eXIf \x01\x12\x00\x03\x00\x00\x00\x01\x00\x06")
    plain = drawing((60, 40))
    np.testing.assert_array_equal(decode([[encoded(plain, pnginfo=info)]]), decode([[encoded(plain)]]))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("size", [(28, 28), (112, 84)])
def test_deep_samples_use_any_part_of_their_range(decode, tmp_path, bits, size):
    shallow = drawing(size)
    deep = Image.fromarray((np.asarray(shallow) / 255 * (2**bits - 1)).astype(np.uint16))
    for image in (deep, Image.fromarray((2**bits - 1) - np.asarray(deep))):
        content = encoded(image)
        expected = decode([[encoded(shallow)]])[0, 0]
        np.testing.assert_allclose(decode([[content]])[0, 0], expected, atol=0.02)
        np.testing.assert_allclose(pillows(tmp_path, content), expected, atol=0.02)


@pytest.mark.parametrize("size", [(28, 28), (60, 40)])
@pytest.mark.parametrize("level", [0, 30, 255])
def test_a_blank_page_has_no_answer(decode, tmp_path, size, level):
    blank = encoded(Image.new("L", size, level))
    words = r"query_png holds 1 images without a drawing, the first at \[0, 1\]; expected ink on paper"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        decode([[GOOD, blank]])
    with pytest.raises(TfmetaError, match=r"image\.png has no drawing; expected ink on paper"):
        pillows(tmp_path, blank)


GOOD = encoded(drawing((28, 28)))
COMMENT = b"\0\0\0\x08tEXtIHDR\0\0\0\x1c" + zlib.crc32(b"tEXtIHDR\0\0\0\x1c").to_bytes(4, "big")
DISGUISED = GOOD[:8] + COMMENT + GOOD[8:]  # its first chunk claims another size than the decoder reads
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
        (DISGUISED, "holds 1 PNG images that do not begin with the chunk IHDR"),
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


def chunk(name, content):
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def test_no_order_of_chunks_gets_a_large_image_past_the_limit(decode):
    """A file that is decoded has the size that was checked: nothing is decoded that claims two."""
    large = encoded(Image.new("L", (4200, 3), 255))
    parts = {
        "large": large[8:33],  # IHDR
        "small": GOOD[8:33],
        "text": chunk(b"tEXt", b"IHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0"),
        "unknown": chunk(b"vpAg", GOOD[16:29]),
        "exif": chunk(b"eXIf", b"MM\0*\0\0\0\x08" + bytes(99)),
        "data": large[33:-12],
        "end": large[-12:],
    }
    random = np.random.default_rng(0)
    for _ in range(60):
        first = random.permutation(["large", "small", "text", "unknown", "exif"])[: random.integers(1, 6)]
        content = large[:8] + b"".join(parts[name] for name in (*first, "data", "end"))
        if "large" in first:
            with pytest.raises(tf.errors.InvalidArgumentError):
                decode([[content]])


def test_broken_files_are_refused_and_never_crash(decode):
    random = np.random.default_rng(0)
    for content in (GOOD, encoded(drawing((40, 30), "RGB"), "JPEG"), tagged(drawing((40, 30)), 6, "JPEG")):
        for _ in range(60):
            spoilt = bytearray(content)
            for place in random.integers(len(spoilt), size=random.integers(1, 6)):
                spoilt[place] = random.integers(256)
            try:
                read = decode([[bytes(spoilt[: random.integers(8, len(spoilt) + 1)])]]).numpy()
            except tf.errors.InvalidArgumentError:
                continue
            assert np.isfinite(read).all() and read.min() >= 0 and read.max() <= 1
