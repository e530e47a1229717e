"""Face alignment as a servable: an image and a box go in, landmarks and how sure they are come out."""

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.data.encoded_files import check_files, orientations, sizes_and_bits, turns
from tfmeta.descent.aligner import LandmarkAligner
from tfmeta.descent.crops import Frames, crop, frames_of

__all__ = ["alignment_servable"]

_SMALLEST = 2
_LARGEST = 4096
_EXAMPLE_SIDE = 96


def alignment_servable(aligner: LandmarkAligner, name: str, *, card: Card) -> Servable:
    """Makes the signatures of an aligner.

    ===================  ========================================  ================================================
    signature            inputs                                    outputs
    ===================  ========================================  ================================================
    ``align``            image ``[B, H, W, 1]``, box ``[B, 4]``    landmarks ``[B, L, 2]``, confidence ``[B, L]``
    ``align_png``        image_png ``[B]``, box ``[B, 4]``         the same
    ``serving_default``  as ``align``
    ===================  ========================================  ================================================

    ==============  =====================================================================================
    ``image``       float32, grey, 0 to 255. Contrast does not matter: 0 to 1 gives the same landmarks.
    ``image_png``   the bytes of a PNG or JPEG file, which is turned as its Exif tag says
    ``box``         left, top, width and height of the landmarks' extent, more or less, in pixels; it may reach
                    over the edge of the image
    ``landmarks``   x and y in pixels; (0, 0) is the centre of the first pixel
    ``confidence``  the probability that a landmark is within a fortieth of the box's longer side
    ==============  =====================================================================================

    Images are 2 to 4096 pixels high and wide. A request that does not fit fails with a message that says what came,
    what was expected, and how to mend it.

    Args:
        aligner: the aligner, trained.
        name: name of the model.
        card: the model card.

    Returns:
        A servable for `tfmeta.core.export.export`.
    """

    def align(image: tf.Tensor, box: tf.Tensor) -> dict[str, tf.Tensor]:
        image = check_finite("image", check_shape("image", image, ("B", "H", "W", 1)))
        box = check_finite("box", check_shape("box", box, ("B", 4)))
        image, box = check_leading(image=image, box=box)
        sizes = tf.broadcast_to(tf.shape(image)[1:3], [tf.shape(image)[0], 2])
        box = _check_boxes(box, sizes)
        frames = frames_of(box[:, None], aligner.side, aligner.share)
        return _answer(aligner, crop(image[..., 0] / 255.0, frames)[:, 0], frames, box)

    def align_png(image_png: tf.Tensor, box: tf.Tensor) -> dict[str, tf.Tensor]:
        image_png = check_shape("image_png", image_png, ("B",))
        box = check_finite("box", check_shape("box", box, ("B", 4)))
        image_png, box = check_leading(image_png=image_png, box=box)
        files, is_jpeg = check_files("image_png", image_png[:, None])
        files, sizes, _ = sizes_and_bits("image_png", files, is_jpeg)
        turned = orientations(files, is_jpeg)
        exchange, _, _ = turns(turned)
        box = _check_boxes(box, tf.where(exchange[:, None], sizes[:, ::-1], sizes))
        frames = frames_of(box[:, None], aligner.side, aligner.share)

        def crop_of(item: tuple[tf.Tensor, ...]) -> tf.Tensor:
            file, turn, centre, scale = item
            grey = _upright(tf.cast(tf.io.decode_image(file, 1, expand_animations=False), tf.float32), turn)
            frame = Frames(centre[None], scale[None], aligner.side)
            return crop(grey[None, :, :, 0] / 255.0, frame)[0, 0]

        crops = tf.map_fn(
            crop_of,
            (files, turned, frames.centre, frames.scale),
            fn_output_signature=tf.TensorSpec([aligner.side, aligner.side], tf.float32),
            parallel_iterations=2,
        )
        return _answer(aligner, crops, frames, box)

    pixels = np.random.default_rng(0).integers(0, 256, [1, _EXAMPLE_SIDE, _EXAMPLE_SIDE, 1])
    box = np.array([[18, 18, 60, 60]], np.float32)
    example = {"image": pixels.astype(np.float32), "box": box}
    file = tf.io.encode_png(tf.constant(pixels[0], tf.uint8)).numpy()
    box_spec = tf.TensorSpec([None, 4], name="box")
    arrays = Signature(align, (tf.TensorSpec([None, None, None, 1], name="image"), box_spec), example)
    files = Signature(
        align_png,
        (tf.TensorSpec([None], tf.string, name="image_png"), box_spec),
        {"image_png": np.array([file], object), "box": box},
    )
    return Servable(name, {"serving_default": arrays, "align": arrays, "align_png": files}, card)


def _answer(
    aligner: LandmarkAligner, crops: tf.Tensor, frames: Frames, box: tf.Tensor
) -> dict[str, tf.Tensor]:
    landmarks, confidence = aligner.answer(aligner.ends_in(crops, frames)[-1], box)
    return {"landmarks": landmarks, "confidence": confidence}


def _check_boxes(box: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """Checks that images ``[B]`` have pixels, and that each box ``[B, 4]`` has some of them."""
    height, width = (tf.cast(sizes[:, axis], tf.float32) for axis in (0, 1))
    left, top, across, down = tf.unstack(box, axis=1)
    none = (across < 1) | (down < 1)
    outside = (left + across < 0) | (top + down < 0) | (left > width - 1) | (top > height - 1)
    return after([
        require(tf.reduce_all((sizes >= _SMALLEST) & (sizes <= _LARGEST)), "An image is ", tf.reduce_min(sizes),
                " to ", tf.reduce_max(sizes), f" pixels high or wide; expected {_SMALLEST} to {_LARGEST}."),
        require(~tf.reduce_any(none), "box holds ", tf.math.count_nonzero(none), " boxes that are less than a pixel"
                " wide or high, the first at ", tf.reshape(tf.where(none)[:1], [-1]), "; expected left, top, width and"
                " height in pixels."),
        require(~tf.reduce_any(outside), "box holds ", tf.math.count_nonzero(outside), " boxes outside of their"
                " images, the first at ", tf.reshape(tf.where(outside)[:1], [-1]), "; expected left, top, width and"
                " height in pixels of the image, whose origin is its upper left corner."),
    ], box)[0]  # fmt: skip


def _upright(image: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """Turns an image ``[H, W, 1]`` as Exif's orientation says."""
    exchange, from_below, from_right = turns(turn)
    exchanged = tf.cond(exchange, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    rows = tf.cond(from_below, lambda: exchanged[::-1], lambda: exchanged)
    return tf.cond(from_right, lambda: rows[:, ::-1], lambda: rows)
