"""Shapes of faces: 68 points in space, varied at random, turned, and seen in an image."""

from typing import NamedTuple

import numpy as np

__all__ = ["BROWS", "EYES", "JAW", "MOUTH", "NOSE", "HeadShape", "Pose", "draw_pose", "draw_shape"]

JAW, BROWS, NOSE, EYES, MOUTH = (range(*ends) for ends in ((0, 17), (17, 27), (27, 36), (36, 48), (48, 68)))
"""The landmarks of iBUG, each from left to right in the image."""


class HeadShape(NamedTuple):
    """A head in space. Half of its face is about 1 wide; x is to the right, y down, and z towards the viewer.

    Attributes:
        landmarks: ``[68, 3]``.
        forehead: the edge of the face above the ears, from right to left, ``[F, 3]``.
        skull: middle and radii of the ellipsoid behind the face, ``[2, 3]``.
    """

    landmarks: np.ndarray
    forehead: np.ndarray
    skull: np.ndarray


class Pose(NamedTuple):
    """How a head is turned and where it is seen.

    Attributes:
        turn: the rotation, ``[3, 3]``.
        scale: pixels of the length 1.
        middle: where the origin is seen, x and y in pixels, ``[2]``.
        distance: of the viewer; what is near is seen larger.
    """

    turn: np.ndarray
    scale: float
    middle: np.ndarray
    distance: float

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Returns where points ``[..., 3]`` are in the image, ``[..., 2]``."""
        turned = points @ self.turn.T
        nearer = self.distance / (self.distance - turned[..., 2:])
        return self.middle + self.scale * nearer * turned[..., :2]


def draw_shape(random: np.random.RandomState) -> HeadShape:
    """Draws a head: the proportions of a person, and an expression."""
    wide, long = 1 + 0.07 * _normal(random), 1 + 0.06 * _normal(random)
    points = np.concatenate([_jaw(random), _brows(random), _nose(random), _eyes(random), _mouth(random)])
    points = points * [wide, long, 1.0]
    # No face is quite symmetric.
    points = points + 0.008 * np.clip(random.standard_normal(points.shape), -2, 2)
    angles = np.linspace(0.05, np.pi - 0.05, 15)
    height = 1.15 + 0.1 * _normal(random)
    x, up = np.cos(angles), np.sin(angles)
    forehead = np.stack([0.97 * x, -0.3 - height * up, 0.55 * up - 0.45], 1)
    skull = np.array([[0, -0.35, -0.5], [1.1, 1.25, 1.1]]) * [wide, long, 1.0]
    return HeadShape(points, forehead * [wide, long, 1.0], skull)


def draw_pose(random: np.random.RandomState, side: int) -> Pose:
    """Draws how a head is turned, and where it is seen in an image of `side` by `side` pixels."""
    yaw, pitch, roll = np.radians([13.0, 8.0, 9.0]) * [_normal(random) for _ in range(3)]
    (sy, cy), (sp, cp), (sr, cr) = ((np.sin(angle), np.cos(angle)) for angle in (yaw, pitch, roll))
    turn = (
        np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    )
    scale = side * random.uniform(0.25, 0.32)
    middle = (side - 1) / 2 + side * random.uniform(-0.05, 0.05, 2)
    return Pose(turn, scale, middle, random.uniform(7, 14))


# Each part is drawn for the right half of the image, and mirrored.


def _jaw(random: np.random.RandomState) -> np.ndarray:
    square, chin = 2.5 + 0.35 * _normal(random), 1.12 + 0.06 * _normal(random)
    angles = np.linspace(0, np.pi / 2, 9)  # from the ear to the chin
    x = np.cos(angles) ** (2 / square)
    y = -0.25 + (chin + 0.25) * np.sin(angles) ** (2 / square * 1.15)
    z = -0.75 + 0.85 * np.sin(angles) ** 1.5
    half = np.stack([x, y, z], 1)
    return np.concatenate([_mirrored(half), half[7::-1]])


def _brows(random: np.random.RandomState) -> np.ndarray:
    height, arch, slant = 0.52 + 0.05 * _normal(random), 0.09 + 0.03 * _normal(random), 0.04 * _normal(random)
    inner, outer = 0.2 + 0.03 * _normal(random), 0.82 + 0.04 * _normal(random)
    along = np.linspace(0, 1, 5)
    x = inner + (outer - inner) * along
    y = -height - arch * np.sin(np.pi * (0.2 + 0.8 * along)) + slant * along + 0.05 * along
    half = np.stack([x, y, 0.3 - 0.55 * along**2], 1)
    return np.concatenate([_mirrored(half[::-1]), half])


def _nose(random: np.random.RandomState) -> np.ndarray:
    tip, out = 0.22 + 0.05 * _normal(random), 0.72 + 0.08 * _normal(random)
    wide = 0.25 + 0.04 * _normal(random)
    along = np.linspace(0, 1, 4)
    bridge = np.stack([0 * along, -0.33 + (tip + 0.33) * along, 0.32 + (out - 0.32) * along], 1)
    across = np.linspace(-1, 1, 5)
    away = np.abs(across)
    below = np.stack([wide * across, tip + 0.14 - 0.06 * away**1.5, 0.5 - 0.22 * away], 1)
    return np.concatenate([bridge, below])


def _eyes(random: np.random.RandomState) -> np.ndarray:
    middle, half = 0.45 + 0.03 * _normal(random), 0.2 + 0.02 * _normal(random)
    open_ = 0.085 + 0.03 * _normal(random)
    slant = 0.025 * _normal(random)
    # From the inner corner along the upper lid to the outer corner, and back along the lower one.
    across, up = np.array([-1, -0.35, 0.35, 1, 0.35, -0.35]), np.array([0, 1, 1, 0, -0.8, -0.8])
    right = np.stack([middle + half * across, -0.3 - open_ * up - slant * across, 0.22 - 0.1 * across], 1)
    return np.concatenate([_mirrored(right)[[3, 2, 1, 0, 5, 4]], right])


def _mouth(random: np.random.RandomState) -> np.ndarray:
    half, height = 0.36 + 0.05 * _normal(random), 0.58 + 0.04 * _normal(random)
    opened = max(0.0, 0.07 * _normal(random))
    upper, lower = 0.08 + 0.02 * _normal(random), 0.1 + 0.025 * _normal(random)
    smile = 0.05 * _normal(random)
    outer = np.array([-1, -0.62, -0.25, 0, 0.25, 0.62, 1])
    bow = np.array([0, 0.7, 1, 0.85, 1, 0.7, 0])
    below, inner = np.array([0.62, 0.27, 0, -0.27, -0.62]), np.array([-0.82, -0.3, 0, 0.3, 0.82])
    between = np.array([0, 1, 1, 1, 0])  # of the inner lips: the corners stay shut
    sag = np.array([0.75, 0.95, 1, 0.95, 0.75])
    x = np.concatenate([outer, below, inner, inner[3:0:-1]])
    y = np.concatenate(
        [
            -upper * bow - 0.3 * opened * (bow > 0),
            lower * sag + 0.7 * opened,
            -0.3 * opened * between,
            np.full(3, 0.7 * opened),
        ]
    )
    y = height + y - smile * x**2 + 0.3 * smile
    return np.stack([half * (1 + 0.8 * smile) * x, y, 0.42 - 0.22 * x**2], 1)


def _mirrored(points: np.ndarray) -> np.ndarray:
    return points * [-1, 1, 1]


def _normal(random: np.random.RandomState) -> float:
    """A normal number without its tails: what is drawn must stay a face."""
    return float(np.clip(random.standard_normal(), -2, 2))
