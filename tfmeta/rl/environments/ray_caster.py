"""What is seen in a maze: a ray for each column of the picture, cast until it meets a wall."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

__all__ = ["Hits", "cast_rays", "render"]

_CEILING = np.array([0.25, 0.25, 0.3], np.float32)
_FLOOR = np.array([0.4, 0.35, 0.3], np.float32)
_WALL = np.array([0.55, 0.6, 0.65], np.float32)
_TARGET = np.array([0.9, 0.1, 0.1], np.float32)
_IN_THE_SHADE = 0.75  # of walls that are met going up or down, so that corners show


class Hits(NamedTuple):
    """Where rays end.

    Attributes:
        distance: along the view, not along the ray, so that straight walls look straight; in blocks, ``[B, W]``.
        target: whether the target is met, and not a wall, ``[B, W]`` bool.
        upright: whether the ray goes through a line between rows there, ``[B, W]`` bool.
    """

    distance: tf.Tensor
    target: tf.Tensor
    upright: tf.Tensor


def cast_rays(walls: tf.Tensor, target: tf.Tensor, pose: tf.Tensor, *, width: int, view: float) -> Hits:
    """Casts rays from block to block until they meet a wall or the target (Amanatides & Woo 1987).

    Args:
        walls: ``[B, side, side]`` bool, with an outer wall.
        target: the target's block, counted by rows, ``[B]``.
        pose: row and column, in blocks, and the direction, in radians from that of growing columns towards that of
            growing rows, ``[B, 3]``.
        width: rays of each picture, W.
        view: how wide the view is, in radians, below π.

    Returns:
        Where each ray ends.
    """
    side = walls.shape[-1]
    solid = tf.reshape(walls, [-1, side * side]) | tf.cast(tf.one_hot(target, side * side), tf.bool)
    across = tf.constant(np.tan(view / 2) * (2 * (np.arange(width) + 0.5) / width - 1), tf.float32)
    forward = tf.stack([tf.sin(pose[:, 2]), tf.cos(pose[:, 2])], axis=-1)[
        :, None
    ]  # [B, 1, 2] of row and column
    right = tf.stack([tf.cos(pose[:, 2]), -tf.sin(pose[:, 2])], axis=-1)[:, None]
    ray = forward + across[:, None] * right  # [B, W, 2]; its length along the view is 1
    ray = tf.where(tf.abs(ray) < 1e-6, 1e-6, ray)
    at = pose[:, None, :2] + tf.zeros_like(ray)
    block = tf.floor(at)
    step = tf.sign(ray)
    apart = 1.0 / tf.abs(ray)  # of two lines between rows, or columns
    ahead = tf.where(step > 0, block + 1.0 - at, at - block) * apart  # the next such lines

    def advance(ahead: tf.Tensor, block: tf.Tensor, hits: Hits, going: tf.Tensor) -> tuple:
        upright = ahead[..., 0] < ahead[..., 1]
        crossing = tf.stack([upright, ~upright], axis=-1)
        distance = tf.reduce_min(ahead, axis=-1)
        block = tf.where(crossing, block + step, block)
        number = tf.cast(block[..., 0] * side + block[..., 1], tf.int32)
        met = going & tf.gather(solid, tf.clip_by_value(number, 0, side * side - 1), batch_dims=1)
        hits = Hits(
            tf.where(met, distance, hits.distance),
            tf.where(met, number == target[:, None], hits.target),
            tf.where(met, upright, hits.upright),
        )
        return tf.where(crossing, ahead + apart, ahead), block, hits, going & ~met

    nothing = tf.zeros_like(ray[..., 0], tf.bool)
    *_, hits, _ = tf.while_loop(
        lambda ahead, block, hits, going: tf.reduce_any(going),
        advance,
        (ahead, block, Hits(tf.zeros_like(ray[..., 0]), nothing, nothing), ~nothing),
        maximum_iterations=2 * side,
        parallel_iterations=1,
    )
    return hits


def render(hits: Hits, height: int, view: float) -> tf.Tensor:
    """Paints what rays have met: a column each, the higher the nearer; what is far is darker.

    Args:
        hits: of each ray.
        height: of the picture, H.
        view: how wide the view is, as for `cast_rays`.

    Returns:
        Red, green and blue from 0 to 1, ``[B, H, W, 3]``.
    """
    # How far above the middle a pixel looks, in blocks, at the distance of one.
    rise = (2 * (np.arange(height) + 0.5) - height) / hits.distance.shape[-1] * np.tan(view / 2)
    distance = tf.maximum(hits.distance, 1e-2)[:, None, :, None]
    colour = tf.where(hits.target[..., None], _TARGET, _WALL)
    colour *= tf.where(hits.upright, _IN_THE_SHADE, 1.0)[..., None]
    wall = colour[:, None] / (1.0 + 0.3 * distance)
    # A wall is as high as its blocks are wide; the eye is half way up. Farther floor is nearer to the middle.
    depth = 0.5 / np.maximum(np.abs(rise), 1e-3)
    flat = np.where(rise[:, None] < 0, _CEILING, _FLOOR) / (1.0 + 0.3 * depth[:, None])
    up = tf.constant(np.abs(rise)[:, None, None], tf.float32)
    return tf.where(up * distance < 0.5, wall, tf.constant(flat[:, None], tf.float32))
