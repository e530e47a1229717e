"""Faces drawn by code: reproducible, varied, and with landmarks where the drawing has them."""

import numpy as np
import pytest

from tfmeta.data.drawn_faces import drawn_face, drawn_faces
from tfmeta.data.face_shapes import BROWS, EYES, JAW, MOUTH, NOSE, draw_pose, draw_shape
from tfmeta.data.landmark_layout import LandmarkLayout
from tfmeta.data.raster import blurred, circle, fill, line, smooth


@pytest.fixture(scope="module")
def faces():
    return drawn_faces(40, seed=1)


def test_a_face_is_a_function_of_its_seed_and_its_number(faces):
    again = drawn_faces(2, seed=1, start=7)
    np.testing.assert_array_equal(again.images, faces.images[7:9])
    np.testing.assert_array_equal(again.landmarks, faces.landmarks[7:9])
    assert again.people.tolist() == [7, 8]
    assert not np.array_equal(drawn_face(2, 7)[0], faces.images[7])


def test_faces_differ_in_light_size_and_pose(faces):
    levels = np.array([image.mean() for image in faces.images])
    assert levels.std() > 15 and np.array([image.std() for image in faces.images]).min() > 5
    widths = faces.boxes[:, 2]
    assert widths.max() > 1.2 * widths.min()
    slopes = faces.landmarks[:, 45] - faces.landmarks[:, 36]
    assert np.degrees(np.arctan2(slopes[:, 1], slopes[:, 0])).std() > 4
    assert ((faces.landmarks > 0) & (faces.landmarks < 95)).all()


def test_landmarks_have_the_order_of_ibug(faces):
    assert [list(part)[-1] for part in (JAW, BROWS, NOSE, EYES, MOUTH)] == [16, 26, 35, 47, 67]
    middle = faces.landmarks.mean(0)
    for row in (JAW, BROWS, range(31, 36), [36, 37, 38, 39, 42, 43, 44, 45], range(48, 55), range(60, 65)):
        assert (np.diff(middle[list(row), 0]) > 0).all(), row  # from left to right
    assert (np.diff(middle[27:31, 1]) > 0).all() and np.argmax(middle[:, 1]) == 8
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (51, 62), (66, 57), (62, 66)):
        assert middle[upper, 1] <= middle[lower, 1]


def test_heads_are_symmetric_but_for_chance():
    heads = [draw_shape(np.random.RandomState(number)).landmarks for number in range(300)]
    middle, mirrored = np.mean(heads, axis=0), LandmarkLayout(68).mirrored
    np.testing.assert_allclose(middle[mirrored] * [-1, 1, 1], middle, atol=0.005)


def test_a_turned_head_is_seen_turned():
    pose = draw_pose(np.random.RandomState(0), 96)
    np.testing.assert_allclose(pose.turn @ pose.turn.T, np.eye(3), atol=1e-12)
    ahead = pose._replace(turn=np.eye(3))
    near, far = ahead.seen(np.array([[0.5, 0, 0.5], [0.5, 0, -0.5]])) - ahead.middle
    assert near[0] > far[0] > 0 and near[1] == far[1] == 0


def test_eyes_are_drawn_where_their_landmarks_are(faces):
    """Pixels inside the lids are lighter at the corners, or darker in the middle, than the skin on average."""
    contrast = []
    for image, points in zip(faces.images, faces.landmarks, strict=True):
        for eye in (points[36:42], points[42:48]):
            left, top = np.floor(eye.min(0)).astype(int)
            right, bottom = np.ceil(eye.max(0)).astype(int) + 1
            cheek = image[bottom + 3 : bottom + 8, left:right]
            contrast.append(image[top:bottom, left:right].std() / (cheek.std() + 1))
    assert np.median(contrast) > 2


@pytest.mark.parametrize("bad", [{"count": 0}, {"count": 1, "seed": -1}, {"count": 1, "start": -1}])
def test_impossible_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="expected one face at least, and numbers from 0"):
        drawn_faces(**bad)


def test_a_polygon_covers_its_area_wherever_it_lies():
    for place in np.random.RandomState(0).uniform(10, 20, [20, 2]):
        image = np.zeros([32, 32])
        fill(image, place + 6 * circle(60), 1.0)
        assert image.sum() == pytest.approx(np.pi * 36, rel=0.01)
        rows, columns = np.mgrid[:32, :32]
        np.testing.assert_allclose(
            [(image * columns).sum(), (image * rows).sum()] / image.sum(), place, atol=0.05
        )


def test_what_lies_outside_the_image_is_not_drawn():
    image = np.zeros([8, 8])
    fill(image, np.array([[-9.0, -9], [-3, -9], [-3, -3]]), 1.0)
    line(image, np.array([[20.0, 20], [30, 20]]), 1.0, 2.0)
    assert not image.any()
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    fill(image, 50.0 * corners, 0.5, within=4 + 1.5 * corners)
    assert image[3:6, 3:6].tolist() == [[0.5] * 3] * 3 and image.sum() == 4.5


def test_a_line_is_as_wide_as_said():
    for width in (0.5, 1.0, 3.0):
        image = np.zeros([20, 40])
        line(image, np.array([[-10.0, 9.3], [50, 9.3]]), 1.0, width)
        np.testing.assert_allclose(image.sum(0), width, atol=1e-6)


def test_smooth_lines_pass_through_their_points():
    points = np.random.RandomState(0).uniform(0, 9, [6, 2])
    np.testing.assert_allclose(smooth(points)[::3], points)
    open_ = smooth(points, closed=False)
    np.testing.assert_allclose(open_[::3], points)
    assert len(open_) == 3 * 5 + 1


def test_a_blur_keeps_the_light():
    image = np.zeros([15, 21])
    image[7, 10] = 1
    found = blurred(image, 0.8)
    assert (
        found.shape == image.shape and found.sum() == pytest.approx(1) and found[7, 10] == found.max() < 0.5
    )
