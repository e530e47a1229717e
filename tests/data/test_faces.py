"""Faces with landmarks: what holds together, and the data set of photographs."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data.faces import Faces, load_faces
from tfmeta.data.landmark_layout import LandmarkLayout

needs_faces = pytest.mark.skipif(
    not Path(os.environ.get("TFMETA_FACES", "nowhere")).is_dir(),
    reason="needs photographs of faces: set TFMETA_FACES to the folder of youtube_faces_96.npz",
)


def made(count=3, landmarks=4):
    random = np.random.RandomState(0)
    images = tuple(random.randint(256, size=[20 + i, 30], dtype=np.uint8) for i in range(count))
    return Faces(
        images, random.uniform(0, 20, [count, landmarks, 2]).astype(np.float32), np.arange(count) // 2
    )


def test_boxes_are_the_extent_of_the_landmarks():
    faces = made()
    for (left, top, width, height), points in zip(faces.boxes, faces.landmarks, strict=True):
        assert (left, top) == (points[:, 0].min(), points[:, 1].min())
        np.testing.assert_allclose((left + width, top + height), points.max(0), rtol=1e-6)
    assert faces.boxes.dtype == np.float32


def test_some_faces_are_taken_with_all_that_is_theirs():
    faces = made()
    some = faces.of([2, 0])
    assert len(some) == 2 and [image.shape[0] for image in some.images] == [22, 20]
    np.testing.assert_array_equal(some.landmarks, faces.landmarks[[2, 0]])
    assert some.people.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"landmarks": np.zeros([2, 4, 2], np.float32)}, "3 images have landmarks of shape [2, 4, 2]"),
        ({"landmarks": np.zeros([3, 4, 3], np.float32)}, "expected [3, L, 2] and [3]"),
        ({"people": np.zeros(4, int)}, "people of shape [4]"),
        ({"images": (np.zeros([5, 5], np.uint8),) * 2 + (np.zeros([5, 5, 3], np.uint8),)}, "the shape [5, 5, 3]"),
        ({"images": (np.zeros([5, 5], np.float32),) * 3}, "the type float32"),
        ({"images": (np.zeros([0, 5], np.uint8),) * 3}, "the shape [0, 5]"),
        ({"landmarks": np.full([3, 4, 2], np.nan, np.float32)}, "Landmarks are not finite"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(spoilt, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Faces(**{**vars(made()), **spoilt})


def test_errors_have_the_distance_of_the_eyes_as_their_unit_or_the_diagonal_of_the_box():
    points = np.zeros([2, 68, 2], np.float32)
    points[0, 45] = 3, 4
    points[1, 36] = -10, 0
    assert LandmarkLayout(68).units(points).tolist() == [5, 10]
    corners = np.float32([[[1, 1], [4, 5], [2, 2]]])
    assert LandmarkLayout(3).units(corners).tolist() == [5] and LandmarkLayout(3).eyes is None


def test_missing_and_broken_files_are_explained_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("TFMETA_FACES", raising=False)
    with pytest.raises(
        TfmetaError, match=r"TFMETA_FACES is not set\. Take the frames and landmarks of github\.com"
    ):
        load_faces()
    monkeypatch.setenv("TFMETA_FACES", str(tmp_path))
    with pytest.raises(TfmetaError, match=r"there is no .*youtube_faces_96\.npz"):
        load_faces()
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", images=np.zeros([2, 9, 9], np.uint8))
    np.savez(
        tmp_path / "unequal.npz",
        images=np.zeros([2, 9, 9], np.uint8),
        landmarks=np.zeros([3, 68, 2]),
        identity=np.zeros(2, int),
    )
    for name, message in (
        ("text", ""),
        ("other", "landmarks is not a file"),
        ("unequal", "2 images have landmarks"),
    ):
        with pytest.raises(TfmetaError, match=f"cannot be read from .*{name}.npz: .*{message}") as caught:
            load_faces(tmp_path / f"{name}.npz")
        assert "\n" not in str(caught.value)


@needs_faces
def test_photographs_of_three_hundred_people():
    faces = load_faces()
    assert len(faces) == 3673 and len(np.unique(faces.people)) == 300
    assert faces.landmarks.shape == (3673, 68, 2) and {image.shape for image in faces.images} == {(96, 96)}
    # The box is in the middle of each image, 60 pixels long: so the first pixel has its centre at (0, 0).
    np.testing.assert_allclose(faces.boxes[:, :2] + faces.boxes[:, 2:] / 2, 47.5, atol=0.01)
    np.testing.assert_allclose(faces.boxes[:, 2:].max(1), 60, atol=0.01)
    # Of iBUG's order: the jaw is below the nose, and the eyes are left and right of it.
    middle = faces.landmarks.mean(0)
    assert middle[8, 1] > middle[57, 1] > middle[33, 1] > middle[27, 1] > middle[24, 1]
    assert middle[36, 0] < middle[39, 0] < middle[27, 0] < middle[42, 0] < middle[45, 0]
