"""The expert of block stacking: what to do next follows from the scene alone, however it came about."""

import tensorflow as tf

from tfmeta.imitation.stacking_rules import (
    REACH,
    SIDE,
    STRIDE,
    StackingState,
    covers,
    in_hand,
    placed,
    present,
)

__all__ = ["stacking_expert"]

_CLEARANCE = 0.03  # between what crosses the table and all tops
_NEAR = 0.02  # from here on the way goes down
_AT = 0.01  # this is there: well within what the gripper can grasp, so that small errors cost no time
_ROOM = 0.06  # between the centres of a cube that is put aside and of all others
_FAR = 1e3
_ASIDE = [number * SIDE for number in range(-3, 4)]  # ways along x and along y to where it is put


def stacking_expert(state: StackingState) -> tf.Tensor:
    """Returns the action that builds the layout of each scene.

    The cube to place is the first one, tower by tower from the bottom, that is not where it shall be. If something lies
    on it, or on the cube that it shall be on, then what lies highest is put aside first. The gripper goes up, across,
    and down to the cube, closes, goes up, across and down to the target, and opens.

    Args:
        state: B scenes, in any state.

    Returns:
        The actions, ``[B, 4]``.
    """
    cubes, holds = state.cubes, state.held >= 0
    misplaced = ~placed(state)
    most = cubes.shape[1]
    following = tf.argmin(tf.where(misplaced, state.task.rank, most), axis=1, output_type=tf.int32)
    support = tf.gather(state.task.supports, following, batch_dims=1)
    cover = _stacked_over(covers(state))
    on_support = tf.gather(cover, tf.maximum(support, 0), batch_dims=1) & (support >= 0)[:, None]
    on_following = tf.gather(cover, following, batch_dims=1)

    # The highest cube in the way has nothing on it. At the same height, the one that is placed first.
    wanted = on_support | on_following | tf.one_hot(following, most, True, False, dtype=tf.bool)
    key = tf.where(wanted, cubes[..., 2] - 1e-4 * tf.cast(state.task.rank, tf.float32), -_FAR)
    to_take = tf.gather(cubes, tf.argmax(key, axis=1), batch_dims=1)

    held = tf.gather(cubes, tf.maximum(state.held, 0), batch_dims=1)
    fits = (state.held == following) & (support >= 0) & ~tf.reduce_any(on_support, axis=1)
    target = tf.gather(cubes, tf.maximum(support, 0), batch_dims=1) + tf.constant([0.0, 0.0, SIDE])
    target = tf.where(fits[:, None], target, _free_place(state, held))

    hand = tf.where(holds[:, None], held, state.gripper)
    goal = tf.where(holds[:, None], target, to_take)
    done = ~tf.reduce_any(misplaced, axis=1)
    way, rise = goal - hand, _crossing_height(state) - hand[:, 2]
    far = tf.reduce_max(tf.abs(way[:, :2]), axis=1) > _NEAR
    low = rise > _CLEARANCE - 0.01  # it would touch what it crosses
    across = tf.where((far & low | done)[:, None], 0.0, way[:, :2])
    along = tf.where(done, tf.maximum(rise, 0.0), tf.where(far, rise, way[:, 2]))
    there = tf.reduce_max(tf.abs(way), axis=1) <= _AT
    opened = state.opening >= SIDE + 0.01
    opens = tf.where(holds, there, ~(there & opened) | done)
    action = tf.concat(
        [across / STRIDE, along[:, None] / STRIDE, tf.where(opens, 1.0, -1.0)[:, None]], axis=1
    )
    return tf.clip_by_value(action, -1.0, 1.0)


def _stacked_over(cover: tf.Tensor) -> tf.Tensor:
    """Adds what lies on a cube that lies on the cube, and so on: paths of 2, 4, 8, ... steps."""
    for _ in range((cover.shape[1] - 1).bit_length()):
        paths = tf.cast(cover, tf.float32)
        cover |= tf.matmul(paths, paths) > 0.5
    return cover


def _crossing_height(state: StackingState) -> tf.Tensor:
    """How high the middle of a cube must be that crosses all other cubes, ``[B]``."""
    lying = present(state.task) & ~in_hand(state)
    return tf.reduce_max(tf.where(lying, state.cubes[..., 2], 0.0), axis=1) + SIDE + _CLEARANCE


def _free_place(state: StackingState, held: tf.Tensor) -> tf.Tensor:
    """Where on the table there is room for the cube in the hand, as near as can be, ``[B, 3]``."""
    steps = tf.constant(_ASIDE)
    places = held[:, None, :2] + steps[:, None]  # along x, and along y: [B, G, 2]
    near = tf.abs(places[:, :, None] - state.cubes[:, None, :, :2]) <= _ROOM  # [B, G, N, 2]
    near &= (present(state.task) & ~in_hand(state))[:, None, :, None]
    near_x, near_y = tf.unstack(tf.cast(near, tf.float32), axis=-1)
    outside = tf.cast(tf.abs(places) > REACH, tf.float32)
    taken = tf.matmul(near_x, near_y, transpose_b=True) + outside[:, :, None, 0] + outside[:, None, :, 1]
    cost = steps[:, None] ** 2 + steps**2 + tf.where(taken > 0, _FAR, 0.0)  # [B, G, G]
    chosen = tf.argmin(tf.reshape(cost, [-1, len(_ASIDE) ** 2]), axis=1)  # the nearest
    number = tf.stack([chosen // len(_ASIDE), chosen % len(_ASIDE)], axis=1)
    place = held[:, :2] + tf.gather(steps, number)
    return tf.concat([place, tf.fill([tf.shape(place)[0], 1], SIDE / 2)], axis=1)
