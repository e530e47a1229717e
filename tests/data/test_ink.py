"""Scans as people make them: what spoils a scan must not spoil what a classifier sees of its drawing."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from tfmeta.data import ink_graph
from tfmeta.data.digits import load_digit_files, load_digits
from tfmeta.data.ink import ink_of, ink_of_page, levelled, page_of, page_side

SIDE, PAGE, KNOWN, ASKED = 28, 120, 3, 4
# A lamp from the left above: half of the light is lost towards the opposite corner, without an edge.
ACROSS = np.linspace(0, 1, PAGE)
LIGHT = 1 - 0.5 * np.clip((ACROSS + 0.4 * ACROSS[:, None]) / 1.4, 0, 1) ** 1.5


def grey(image):
    """An image of one channel, 0 black to 1 white."""
    return Image.fromarray(np.uint8(np.rint(255 * np.clip(image, 0, 1))))


def half_lost(edge, width):
    """Light of which a half is lost where `edge` is positive, softly over a `width`; both in shares of the page."""
    return 1 - 0.5 / (1 + np.exp(-edge / width))


def noisy(page):
    return grey(0.92 * page + np.random.default_rng(0).normal(0, 0.03, page.shape))


SPOILT = {  # what is made of a clean page, 0 black to 1 white
    "paper 250": lambda page: grey(page * 250 / 255),
    "paper 240": lambda page: grey(page * 240 / 255),
    "paper 200": lambda page: grey(page * 200 / 255),
    "pencil": lambda page: grey((120 + 105 * page) / 255),
    "shadow": lambda page: grey(page * LIGHT),
    "pencil in the shadow": lambda page: grey((120 + 105 * page) / 255 * LIGHT),
    "tinted": lambda page: Image.fromarray(np.uint8(page[..., None] * [250, 235, 170])),
    "blue ink": lambda page: Image.fromarray(np.uint8([20, 40, 160] + page[..., None] * [230, 210, 90])),
    "white on black": lambda page: grey(1 - page),
    "chalk on slate": lambda page: grey(0.35 + 0.5 * (1 - page)),
    "noise": noisy,
    "edge of a shadow": lambda page: grey(page * half_lost(ACROSS - 0.5, 0.03)),
}


HARD = {"pencil in the shadow", "edge of a shadow"}


@pytest.fixture(scope="module")
def digits():
    """Pages ``[10, KNOWN + ASKED, PAGE, PAGE]`` of digits, 0 black to 1 white."""
    files, labels = load_digit_files()
    return np.stack([
        np.stack([
            np.asarray(Image.open(io.BytesIO(file)).resize((PAGE, PAGE), Image.Resampling.BICUBIC)) / 255
            for file in files[labels == digit][: KNOWN + ASKED]
        ])
        for digit in range(10)
    ])  # fmt: skip


def inks(pages, spoil=grey):
    return np.stack([[ink_of(spoil(page), SIDE) for page in of_digit] for of_digit in pages])


def smooth(ink):
    """Pixels that are near count as the same, as for a network of convolutions."""
    return tf.nn.avg_pool2d(np.reshape(ink, [-1, SIDE, SIDE, 1]), 5, 2, "SAME").numpy().reshape(len(ink), -1)


@pytest.fixture(scope="module")
def right(digits):
    """Says which share of spoilt scans is nearest to the mean of clean scans of its digit."""
    means = np.stack([smooth(known).mean(0) for known in inks(digits[:, :KNOWN])])

    def share(spoil):
        asked = np.stack([smooth(of_digit) for of_digit in inks(digits[:, KNOWN:], spoil)])
        distances = np.square(asked[:, :, None] - means).sum(-1)
        return np.mean(distances.argmin(-1) == np.arange(10)[:, None])

    return share


@pytest.fixture(scope="module")
def clean(right):
    return right(grey)


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_scan_is_told_as_well_as_a_clean_one(right, clean, kind):
    assert clean >= 0.75
    assert right(SPOILT[kind]) >= clean - (0.12 if kind in HARD else 0.05)


def pen(width, side, scale=0.8):
    """A page with a drawing by a pen of this width, in pixels."""
    page = Image.new("L", (side, side), 255)
    points = [(0.3, 0.2), (0.7, 0.25), (0.4, 0.5), (0.7, 0.8), (0.3, 0.75)]
    ImageDraw.Draw(page).line([(side * (0.5 + scale * (x - 0.5)), side * (0.5 + scale * (y - 0.5))) for x, y in points],
                              fill=0, width=width)  # fmt: skip
    return page


def test_a_thin_pen_on_a_large_page_draws_strokes_like_others():
    usual = ink_of(pen(12, 200), SIDE)
    thin = ink_of(pen(3, 1000), SIDE)
    assert thin.max() == 1.0 and 0.6 < thin.sum() / usual.sum() < 1.6
    assert np.corrcoef(smooth(thin[None])[0], smooth(usual[None])[0])[0, 1] > 0.9


def test_size_and_place_do_not_matter():
    usual = ink_of(pen(12, 300, 0.9), SIDE)
    off = Image.new("L", (900, 600), 255)
    off.paste(pen(12, 300, 0.9), (550, 50))
    assert np.corrcoef(usual.ravel(), ink_of(off, SIDE).ravel())[0, 1] > 0.8


@pytest.mark.parametrize("level", [0, 3, 128, 240, 255])
def test_a_page_without_ink_has_no_drawing(level):
    noise = np.random.default_rng(0).normal(level / 255, 0.01, [300, 200])
    assert ink_of(grey(noise), SIDE) is None
    assert ink_of(Image.new("L", (28, 28), level), SIDE) is None
    assert (
        ink_of(grey(0.9 * LIGHT**0.4), SIDE) is None
    )  # nor has a page that is a quarter darker at one corner


RIGHT, BELOW = np.meshgrid(ACROSS, ACROSS)
SHADOWS = {
    "lamp": LIGHT,
    "ramp": 1 - 0.5 * RIGHT,
    "half": half_lost(RIGHT - 0.5, 0.06),
    "edge of a half": half_lost(RIGHT - 0.5, 0.03),
    "softer half": half_lost(BELOW - 0.5, 0.1),
    "corner": half_lost(RIGHT + BELOW - 1.5, 0.06),
    "head": 1 - 0.5 * np.exp(-((RIGHT - 0.5) ** 2 + (BELOW - 0.6) ** 2) / 2 / 0.2**2),
}


@pytest.mark.parametrize("noise", [0, 0.01])
@pytest.mark.parametrize("shadow", SHADOWS)
def test_a_soft_shadow_on_a_blank_page_is_no_drawing(shadow, noise):
    light = SHADOWS[shadow]
    page = grey(0.95 * light + np.random.default_rng(0).normal(0, noise, light.shape))
    assert ink_of(page, SIDE) is None
    pages = tf.constant(page_of(np.asarray(page), page_side(SIDE))[None])
    assert ink_graph.inks_of_pages(pages, SIDE)[1].numpy().all()


def test_a_drawing_of_the_models_own_size_stays_as_it_is():
    ink = load_digits()[0][3, ..., 0]
    np.testing.assert_allclose(ink_of(grey(1 - ink), SIDE), ink, atol=0.03)
    np.testing.assert_allclose(ink_of(grey((225 - 105 * ink) / 255), SIDE), ink, atol=0.03)


def test_the_graph_computes_the_same(digits):
    pages, small_pages = [], []
    for number, spoil in enumerate(SPOILT.values()):
        image = np.asarray(spoil(digits[number % 10, 0]))
        pages.append(page_of(image, page_side(SIDE)))
        small_pages.append(page_of(image, SIDE))
        alike = ink_graph.page_of(
            tf.constant(image if image.ndim == 3 else image[..., None]), page_side(SIDE)
        )
        grey_page = alike.numpy() @ ([0.299, 0.587, 0.114] if image.ndim == 3 else [1.0]) / 255
        np.testing.assert_allclose(grey_page, pages[-1], atol=1e-4)
    pages.append(page_of(np.asarray(pen(3, 1000)), page_side(SIDE)))
    for found, page_ink, given in (
        (
            tf.function(ink_graph.inks_of_pages)(tf.constant(np.stack(pages)), SIDE),
            lambda x: ink_of_page(x, SIDE),
            pages,
        ),
        (tf.function(ink_graph.levelled)(tf.constant(np.stack(small_pages))), levelled, small_pages),
    ):
        assert not found[1].numpy().any()
        np.testing.assert_allclose(found[0], [page_ink(page) for page in given], atol=1e-3)
