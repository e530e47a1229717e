"""Encoded drawings decoded in the graph: what `tfmeta.data.drawings` does with files, as ops that a server runs.

A client then sends the files that it has, and needs no code of ours between them and the model.
"""

import tensorflow as tf

from tfmeta.core.graph_checks import after, check_shape, require

__all__ = ["decode_drawings", "encode_drawings"]

_LONGEST_SIDE = 4096  # a few kilobytes may claim gigabytes of pixels
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_HEADER = 16, 9  # where it begins: width and height, four bytes each, then the bits of a sample
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R 601, which Pillow takes too


def decode_drawings(name: str, encoded: tf.Tensor, side: int, letter: str = "Q") -> tf.Tensor:
    """Decodes drawings: ink 1, paper 0, whatever the colours of the file.

    The paper is what the border of an image shows most: where more than half of it is lighter than middle grey,
    the image is dark on light and is inverted; otherwise it is light on dark and stays. What is transparent is
    white. An image that is not square gets more paper on both sides, and is then scaled by averaging over areas,
    as Omniglot is.

    Args:
        name: what the client calls the input, for messages.
        encoded: string ``[B, Q]``, the bytes of PNG or JPEG files.
        side: of the result, in pixels.
        letter: stands for Q in messages.

    Returns:
        float32 ``[B, Q, side, side, 1]``. The graph fails, with words, for what is no such file or is more than
        4096 pixels high or wide.

    Example:
        >>> white = tf.io.encode_png(tf.fill([40, 30, 1], tf.constant(255, tf.uint8)))
        >>> float(tf.reduce_max(decode_drawings("query_png", [[white]], side=28)))
        0.0
    """
    encoded = check_shape(name, tf.convert_to_tensor(encoded), ("B", letter))
    is_png = tf.strings.substr(encoded, 0, len(_PNG)) == _PNG
    is_jpeg = tf.strings.substr(encoded, 0, len(_JPEG)) == _JPEG
    odd = ~(is_png | is_jpeg)
    message = "; expected the bytes of such a file, not its path, its pixels or base64 text."
    (encoded,) = after([
        require(~tf.reduce_any(odd), f"{name} holds ", tf.math.count_nonzero(odd), " items that are no PNG or JPEG"
                " image, the first at ", tf.reshape(tf.where(odd)[:1], [-1]), message),
    ], encoded)  # fmt: skip
    drawings = tf.map_fn(
        lambda item: _drawing(name, item[0], item[1], side),
        (tf.reshape(encoded, [-1]), tf.reshape(is_jpeg, [-1])),
        fn_output_signature=tf.TensorSpec([side, side, 1], tf.float32),
    )
    return tf.reshape(drawings, tf.concat([tf.shape(encoded), [side, side, 1]], axis=0))


def encode_drawings(drawings: tf.Tensor) -> tf.Tensor:
    """Encodes drawings as PNG files, black on white.

    Args:
        drawings: ``[..., H, W, 1]``, ink 1, paper 0.

    Returns:
        string ``[...]``.
    """
    return tf.io.encode_png(tf.cast(tf.round(255.0 * (1.0 - tf.clip_by_value(drawings, 0.0, 1.0))), tf.uint8))


def _drawing(name: str, encoded: tf.Tensor, is_jpeg: tf.Tensor, side: int) -> tf.Tensor:
    # [H,W], 0 black to 1 white
    grey = tf.cond(is_jpeg, lambda: _grey_jpeg(name, encoded), lambda: _grey_png(name, encoded))
    border = tf.concat([grey[0], grey[-1], grey[:, 0], grey[:, -1]], axis=0)
    light = tf.reduce_mean(tf.cast(border > 0.5, tf.float32)) > 0.5
    ink = tf.where(light, 1.0 - grey, grey)
    gaps = tf.reduce_max(tf.shape(ink)) - tf.shape(ink)  # [2]
    square = tf.pad(ink, tf.stack([gaps // 2, gaps - gaps // 2], axis=1))
    return tf.ensure_shape(tf.image.resize(square[..., None], [side, side], "area"), [side, side, 1])


def _grey_jpeg(name: str, encoded: tf.Tensor) -> tf.Tensor:
    encoded = _small_enough(name, encoded, tf.image.extract_jpeg_shape(encoded, tf.int64)[:2])
    return _grey(tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"))


def _grey_png(name: str, encoded: tf.Tensor) -> tf.Tensor:
    size, bits = _png_header(encoded)
    image = tf.io.decode_png(_small_enough(name, encoded, size), channels=4)
    alpha = tf.cast(image[..., 3], tf.float32)
    # Where the file has no alpha the op fills in the largest sample of the file, which is 1 for one bit.
    opaque = tf.where(bits < 8, tf.maximum(tf.reduce_max(alpha), 1.0), 255.0)
    return _grey(image[..., :3]) * alpha / opaque + (1.0 - alpha / opaque)


def _small_enough(name: str, encoded: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    message = f" pixels; expected at most {_LONGEST_SIDE} on a side, so scale it down first."
    fits = tf.reduce_max(size) <= _LONGEST_SIDE
    return after([require(fits, f"{name} holds an image of ", size, message)], encoded)[0]


def _grey(image: tf.Tensor) -> tf.Tensor:
    return tf.linalg.matvec(tf.cast(image, tf.float32) / 255.0, _LUMA)


def _png_header(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width, and bits of a sample, as the file claims; one that ends before fails in decoding."""
    begin, length = _PNG_HEADER
    header = tf.strings.substr(tf.strings.join([encoded, b"\0" * (begin + length)]), begin, length)
    header = tf.cast(tf.io.decode_raw(header, tf.uint8), tf.int64)
    digits = tf.reshape(header[:8], [2, 4])  # the largest first
    size = tf.linalg.matvec(digits, tf.constant([2**24, 2**16, 2**8, 1], tf.int64))
    return tf.reverse(size, [0]), header[8]
