"""Encoded drawings decoded in the graph: what `tfmeta.data.drawings` does with files, as ops that a server runs.

A client then sends the files that it has, and needs no code of ours between them and the model.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfmeta.core.graph_checks import after, check_shape, require
from tfmeta.data.encoded_files import are_usual, check_files, orientations, sizes_and_bits, turns
from tfmeta.data.ink import DEEP, LUMA, SEEN, page_side
from tfmeta.data.ink_graph import inks_of_pages, levelled, page_of

__all__ = ["decode_drawings", "encode_drawings"]

_NO_ALPHA = ((0, 0), (0, 0), (0, 1))


def decode_drawings(name: str, encoded: tf.Tensor, side: int, letter: str = "Q") -> tf.Tensor:
    """Decodes drawings: ink 1, paper 0, whatever they were drawn with and on.

    Levels, polarity, place and strokes are brought to those of the drawings that models learn from: see
    `tfmeta.data.ink.ink_of`. Images are turned as their Exif tag says. What is transparent is white, or black where
    nothing could be seen on white.

    Args:
        name: what the client calls the input, for messages.
        encoded: string ``[B, Q]``, the bytes of PNG or JPEG files.
        side: of the result, in pixels.
        letter: stands for Q in messages.

    Returns:
        float32 ``[B, Q, side, side, 1]``. The graph fails, with words, for what is no such file, is more than
        4096 pixels high or wide, or has no drawing. An answer about an empty page would be an invention, and no output
        of the models could say so.

    Example:
        >>> drawing = tf.pad(tf.zeros([30, 2, 1]), [[20, 20], [30, 30], [0, 0]], constant_values=255)
        >>> file = tf.io.encode_png(tf.cast(drawing, tf.uint8))
        >>> decode_drawings("query_png", [[file]], side=28).shape
        TensorShape([1, 1, 28, 28, 1])
    """
    return _decoder(name, side, letter)(tf.convert_to_tensor(encoded))


@functools.cache
def _decoder(name: str, side: int, letter: str) -> Any:
    """Returns `decode_drawings` as a function that is traced once in a process: its graph takes seconds to make."""

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        return _decoded(name, encoded, side, letter)

    # of any shape, since a shape that does not fit is refused in the graph
    return tf.function(decode, input_signature=[tf.TensorSpec(None, tf.string)], autograph=False)


def _decoded(name: str, encoded: tf.Tensor, side: int, letter: str) -> tf.Tensor:
    encoded = check_shape(name, encoded, ("B", letter))
    files = tf.reshape(encoded, [-1])
    inks, blank = tf.cond(
        are_usual(files, side),
        lambda: _inks_of_usual_files(files, side),
        lambda: _aside(lambda: _inks_of_files(name, encoded, side)),
    )
    blank = tf.reshape(blank, tf.shape(encoded))
    (inks,) = after([
        require(~tf.reduce_any(blank), f"{name} holds ", tf.math.count_nonzero(blank), " images without a drawing, the"
                " first at ", tf.reshape(tf.where(blank)[:1], [-1]), "; expected ink on paper in each, so leave out"
                " blank pages."),
    ], inks)  # fmt: skip
    return tf.reshape(inks, tf.concat([tf.shape(encoded), [side, side, 1]], axis=0))


def encode_drawings(drawings: tf.Tensor) -> tf.Tensor:
    """Encodes drawings as PNG files, black on white.

    Args:
        drawings: ``[..., H, W, 1]``, ink 1, paper 0.

    Returns:
        string ``[...]``.
    """
    return tf.io.encode_png(tf.cast(tf.round(255.0 * (1.0 - tf.clip_by_value(drawings, 0.0, 1.0))), tf.uint8))


def _aside(compute: Callable[[], tuple[tf.Tensor, ...]]) -> tuple[tf.Tensor, ...]:
    """Computes in a function of its own.

    The ops of a branch that is not taken cost time, each a little, since the runtime passes over each. A function that
    is not inlined is one op.
    """
    attributes = {"_noinline": True}
    return tf.function(compute, autograph=False, experimental_attributes=attributes)()


def _inks_of_usual_files(files: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The ink of files that `are_usual`, and which have none, by few ops: most requests hold such files."""
    images = tf.map_fn(
        lambda file: tf.io.decode_png(file, channels=4),
        files,
        fn_output_signature=tf.TensorSpec([side, side, 4], tf.uint8),
    )
    return _inks_of_pixels(tf.cast(images, tf.float32), 255.0, 255.0)


def _inks_of_files(name: str, encoded: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The ink of any files, and which have none."""
    files, is_jpeg = check_files(name, encoded)
    files, sizes, bits = sizes_and_bits(name, files, is_jpeg)
    own = tf.reduce_all(sizes == side, axis=1)  # drawings of the models' own form
    turned = orientations(files, is_jpeg)
    drawings, blanks = [], []
    for find, chosen in ((_inks_of_drawings, own), (_inks_of_images, ~own)):
        place = tf.where(chosen)  # [K, 1]
        inks, blank = tf.cond(
            tf.size(place) > 0,
            lambda place=place, find=find: _aside(
                lambda: find(*(tf.gather_nd(x, place) for x in (files, is_jpeg, bits)), side)
            ),
            lambda: (tf.zeros([0, side, side]), tf.zeros([0], tf.bool)),
        )
        count = tf.shape(files, tf.int64)
        drawings.append(tf.scatter_nd(place, inks, tf.concat([count, [side, side]], axis=0)))
        blanks.append(tf.scatter_nd(place, tf.cast(blank, tf.int32), count))
    found = drawings[0] + drawings[1]
    upright = tf.cond(tf.reduce_any(turned > 1), lambda: _upright(found, turned), lambda: found)
    return upright, blanks[0] + blanks[1] > 0


def _inks_of_drawings(
    files: tf.Tensor, is_jpeg: tf.Tensor, bits: tf.Tensor, side: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The ink of files of the models' own form, and which have none. All but the decoding is done for all at once."""

    def decode(item: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        file, jpeg = item
        return tf.cond(
            jpeg,
            lambda: tf.cast(tf.pad(_decoded_jpeg(file), _NO_ALPHA, constant_values=255), tf.uint16) * 257,
            lambda: tf.io.decode_png(file, channels=4, dtype=tf.uint16),
        )

    shape = tf.TensorSpec([side, side, 4], tf.uint16)
    images = tf.cast(tf.map_fn(decode, (files, is_jpeg), fn_output_signature=shape), tf.float32)
    return _inks_of_pixels(images, 65535.0, tf.where(bits > 8, _top(images), 65535.0))


def _inks_of_pixels(images: tf.Tensor, most: float, top: tf.Tensor | float) -> tuple[tf.Tensor, tf.Tensor]:
    """The ink of pixels ``[M, H, H, 4]`` of the models' own form, and which have none."""
    return levelled(_blended(images, _opaque(images[..., 3], most), top))


def _inks_of_images(
    files: tf.Tensor, is_jpeg: tf.Tensor, bits: tf.Tensor, side: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The ink of files of any size, and which have none."""
    page = page_side(side)

    def page_of_png(file: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        image = tf.io.decode_png(file, channels=4, dtype=dtype)
        top = _top(image) if dtype == tf.uint16 else 255.0
        opaque = _opaque(image[..., 3], dtype.max)
        return tf.cond(
            opaque < 0,
            lambda: _grey(page_of(image[..., :3], page) / top),
            lambda: page_of(_blended(tf.cast(image, tf.float32), opaque, top)[..., None], page)[..., 0],
        )

    def page_of_file(item: tuple[tf.Tensor, ...]) -> tf.Tensor:
        file, jpeg, depth = item
        return tf.cond(
            jpeg,
            lambda: _grey(page_of(_decoded_jpeg(file), page) / 255.0),
            lambda: tf.cond(
                depth > 8, lambda: page_of_png(file, tf.uint16), lambda: page_of_png(file, tf.uint8)
            ),
        )

    shape = tf.TensorSpec([page, page], tf.float32)
    pages = tf.map_fn(  # few at a time, since large images take memory
        page_of_file, (files, is_jpeg, bits), fn_output_signature=shape, parallel_iterations=2
    )
    return inks_of_pages(pages, side)


def _decoded_jpeg(file: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE")


def _opaque(alpha: tf.Tensor, most: float) -> tf.Tensor:
    """What alpha ``[..., H, W]`` is where nothing is transparent, ``[...]``; -1 where an image is opaque as a whole.

    Where a file has no alpha the op fills in the largest sample of the file, which is 1 for one bit.
    """
    low, high = (tf.cast(reduce(alpha, [-2, -1]), tf.float32) for reduce in (tf.reduce_min, tf.reduce_max))
    return tf.where((low == high) & (high > 0), -1.0, most)


def _top(image: tf.Tensor) -> tf.Tensor:
    """The largest value that samples of 16 bits ``[..., H, W, 4]`` may have: there are scanners of 12 bits, say."""
    most = tf.cast(tf.reduce_max(image[..., :3], [-3, -2, -1]), tf.float32)[..., None]
    ranges = tf.constant(DEEP, tf.float32)
    return tf.reduce_min(tf.where(ranges >= most, ranges, ranges[-1]), axis=-1)


def _blended(image: tf.Tensor, opaque: tf.Tensor, top: tf.Tensor | float) -> tf.Tensor:
    """The greys ``[..., H, W]`` of images ``[..., H, W, 4]`` on white, or on black where white hides what they show."""
    opaque, top = (tf.convert_to_tensor(x)[..., None, None] for x in (opaque, top))
    share = tf.where(opaque < 0, 1.0, image[..., 3] / opaque)
    black = _grey(image[..., :3]) / top * share
    white = black + (1.0 - share)
    on_white, on_black = (
        tf.reduce_max(x, [-2, -1], keepdims=True) - tf.reduce_min(x, [-2, -1], keepdims=True)
        for x in (white, black)
    )
    return tf.where((on_white < SEEN) & (on_black > on_white), black, white)


def _upright(drawings: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """Turns drawings ``[M, H, H]`` as Exif's orientations ``[M]`` say. All that was done before depends on none."""
    exchange, from_below, from_right = turns(turned[:, None, None])
    drawings = tf.where(exchange, tf.transpose(drawings, [0, 2, 1]), drawings)
    drawings = tf.where(from_below, drawings[:, ::-1], drawings)
    return tf.where(from_right, drawings[:, :, ::-1], drawings)


def _grey(colours: tf.Tensor) -> tf.Tensor:
    # a matrix product would take longer than all else for a small image
    return tf.add_n([share * each for share, each in zip(LUMA, tf.unstack(colours, axis=-1), strict=True)])
