"""What is known of landmarks by their number: the eyes, which give errors their unit."""

import dataclasses

import numpy as np

__all__ = ["LandmarkLayout"]


@dataclasses.dataclass(frozen=True)
class LandmarkLayout:
    """What the landmarks of a face mean.

    Where there are 68, they are taken to be those of iBUG. Each part goes from left to right in the image. Where there
    is another number, nothing is known.

    =====  ========
    part   numbers
    =====  ========
    jaw    0 to 16
    brows  17 to 26
    nose   27 to 35
    eyes   36 to 47
    mouth  48 to 67
    =====  ========

    Args:
        count: landmarks of a face, L.

    Example:
        >>> LandmarkLayout(68).eyes, LandmarkLayout(68).normalised_by
        ((36, 45), 'inter-ocular distance')
        >>> LandmarkLayout(5).normalised_by
        'diagonal of the box'

    Reference:
        Sagonas et al. "300 Faces in-the-Wild Challenge: The first facial landmark localization challenge." ICCVW 2013.
    """

    count: int

    @property
    def eyes(self) -> tuple[int, int] | None:
        """The outer corners of the eyes, where they are known."""
        return (36, 45) if self.count == 68 else None

    @property
    def normalised_by(self) -> str:
        """What errors are divided by, in words."""
        return "inter-ocular distance" if self.eyes else "diagonal of the box"

    @property
    def mirrored(self) -> np.ndarray | None:
        """For each landmark the number of its mirror image, int ``[L]``, where that is known."""
        return _MIRRORED if self.count == 68 else None

    def units(self, landmarks: np.ndarray) -> np.ndarray:
        """Returns what errors are divided by: the distance between the outer corners of the eyes.

        Where the eyes are not known, it is the diagonal of the landmarks' box, which is about twice as long.

        Args:
            landmarks: ``[N, L, 2]``, in pixels.

        Returns:
            ``[N]``, in pixels.
        """
        if self.eyes:
            across = landmarks[:, self.eyes[1]] - landmarks[:, self.eyes[0]]
        else:
            across = landmarks.max(1) - landmarks.min(1)
        return np.linalg.norm(across, axis=-1)


def _mirrored() -> np.ndarray:
    """The order of iBUG's landmarks in a mirror: each pair lies symmetrically in one of these rows."""
    order = np.arange(68)
    rows = (
        range(17), range(17, 27), range(31, 36), range(48, 55), range(55, 60), range(60, 65), range(65, 68),
    )  # fmt: skip
    for row in rows:
        order[list(row)] = list(row)[::-1]
    order[[36, 37, 38, 39, 40, 41]] = 45, 44, 43, 42, 47, 46
    order[[45, 44, 43, 42, 47, 46]] = 36, 37, 38, 39, 40, 41
    return order


_MIRRORED = _mirrored()
