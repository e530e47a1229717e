"""Squares of images around boxes, scaled to one size: the frame in which a cascade works."""

from typing import NamedTuple

import tensorflow as tf

from tfmeta.descent.products import products

__all__ = ["Frames", "crop", "frames_of"]


class Frames(NamedTuple):
    """Where squares lie in their images.

    Attributes:
        centre: x and y in pixels of the image, ``[B, M, 2]``.
        scale: pixels of the image for a pixel of the crop, ``[B, M]``.
        side: pixels of the crop in a row.
    """

    centre: tf.Tensor
    scale: tf.Tensor
    side: int

    def into(self, points: tf.Tensor) -> tf.Tensor:
        """Returns points of the image ``[B, M, L, 2]`` in pixels of the crop."""
        return (points - self.centre[:, :, None]) / self.scale[..., None, None] + (self.side - 1) / 2

    def out_of(self, points: tf.Tensor) -> tf.Tensor:
        """Returns points of the crop ``[B, M, L, 2]`` in pixels of the image."""
        return (points - (self.side - 1) / 2) * self.scale[..., None, None] + self.centre[:, :, None]


def frames_of(boxes: tf.Tensor, side: int, share: float) -> Frames:
    """Lays squares around boxes.

    Args:
        boxes: left, top, width and height in pixels, ``[B, M, 4]``.
        side: pixels of the crop in a row, S.
        share: of the crop's side is the longer side of the box.

    Returns:
        The squares, with the same centres.

    Example:
        >>> frames = frames_of(tf.constant([[[10.0, 20.0, 40.0, 30.0]]]), side=80, share=0.5)
        >>> frames.centre.numpy().tolist(), frames.scale.numpy().tolist()
        ([[[30.0, 35.0]]], [[1.0]])
    """
    longer = tf.reduce_max(boxes[..., 2:], axis=-1)
    return Frames(boxes[..., :2] + boxes[..., 2:] / 2, longer / (share * side), side)


def crop(images: tf.Tensor, frames: Frames, sizes: tf.Tensor | None = None) -> tf.Tensor:
    """Cuts squares out of images. Outside of an image its edge goes on.

    Each pixel is a weighted mean of the image around it. The weights are a tent, two pixels wide: pixels of the crop
    where the image is reduced, which averages, and pixels of the image where it is enlarged, which interpolates.

    Args:
        images: ``[B, H, W]``.
        frames: M squares of each image.
        sizes: height and width of each image, int ``[B, 2]``, where images were filled up to a common size.

    Returns:
        ``[B, M, S, S]``.

    Example:
        >>> square = crop(tf.eye(4)[None], frames_of(tf.constant([[[0.0, 0.0, 3.0, 3.0]]]), 4, 0.75))
        >>> square[0, 0].numpy().diagonal().tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    shape = tf.shape(images)
    steps = tf.range(frames.side, dtype=images.dtype) - (frames.side - 1) / 2
    across, down = (
        _weights(
            frames.centre[..., axis, None] + frames.scale[..., None] * steps,
            frames.scale, shape[2 - axis], None if sizes is None else sizes[:, 1 - axis],
        )
        for axis in (0, 1)
    )  # fmt: skip
    rows = products(tf.reshape(down, [shape[0], -1, shape[1]]), images)  # [B, M * S, W]
    rows = tf.reshape(rows, [shape[0], -1, frames.side, shape[2]])
    return products(rows, across, transpose_b=True)


def _weights(places: tf.Tensor, scale: tf.Tensor, count: tf.Tensor, sizes: tf.Tensor | None) -> tf.Tensor:
    """How much each of `count` pixels weighs in a pixel of the crop: ``[B, M, S, count]``.

    Only the first `sizes` of an image count, ``[B]``; all where None.
    """
    last = tf.cast(count - 1 if sizes is None else (sizes - 1)[:, None, None], places.dtype)
    places = tf.clip_by_value(places, 0.0, last)[..., None]
    pixels = tf.range(count, dtype=places.dtype)
    slope = 1.0 / tf.maximum(scale, 1.0)[..., None, None]
    weights = tf.maximum(1.0 - tf.abs(pixels - places) * slope, 0.0)
    if sizes is not None:
        weights = tf.where(pixels <= last[..., None], weights, 0.0)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)
