"""Rules of cubes on a table and of the gripper that moves them, for B scenes at once."""

from typing import NamedTuple

import tensorflow as tf

__all__ = [
    "REACH", "SIDE", "STRIDE", "WIDEST", "StackingState", "StackingTask", "covers", "in_hand", "placed", "present",
    "step_scenes",
]  # fmt: skip

SIDE = 0.05  # of a cube
STRIDE = 0.05  # of the gripper in a step, at most, in each direction
REACH = 0.3  # of the gripper from the middle of the table, in x and y
WIDEST = 0.08  # opening of the gripper
SLACK = 0.005  # between heights, and between the fingers and a cube that they hold

_LOWEST = 0.02  # of the gripper above the table: so far its fingertips reach below it
_HEADROOM = 0.15  # of the gripper above the highest tower
_BETWEEN = 0.015  # from the gripper to the centre of a cube between its fingers, at most, in each direction
_PALM = (0.03, 0.1)  # bottom and top of the palm, above the gripper
_PALM_HALF = (
    0.015  # of its width: narrower than a cube, so the gripper fits over each cube that has a clear top
)
_TOUCH = 1e-4  # an overlap that is a touch
_INSIDE = 1e-3  # an overlap from which it does not hinder to get out


class StackingTask(NamedTuple):
    """The layouts that B scenes shall have.

    Attributes:
        count: cubes of each scene, ``[B]`` int32.
        supports: for each cube the one that it shall be on, -1 for the table, ``[B, N]`` int32.
        rank: when the expert places each cube, counted from 0; N where there is no cube, ``[B, N]`` int32.
    """

    count: tf.Tensor
    supports: tf.Tensor
    rank: tf.Tensor


class StackingState(NamedTuple):
    """B scenes, in metres. The table is at height 0.

    Attributes:
        task: the layouts.
        cubes: the centres of the cubes, ``[B, N, 3]``; zeros where there is none.
        gripper: the point between the fingertips, ``[B, 3]``.
        opening: the distance between the fingers, ``[B]``.
        held: the number of the cube that is held, or -1, ``[B]`` int32.
    """

    task: StackingTask
    cubes: tf.Tensor
    gripper: tf.Tensor
    opening: tf.Tensor
    held: tf.Tensor


def present(task: StackingTask) -> tf.Tensor:
    """Returns which cubes there are, ``[B, N]`` bool."""
    return tf.sequence_mask(task.count, task.supports.shape[1])


def in_hand(state: StackingState) -> tf.Tensor:
    """Returns which cube is held, ``[B, N]`` bool."""
    return tf.one_hot(state.held, state.cubes.shape[1], True, False, dtype=tf.bool)


def covers(state: StackingState) -> tf.Tensor:
    """Returns whether cube j lies above a part of cube i, ``[B, N (i), N (j)]`` bool. A held cube lies on nothing."""
    apart = state.cubes[:, None] - state.cubes[:, :, None]  # of j from i
    there = present(state.task)
    lying = there & ~in_hand(state)
    return _share_ground(apart) & (apart[..., 2] > SIDE / 2) & there[:, :, None] & lying[:, None]


def placed(state: StackingState) -> tf.Tensor:
    """Returns which cubes are where the layout wants them, ``[B, N]`` bool; those that are not there are.

    The centre of a cube must be over the cube below it, and the gripper must have left it.
    """
    supports = state.task.supports
    below = tf.gather(state.cubes, tf.maximum(supports, 0), batch_dims=1)
    off = tf.abs(state.cubes - below - [0.0, 0.0, SIDE])
    stacked = tf.reduce_all(off <= [SIDE / 2, SIDE / 2, SLACK], axis=-1)
    on_table = tf.abs(state.cubes[..., 2] - SIDE / 2) <= SLACK
    return tf.where(supports < 0, on_table, stacked) & ~in_hand(state) | ~present(state.task)


def step_scenes(state: StackingState, action: tf.Tensor) -> StackingState:
    """Moves the gripper and what it holds, then the fingers; then the other cubes fall.

    Args:
        state: B scenes.
        action: dx, dy, dz and the change of the opening, from -1 to 1, ``[B, 4]``; others are clipped.

    Returns:
        The scenes a step later.
    """
    action = tf.clip_by_value(action, -1.0, 1.0)
    return _fall(_grip(_move(state, action[:, :3] * STRIDE), action[:, 3] * (WIDEST / 2)))


def _move(state: StackingState, way: tf.Tensor) -> StackingState:
    """Moves the gripper up, along x, along y and down, each time until something is in the way."""
    hand, others = in_hand(state), present(state.task) & ~in_hand(state)
    holds = state.held >= 0
    highest = state.cubes.shape[1] * SIDE + _HEADROOM
    low, high = tf.constant([-REACH, -REACH, _LOWEST]), tf.constant([REACH, REACH, highest])
    way = tf.clip_by_value(state.gripper + way, low, high) - state.gripper

    # What moves is the palm and the cube in the hand. Fingers that are closed around nothing fill the room below the
    # palm; else they are so thin that they pass.
    bottom = tf.where(~holds & (state.opening < SIDE), -_LOWEST, _PALM[0])
    tall = (_PALM[1] - bottom) / 2
    wide = tf.fill(tf.shape(tall), _PALM_HALF)
    half = tf.stack(
        [tf.stack([wide, wide, tall], axis=-1), tf.fill([tf.shape(tall)[0], 3], SIDE / 2)], axis=1
    )
    palm = tf.stack([tf.zeros_like(tall), tf.zeros_like(tall), bottom + tall], axis=-1)
    held = tf.reduce_sum(tf.where(hand[..., None], state.cubes, 0.0), axis=1)
    offset = tf.where(holds[:, None], held - state.gripper, 0.0)
    solid = tf.stack([tf.ones_like(holds), holds], axis=1)  # [B, 2]

    place = state.gripper
    up, down = tf.maximum(way[:, 2], 0.0), tf.minimum(way[:, 2], 0.0)
    for axis, part in ((2, up), (0, way[:, 0]), (1, way[:, 1]), (2, down)):
        boxes = tf.stack([place + palm, place + offset], axis=1)
        part = _free_way(boxes, half, solid, state.cubes, others, axis, part)
        if axis == 2:
            part = tf.where(holds, tf.maximum(part, SIDE / 2 - (place + offset)[:, 2]), part)  # the table
        place += part[:, None] * tf.one_hot(axis, 3)
    cubes = tf.where(hand[..., None], (place + offset)[:, None], state.cubes)
    return state._replace(gripper=place, cubes=cubes)


def _free_way(
    boxes: tf.Tensor,
    half: tf.Tensor,
    solid: tf.Tensor,
    cubes: tf.Tensor,
    hinder: tf.Tensor,
    axis: int,
    way: tf.Tensor,
) -> tf.Tensor:
    """How much of a way along an axis boxes can go before they touch a cube: nothing is jumped over."""
    apart = cubes[:, None] - boxes[:, :, None]  # [B, P, N, 3]
    room = half[:, :, None] + SIDE / 2
    meets = tf.abs(apart) < room - _TOUCH
    first, second = (other for other in range(3) if other != axis)
    ahead = apart[..., axis] * tf.sign(way)[:, None, None] - room[..., axis]
    blocks = meets[..., first] & meets[..., second] & (ahead > -_INSIDE) & solid[..., None] & hinder[:, None]
    free = tf.reduce_min(tf.where(blocks, tf.maximum(ahead, 0.0), 2 * STRIDE), axis=[1, 2])
    return tf.sign(way) * tf.minimum(tf.abs(way), free)


def _grip(state: StackingState, change: tf.Tensor) -> StackingState:
    """Opens or closes the fingers. They stop at a cube, and hold it where nothing lies on it."""
    holds = state.held >= 0
    near = tf.reduce_all(tf.abs(state.cubes - state.gripper[:, None]) <= _BETWEEN, axis=-1)
    between = near & present(state.task) & (state.opening >= SIDE)[:, None]
    opening = tf.clip_by_value(state.opening + change, 0.0, WIDEST)
    stops = holds | tf.reduce_any(between, axis=1)
    opening = tf.where(stops, tf.maximum(opening, SIDE), opening)
    closes = (change < 0) & (opening <= SIDE) & ~holds
    taken = between & closes[:, None] & ~tf.reduce_any(covers(state), axis=2)
    number = tf.argmax(tf.cast(taken, tf.int32), axis=1, output_type=tf.int32)
    held = tf.where(tf.reduce_any(taken, axis=1), number, state.held)
    return state._replace(opening=opening, held=tf.where(opening > SIDE + SLACK, -1, held))


def _fall(state: StackingState) -> StackingState:
    """Lets each cube fall onto the highest cube below it, or onto the table.

    All fall at once, so what lies on a cube that falls follows a step later. That way none falls into another.
    """
    apart = state.cubes[:, None] - state.cubes[:, :, None]  # of j from i
    below = _share_ground(apart) & (apart[..., 2] <= SLACK - SIDE) & present(state.task)[:, None]
    ground = tf.reduce_max(tf.where(below, state.cubes[:, None, :, 2] + SIDE / 2, 0.0), axis=2)
    height = tf.minimum(state.cubes[..., 2], ground + SIDE / 2)
    falls = present(state.task) & ~in_hand(state)
    height = tf.where(falls, height, state.cubes[..., 2])
    return state._replace(cubes=tf.concat([state.cubes[..., :2], height[..., None]], axis=-1))


def _share_ground(apart: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all(tf.abs(apart[..., :2]) < SIDE - _TOUCH, axis=-1)
