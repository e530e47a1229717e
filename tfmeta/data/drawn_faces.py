"""Faces drawn by code, with their landmarks: to learn alignment from where there are no photographs."""

from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import check
from tfmeta.data.face_shapes import BROWS, EYES, JAW, HeadShape, Pose, draw_pose, draw_shape
from tfmeta.data.faces import Faces
from tfmeta.data.raster import blurred, circle, fill, line, smooth

__all__ = ["SIDE", "drawn_face", "drawn_faces"]

SIDE = 96
"""Pixels of the side of an image."""


def drawn_faces(count: int, seed: int = 0, start: int = 0) -> Faces:
    """Draws faces; each is a pure function of its seed and its number.

    Heads differ in their shape, expression and pose; in skin, hair and background; in light, blur and noise. The
    landmarks are points of the head in space, and the face is drawn through them.

    Args:
        count: how many, N.
        seed: names the sequence of faces.
        start: number of the first.

    Returns:
        Faces of 96x96 with the 68 landmarks of iBUG, each of another person.

    Raises:
        ValueError: for fewer than one face, or numbers below 0.

    Example:
        >>> faces = drawn_faces(3, seed=7)
        >>> faces.images[0].shape, faces.landmarks.shape
        ((96, 96), (3, 68, 2))
        >>> np.array_equal(drawn_faces(1, seed=7, start=2).images[0], faces.images[2])
        True
    """
    check(
        count >= 1 and seed >= 0 and start >= 0,
        f"count={count}, seed={seed}, start={start}; expected one face at least, and numbers from 0.",
    )
    numbers = range(start, start + count)
    images, landmarks = zip(*(drawn_face(seed, number) for number in numbers), strict=True)
    return Faces(images, np.stack(landmarks), np.array(numbers, np.int64))


def drawn_face(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws a face.

    Args:
        seed: names the sequence of faces.
        number: of the face.

    Returns:
        The image, uint8 ``[96, 96]``; its landmarks, float32 ``[68, 2]``.
    """
    random = np.random.RandomState([seed, number])  # which is the same in all versions of NumPy
    head, pose, image = draw_shape(random), draw_pose(random, SIDE), _background(random)
    landmarks = pose.seen(head.landmarks)
    look = _look(np.concatenate([landmarks[JAW], pose.seen(head.forehead)]), random)
    _draw_behind(image, head, pose, look, random)
    _draw_face(image, head, pose, landmarks, look, random)
    _draw_nose(image, landmarks, look, random)
    _draw_mouth(image, landmarks, look, random)
    _draw_eyes(image, landmarks, look, random)
    if random.uniform() < 0.12:
        _draw_glasses(image, head, pose, random)
    image = blurred(image, random.uniform(0.3, 0.9))
    image = image + random.uniform(0.005, 0.03) * random.standard_normal(image.shape)
    image = 0.5 + random.uniform(0.75, 1.1) * (image - 0.5) + random.uniform(-0.08, 0.08)
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8), landmarks.astype(np.float32)


class _Look(NamedTuple):
    """What is lit how, each ``[H, W]``: something white, the skin and the hair, which bald people have none of."""

    light: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    bald: bool


def _look(edge: np.ndarray, random: np.random.RandomState) -> _Look:
    """Lights an ellipsoid that fills the edge of a face, ``[P, 2]``, from some side."""
    places = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)))  # x and y
    first, last = edge.min(0)[:, None, None], edge.max(0)[:, None, None]
    u, v = 1.7 * (places - (first + last) / 2) / (last - first)
    depth = np.sqrt(np.maximum(0.05, 1 - np.minimum(u**2 + v**2, 1)))
    side = np.array([random.uniform(-1, 1), random.uniform(-0.9, 0.3), random.uniform(0.5, 1.2)])
    shade = np.clip((u * side[0] + v * side[1] + depth * side[2]) / np.linalg.norm(side), 0, 1)
    strength = random.uniform(0.2, 0.75)
    light = 1.05 - strength + strength * shade
    skin, hair = random.uniform(0.4, 0.85), random.uniform(0.03, 0.65) ** 1.3
    return _Look(light, skin * light, hair * light, random.uniform() < 0.15)


def _background(random: np.random.RandomState) -> np.ndarray:
    """A level, a slope, and spots of some size."""
    place, (across, down) = np.linspace(-1, 1, SIDE), random.uniform(-0.25, 0.25, 2)
    image = random.uniform(0.1, 0.9) + across * place + down * place[:, None]
    for cells in (3, 9):
        coarse = random.uniform(-0.5, 0.5, [cells, cells])
        weights = np.maximum(0, 1 - np.abs(np.linspace(0, cells - 1, SIDE)[:, None] - np.arange(cells)))
        image = image + random.uniform(0, 0.5) * (weights @ coarse @ weights.T)
    return np.clip(image, 0, 1)


def _draw_behind(
    image: np.ndarray, head: HeadShape, pose: Pose, look: _Look, random: np.random.RandomState
) -> None:
    """Draws the neck, clothes, hair and ears."""
    neck = np.array([[-0.5, 0.5], [0.5, 0.5], [0.55, 2.2], [-0.55, 2.2]])
    fill(image, pose.seen(_at(-0.6, neck)), 0.75 * look.skin)
    shirt = np.array([[-2.4, 2.3], [-0.7, 1.7], [0.7, 1.7], [2.4, 2.3], [2.6, 4], [-2.6, 4]])
    fill(image, pose.seen(_at(-0.6, shirt)), random.uniform(0.05, 0.9))
    fill(image, _skull(head, pose, random.uniform(1.0, 1.12)), look.skin if look.bald else look.hair)
    if not look.bald and random.uniform() < 0.3:  # long hair
        falls = random.uniform(0.6, 1.8)
        sheet = np.array([[-1.15, -0.5], [1.15, -0.5], [1.2, falls], [-1.2, falls]])
        fill(image, pose.seen(_at(-0.5, sheet)), 0.9 * look.hair)
    for side in (-1.02, 1.02):
        ear = np.array([side, -0.12]) + [0.1, 0.26] * circle(12)
        fill(image, pose.seen(_at(-0.7, ear)), 0.85 * look.skin)


def _draw_face(
    image: np.ndarray,
    head: HeadShape,
    pose: Pose,
    seen: np.ndarray,
    look: _Look,
    random: np.random.RandomState,
) -> None:
    fill(image, smooth(np.concatenate([seen[JAW], pose.seen(head.forehead)])), look.skin)
    if random.uniform() < 0.25:  # a beard
        chin = np.concatenate([seen[3:14], pose.seen(head.landmarks[3:14][::-1] * [0.72, 0.82, 1.0])])
        fill(image, chin, (look.skin + look.hair) / 2, random.uniform(0.3, 0.9))
    if not look.bald:  # what the hair hides of the forehead
        begins = head.forehead[::-1] * [1, random.uniform(0.62, 0.85), 1] + np.array([0, 0, 0.1])
        fill(image, pose.seen(np.concatenate([head.forehead * [1.05, 1.05, 1], begins])), look.hair)


def _draw_nose(image: np.ndarray, seen: np.ndarray, look: _Look, random: np.random.RandomState) -> None:
    wing = random.choice([31, 35])  # the side in shadow
    fill(image, seen[[27, 28, 29, 30, 33, wing]], random.uniform(0.72, 0.9) * look.skin, 0.8)
    line(image, smooth(seen[31:36], closed=False), 0.6 * look.skin, 1.0)
    line(image, seen[28:31], np.minimum(1.15 * look.skin, look.light), 1.0, 0.7)  # the bridge shines
    for side in (31, 35):
        fill(image, (seen[side] + seen[33]) / 2 + [1.3, 0.9] * circle(10), 0.3 * look.skin)


def _draw_mouth(image: np.ndarray, seen: np.ndarray, look: _Look, random: np.random.RandomState) -> None:
    lips = random.uniform(0.55, 0.9) * look.skin
    fill(image, smooth(seen[48:60]), lips)
    teeth = random.uniform(0.7, 0.95) if random.uniform() < 0.5 else 0.15
    fill(image, seen[60:68], teeth * look.light)
    line(image, seen[[48, 60, 61, 62, 63, 64, 54]], 0.5 * lips, 0.8)
    line(image, seen[55:60] + np.array([0, 2]), 0.85 * look.skin, 1.2)


def _draw_eyes(image: np.ndarray, seen: np.ndarray, look: _Look, random: np.random.RandomState) -> None:
    gaze, iris = random.uniform(-0.25, 0.25, 2) * [1, 0.3], random.uniform(0.05, 0.4)
    shadow, lashes = random.uniform(0.75, 0.95), random.uniform(0.6, 1.3)
    for eye in (seen[EYES[:6]], seen[EYES[6:]]):
        lids, middle, width = smooth(eye), eye.mean(0), np.linalg.norm(eye[3] - eye[0])
        fill(image, middle + 1.25 * (lids - middle), shadow * look.skin)
        fill(image, lids, 0.92 * look.light)
        for radius, grey in ((0.26, iris), (0.1, 0.02)):
            fill(image, middle + width * (gaze + radius * circle(16)), grey, within=lids)
        line(image, smooth(eye[:4], closed=False), 0.25 * look.skin, lashes)
        line(image, smooth(eye[[3, 4, 5, 0]], closed=False), 0.7 * look.skin, 0.7)
    thick = random.uniform(1.3, 2.8)
    for brow in (seen[BROWS[:5]], seen[BROWS[5:]]):
        line(image, smooth(brow, closed=False), np.minimum(look.hair, 0.6 * look.skin), thick, 0.9)


def _draw_glasses(image: np.ndarray, head: HeadShape, pose: Pose, random: np.random.RandomState) -> None:
    width = random.uniform(0.8, 1.6)
    for eye in (EYES[:6], EYES[6:]):
        middle = head.landmarks[eye].mean(0) + np.array([0, 0.03, 0.15])
        rim = pose.seen(middle + _at(0, np.array([0.31, 0.23]) * circle(20)))
        line(image, np.concatenate([rim, rim[:1]]), 0.1, width)


def _skull(head: HeadShape, pose: Pose, larger: float) -> np.ndarray:
    """The outline of the ellipsoid behind the face, ``[40, 2]``."""
    middle, radii = head.skull[0], larger * head.skull[1]
    spread = pose.turn @ np.diag(radii**2) @ pose.turn.T  # its shadow is the ellipse of the upper left block
    return pose.seen(middle) + pose.scale * circle(40) @ np.linalg.cholesky(spread[:2, :2]).T


def _at(depth: float, points: np.ndarray) -> np.ndarray:
    """Puts points ``[P, 2]`` into space."""
    return np.insert(points, 2, depth, axis=1)
