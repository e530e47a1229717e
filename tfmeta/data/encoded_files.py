"""What image files say of themselves, read in the graph before anything is decoded."""

import tensorflow as tf

from tfmeta.core.graph_checks import after, require

__all__ = ["are_usual", "check_files", "orientations", "sizes_and_bits", "turns"]

_LONGEST_SIDE = 4096  # a few kilobytes may claim gigabytes of pixels
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Length and name of the chunk that says the size; the decoder takes others before it.
_PNG_FIRST = b"\0\0\0\x0dIHDR"
_USUAL_BITS = 1, 2, 4, 8
_PNG_HEADER = 16, 9  # where it begins: width and height, four bytes each, then the bits of a sample

# Exif's orientation, in the first directory of a TIFF header: entries of twelve bytes. RE2 reads UTF-8, so any byte is
# \C. Tags stand in front; the bytes after that are not searched.
_TAGS = 65536
_ENTRIES = r"(?:\C{12}){0,40}?"
_BIG = r"MM\x00\x2a\x00\x00\x00\x08\C\C" + _ENTRIES + r"\x01\x12\x00\x03\x00\x00\x00\x01\x00([\x01-\x08])"
_LITTLE = r"II\x2a\x00\x08\x00\x00\x00\C\C" + _ENTRIES + r"\x12\x01\x03\x00\x01\x00\x00\x00([\x01-\x08])\x00"
_ORIENTATION = rf"^\C*?(?:Exif\x00\x00|eXIf)(?:{_BIG}|{_LITTLE})\C*$"


def are_usual(files: tf.Tensor, side: int) -> tf.Tensor:
    """Says whether files ``[M]`` are all PNG, of this side, of at most 8 bits a sample, and without an Exif tag."""
    size = side.to_bytes(4, "big")
    known = tf.constant([_PNG + _PNG_FIRST + size + size + bytes([bits]) for bits in _USUAL_BITS])
    begins = tf.strings.substr(files, 0, sum(_PNG_HEADER))
    tagged = tf.strings.regex_full_match(files, r"\C*eXIf\C*")
    return tf.reduce_all(tf.reduce_any(begins[:, None] == known, axis=1) & ~tagged)


def check_files(name: str, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Checks that items are PNG or JPEG files.

    Args:
        name: what the client calls the input, for messages.
        encoded: bytes of files, string ``[B, Q]``.

    Returns:
        The files, string ``[M]``, and which are JPEG, bool ``[M]``, where M is B times Q. The graph fails, with words,
        for what is no such file.
    """
    is_png = tf.strings.substr(encoded, 0, len(_PNG)) == _PNG
    is_jpeg = tf.strings.substr(encoded, 0, len(_JPEG)) == _JPEG
    odd = ~(is_png | is_jpeg)
    message = "; expected the bytes of such a file, not its path, its pixels or base64 text."
    (encoded,) = after([
        require(~tf.reduce_any(odd), f"{name} holds ", tf.math.count_nonzero(odd), " items that are no PNG or JPEG"
                " image, the first at ", tf.reshape(tf.where(odd)[:1], [-1]), message),
    ], encoded)  # fmt: skip
    return tf.reshape(encoded, [-1]), tf.reshape(is_jpeg, [-1])


def sizes_and_bits(name: str, files: tf.Tensor, is_jpeg: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads how large images are, where their decoders read it, and checks that they are not too large.

    Args:
        name: what the client calls the input, for messages.
        files: string ``[M]``.
        is_jpeg: bool ``[M]``; the others are PNG.

    Returns:
        The files, once they have passed; height and width, int64 ``[M, 2]``; and bits of a sample, int64 ``[M]``. The
        graph fails, with words, for an image of more than 4096 pixels on a side.
    """
    begin, length = _PNG_HEADER
    padded = tf.strings.join([files, b"\0" * (begin + length)])  # one that ends before fails in decoding
    header = tf.cast(tf.io.decode_raw(tf.strings.substr(padded, begin, length), tf.uint8), tf.int64)
    header = tf.reshape(header, [-1, length])
    digits = tf.reshape(header[:, :8], [-1, 2, 4])  # the largest first
    sizes = tf.linalg.matvec(digits, tf.constant([2**24, 2**16, 2**8, 1], tf.int64))[:, ::-1]
    sizes = tf.cond(
        tf.reduce_any(is_jpeg),
        lambda: tf.tensor_scatter_nd_update(
            sizes, tf.where(is_jpeg), _sizes_of_jpeg(tf.boolean_mask(files, is_jpeg))
        ),
        lambda: sizes,
    )
    odd = ~is_jpeg & (tf.strings.substr(padded, len(_PNG), len(_PNG_FIRST)) != _PNG_FIRST)
    known = tf.concat([[[0, 0]], sizes], axis=0)  # where there are no files, too
    largest = tf.gather(known, tf.argmax(tf.reduce_max(known, axis=1)))
    fits = tf.reduce_all(sizes <= _LONGEST_SIDE)
    (files,) = after([
        require(~tf.reduce_any(odd), f"{name} holds ", tf.math.count_nonzero(odd), " PNG images that do not begin with"
                " the chunk IHDR; expected the files that a program of images writes, so save them again."),
        require(fits, f"{name} holds an image of ", largest, f" pixels; expected at most {_LONGEST_SIDE} on a side, so"
                " scale it down first."),
    ], files)  # fmt: skip
    return files, sizes, header[:, 8]


def orientations(files: tf.Tensor, is_jpeg: tf.Tensor) -> tf.Tensor:
    """Reads how images are turned, from the Exif tag of JPEG files and of the chunk eXIf of PNG files.

    Args:
        files: string ``[M]``.
        is_jpeg: bool ``[M]``.

    Returns:
        1 to 8 for each, int64 ``[M]``; 1 (upright) where a file does not say it.
    """
    front = tf.strings.substr(files, 0, _TAGS)
    code = tf.strings.regex_replace(front, _ORIENTATION, r"\1\2")
    code = tf.where(tf.strings.length(code) == 1, code, b"\x01")
    return tf.cast(tf.reshape(tf.io.decode_raw(code, tf.uint8), [-1]), tf.int64)


def turns(orientation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Says how stored pixels become an upright image; the three are done in this order.

    Args:
        orientation: 1 to 8, as `orientations` returns them, of any shape.

    Returns:
        Whether rows and columns are exchanged, whether the order of rows is reversed, and whether that of columns is;
        bool, each shaped like `orientation`.

    Example:
        >>> [bool(turn) for turn in turns(tf.constant(6))]  # by a quarter to the right
        [True, False, True]
    """
    from_below, from_right = (
        tf.reduce_any(orientation[..., None] == tf.constant(some, orientation.dtype), axis=-1)
        for some in ([3, 4, 7, 8], [2, 3, 6, 7])
    )
    return orientation >= 5, from_below, from_right


def _sizes_of_jpeg(files: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(
        lambda file: tf.image.extract_jpeg_shape(file, tf.int64)[:2],
        files,
        fn_output_signature=tf.TensorSpec([2], tf.int64),
    )
