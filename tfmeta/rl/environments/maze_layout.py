"""Random mazes without loops, carved by a walk that goes back where it cannot go on; many at once in the graph."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["free_blocks", "mazes"]

_ASIDE = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])  # to the next block: rows down, columns to the right


def mazes(seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor, size: int) -> tf.Tensor:
    """Draws mazes of blocks that are wall or free, any two free ones joined by one path.

    Every second block of every second row is a room. A walk begins in any of them, goes on into any neighbouring room
    that it has not seen, by way of the block between, and goes back where there is none.

    Args:
        seed: two integers ``[2]`` that name the batch.
        batch: mazes, B.
        size: blocks of a side within the outer wall, n; odd.

    Returns:
        Where the walls are, bool ``[B, n + 2, n + 2]``, the outer wall all around.

    Raises:
        ValueError: for a side that is even or less than 3.

    Example:
        >>> drawn = mazes([0, 7], batch=2, size=5)
        >>> drawn.shape, int(tf.reduce_sum(tf.cast(~drawn, tf.int32)))  # nine rooms and eight doors in each
        (TensorShape([2, 7, 7]), 34)
    """
    check(size >= 3 and size % 2 == 1, f"size={size}; expected an odd number of blocks, at least 3.")
    rooms = (size + 1) // 2
    neighbours = _neighbours(rooms)  # [rooms, 4], -1 beyond the wall
    count = rooms**2
    seed, first = tf.cast(seed, tf.int64), tf.random.fold_in(tf.cast(seed, tf.int64), -1)
    first = tf.random.stateless_uniform([batch], first, 0, count, tf.int32)
    begin = (
        tf.one_hot(first, count, dtype=tf.int32),  # seen
        tf.tile(first[:, None], [1, count]),  # the way back to the first room
        tf.zeros([batch], tf.int32),  # how long that is
        tf.zeros([batch, count, 4]),  # doors, as they were gone through
    )

    def walk(step: tf.Tensor, seen: tf.Tensor, way: tf.Tensor, depth: tf.Tensor, doors: tf.Tensor) -> tuple:
        here = tf.gather(way, depth, batch_dims=1)
        beside = tf.gather(neighbours, here)  # [B, 4]
        new = (beside >= 0) & (tf.gather(seen, tf.maximum(beside, 0), batch_dims=1) == 0)
        luck = tf.random.stateless_uniform([batch, 4], tf.random.fold_in(seed, step))
        side = tf.argmax(tf.where(new, luck, -1.0), axis=1, output_type=tf.int32)
        goes = tf.reduce_any(new, axis=1)
        to = tf.where(goes, tf.gather(beside, side, batch_dims=1), here)
        depth = tf.where(goes, depth + 1, tf.maximum(depth - 1, 0))
        there = tf.one_hot(to, count, dtype=tf.int32)
        at = tf.one_hot(depth, count, dtype=tf.int32)
        way = tf.where(goes[:, None] & (at == 1), to[:, None], way)
        through = tf.one_hot(here, count)[:, :, None] * tf.one_hot(side, 4)[:, None]
        doors = tf.where(goes[:, None, None], tf.maximum(doors, through), doors)
        return step + 1, tf.maximum(seen, there), way, depth, doors

    # As many steps as it takes to go through every door, there and back.
    *_, doors = tf.while_loop(
        lambda step, *_: step < 2 * (count - 1), walk, (tf.constant(0), *begin), parallel_iterations=1
    )
    return _walls(doors, rooms, size)


def _neighbours(rooms: int) -> tf.Tensor:
    rows, columns = np.divmod(np.arange(rooms**2), rooms)
    beside = np.stack([rows, columns], axis=1)[:, None] + _ASIDE  # [rooms, 4, 2]
    inside = ((beside >= 0) & (beside < rooms)).all(-1)
    return tf.constant(np.where(inside, beside @ [rooms, 1], -1), tf.int32)


def _walls(doors: tf.Tensor, rooms: int, size: int) -> tf.Tensor:
    """Lays rooms and doors ``[B, rooms, 4]`` out as blocks."""
    side = size + 2
    rows, columns = (2 * place + 1 for place in np.divmod(np.arange(rooms**2), rooms))
    between = rows[:, None] + _ASIDE[:, 0], columns[:, None] + _ASIDE[:, 1]  # the block behind each door
    to_blocks = np.eye(side**2, dtype=np.float32)[
        (between[0] * side + between[1]).ravel()
    ]  # [rooms * 4, blocks]
    free = tf.matmul(tf.reshape(doors, [-1, to_blocks.shape[0]]), to_blocks)
    free += np.eye(side**2, dtype=np.float32)[rows * side + columns].sum(0)
    return tf.reshape(free == 0, [-1, side, side])


def free_blocks(walls: tf.Tensor, seed: tf.Tensor, count: int) -> tf.Tensor:
    """Draws different free blocks of each maze.

    Args:
        walls: ``[B, side, side]``.
        seed: two integers ``[2]``.
        count: blocks of a maze, at most as many as are free.

    Returns:
        Their numbers, counted by rows, ``[B, count]`` int32.
    """
    blocks = tf.reshape(walls, [tf.shape(walls)[0], -1])
    luck = tf.random.stateless_uniform(tf.shape(blocks), seed)
    return tf.math.top_k(tf.where(blocks, -1.0, luck), count).indices
