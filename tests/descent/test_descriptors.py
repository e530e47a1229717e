"""Descriptors around landmarks, beside OpenCV's and beside what is computed by hand."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_sample_image

from tfmeta.descent import HOG, SIFT, Patches
from tfmeta.descent.crops import crop, frames_of
from tfmeta.descent.gradients import by_orientation, gradients, pooled, smoothed
from tfmeta.descent.sampling import bilinear

PLACES = np.stack(np.meshgrid(np.arange(40, 200, 23), np.arange(40, 200, 23)), axis=-1).reshape(-1, 2)
KINDS = {"sift": SIFT, "hog": HOG, "patches": Patches}


@pytest.fixture(scope="module")
def photograph():
    return load_sample_image("china.jpg")[100:340, 200:440].mean(axis=2).round().astype(np.uint8)


@pytest.mark.parametrize("cell", [5, 9])
def test_sift_is_like_opencvs(photograph, cell):
    """OpenCV smooths an image before; its cells have 1.5 times the size of a keypoint."""
    cv2 = pytest.importorskip("cv2")
    keypoints = [cv2.KeyPoint(float(x), float(y), cell / 1.5, 0.0) for x, y in PLACES]
    _, expected = cv2.SIFT_create().compute(photograph, keypoints)
    sift = SIFT(landmarks=len(PLACES), cell=cell, blur=math.sqrt(1.6**2 - 0.5**2))
    points = tf.constant(PLACES.reshape(1, 1, -1), tf.float32)
    found = sift(points, sift.prepare(photograph[None].astype(np.float32) / 255.0))
    found = found.numpy().reshape(len(PLACES), 128)
    each = [np.corrcoef(one, other)[0, 1] for one, other in zip(found, expected, strict=True)]
    assert min(each) >= 0.95, np.round(each, 3)


@pytest.mark.parametrize(("bins", "turn"), [(8, 2 * math.pi), (9, math.pi), (9, 2 * math.pi), (5, math.pi)])
def test_gradients_are_shared_out_among_two_orientations(bins, turn):
    angles = np.linspace(-math.pi, math.pi, 101, dtype=np.float32)
    found = by_orientation(np.cos(angles)[None, None], np.sin(angles)[None, None], bins, turn).numpy()[0, 0]
    places = angles / turn * bins
    low, share = np.floor(places).astype(int), places - np.floor(places)
    expected = np.zeros([101, bins])
    for row in range(101):
        expected[row, low[row] % bins] += 1 - share[row]
        expected[row, (low[row] + 1) % bins] += share[row]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_patches_are_pixels():
    image = np.random.default_rng(0).random([1, 20, 20]).astype(np.float32)
    found = Patches(landmarks=1, side=3, distance=1.0)(tf.constant([[[7.0, 9.0]]]), image).numpy().ravel()
    pixels = image[0, 8:11, 6:9].ravel()
    expected = pixels - pixels.mean()
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


def test_hog_ignores_the_sign_of_contrast_and_sift_does_not():
    image = np.random.default_rng(0).random([1, 40, 40]).astype(np.float32)
    point = tf.constant([[[20.0, 20.0]]])
    for kind, same in ((HOG, True), (SIFT, False)):
        one, other = (kind(1)(point, kind(1).prepare(pixels)).numpy() for pixels in (image, 1.0 - image))
        assert np.allclose(one, other, atol=1e-4) == same


@pytest.mark.parametrize("name", KINDS)
def test_brightness_and_contrast_change_nothing(name):
    image = np.random.default_rng(0).random([1, 40, 40]).astype(np.float32)
    kind, point = KINDS[name](1), tf.constant([[[20.0, 19.0]]])
    one, other = (kind(point, kind.prepare(pixels)).numpy() for pixels in (image, 0.2 * image + 0.5))
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_a_descriptor_moves_with_its_image(name):
    image = np.random.default_rng(0).random([1, 60, 60]).astype(np.float32)
    kind = KINDS[name](1)
    here = kind(tf.constant([[[30.0, 28.0]]]), kind.prepare(image)).numpy()
    moved = kind(tf.constant([[[34.0, 25.0]]]), kind.prepare(np.roll(image, (-3, 4), (1, 2)))).numpy()
    np.testing.assert_allclose(here, moved, atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_by_pose_a_face_looks_the_same_however_it_is_turned(name, quarters):
    """Quarters of a turn, which move pixels onto pixels."""
    random = np.random.default_rng(0)
    image = random.random([41, 41]).astype(np.float32)
    shape = np.float32([[14, 14], [26, 15], [20, 25]])
    kind = KINDS[name](3, posed=True)
    kind.adapt(tf.constant(shape.reshape(1, 1, -1)), image[None])
    turned = (shape - 20) @ np.linalg.matrix_power([[0, -1], [1, 0]], quarters).astype(np.float32) + 20
    upright = kind(tf.constant(shape.reshape(1, 1, -1)), kind.prepare(image[None]))
    found = kind(
        tf.constant(turned.reshape(1, 1, -1)),
        kind.prepare(np.ascontiguousarray(np.rot90(image, quarters))[None]),
    )
    between_bins = name == "hog" and quarters != 2  # a quarter of a turn is four and a half of its bins
    np.testing.assert_allclose(found, upright, atol=0.08 if between_bins else 2e-4)
    plain = KINDS[name](3)
    upright_ones = plain(tf.constant(turned.reshape(1, 1, -1)), plain.prepare(image[None]))
    assert np.abs(upright_ones - upright[..., :-6]).max() > 0.1


def test_by_pose_the_shape_is_a_part_of_what_is_seen():
    """What differs from the reference is seen; place, turn and size are not."""
    reference = np.float32([[-8, -6], [8, -6], [0, 9]])
    kind = Patches(3, side=2, posed=True)
    kind.adapt(tf.constant(reference.reshape(1, 1, -1) + 20), np.zeros([1, 40, 40], np.float32))

    def seen(shape):
        image = np.zeros([1, 40, 40], np.float32)
        return kind(tf.constant(shape.reshape(1, 1, -1)), kind.prepare(image)).numpy()[0, 0, -6:]

    turn = np.float32([[0.8, 0.6], [-0.6, 0.8]])
    np.testing.assert_allclose(seen(1.7 * reference @ turn + 15), np.zeros(6), atol=1e-5)
    other = reference * np.float32([1.2, 1])  # wider
    np.testing.assert_allclose(seen(0.5 * other @ turn + 3), seen(other + 20), atol=1e-4)
    assert np.abs(seen(other + 20)).max() > 0.2


@pytest.mark.parametrize("posed", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_faces_and_starts_do_not_touch_each_other(name, posed):
    random = np.random.default_rng(0)
    images = random.random([3, 40, 40]).astype(np.float32)
    points = random.uniform(10, 30, [3, 2, 4]).astype(np.float32)
    kind = KINDS[name](2, posed=posed)
    kind.adapt(tf.constant(points), images)
    together = kind(tf.constant(points), kind.prepare(images)).numpy()
    alone = kind(tf.constant(points[1:2, 1:]), kind.prepare(images[1:2])).numpy()
    np.testing.assert_allclose(together[1, 1], alone[0, 0], atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_a_flat_image_and_points_outside_are_finite(name):
    kind = KINDS[name](2)
    points = tf.constant([[[-50.0, 5.0, 500.0, 500.0]]])
    assert np.isfinite(kind(points, kind.prepare(tf.ones([1, 20, 20])))).all()


@pytest.mark.parametrize("name", KINDS)
def test_components_are_learned_and_saved(name):
    random = np.random.default_rng(0)
    kind = KINDS[name](landmarks=2, components=4)
    images, points = random.random([5, 40, 40]).astype(np.float32), random.uniform(10, 30, [5, 3, 4])
    kind.adapt(tf.constant(points, tf.float32), images)
    projection = kind.weights[0].numpy()
    np.testing.assert_allclose(projection.T @ projection, np.eye(4), atol=1e-5)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(kind))
    assert copy.get_config() == kind.get_config() and copy.width == 8


def test_gradients_point_to_the_light():
    ramp = tf.tile(tf.range(9.0)[None, None], [1, 9, 1])
    right, up = gradients(ramp)
    assert right[0, 4, 4] == 2.0 and up[0, 4, 4] == 0.0
    bins = by_orientation(up, right, 8, 2 * math.pi)[0, 4, 4].numpy()  # turned: upwards
    np.testing.assert_allclose(bins, [0, 0, 2, 0, 0, 0, 0, 0], atol=1e-6)


def test_pooling_is_a_tent():
    spot = tf.reshape(tf.one_hot(60, 121), [1, 11, 11, 1])
    row = pooled(spot, 3)[0, 5, :, 0].numpy() * 9 * 3
    np.testing.assert_allclose(row, [0, 0, 0, 1, 2, 3, 2, 1, 0, 0, 0], atol=1e-5)


def test_smoothing_keeps_the_sum():
    spot = tf.reshape(tf.one_hot(60, 121), [1, 11, 11])
    assert float(tf.reduce_sum(smoothed(spot, 1.0))) == pytest.approx(1.0)
    assert smoothed(spot, 0.0) is spot


def test_maps_are_read_between_their_pixels():
    x, y = np.meshgrid(np.arange(7.0), np.arange(5.0))
    plane = tf.constant((2 * x + 10 * y)[None, ..., None], tf.float32)
    points = tf.constant([[[1.25, 3.5], [6.0, 4.0], [-3.0, 9.0]]])
    np.testing.assert_allclose(bilinear(plane, points)[0, :, 0], [37.5, 52.0, 40.0], atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 1.0, 7.3])
def test_a_crop_shows_what_its_frame_says(scale):
    """On a plane every weighted mean is the value in the middle, so that places can be read off."""
    size = int(60 * scale) + 20
    x, y = np.meshgrid(np.arange(float(size)), np.arange(float(size)))
    box = tf.constant([[[8.0, 6.0, 40 * scale, 30 * scale]]])
    frames = frames_of(box, side=20, share=0.9)
    places = [crop(tf.constant(plane[None], tf.float32), frames)[0, 0].numpy() for plane in (x, y)]
    landmark = tf.constant([[[[8 + 20 * scale, 6 + 15 * scale]]]])  # the middle of the box
    np.testing.assert_allclose(frames.into(landmark)[0, 0, 0], [9.5, 9.5], atol=1e-4)
    np.testing.assert_allclose(frames.out_of(frames.into(landmark)), landmark, rtol=1e-5, atol=1e-6)
    corner = frames.out_of(tf.constant([[[[7.0, 6.0]]]]))[0, 0, 0].numpy()
    np.testing.assert_allclose([places[0][6, 7], places[1][6, 7]], corner, atol=0.06 * max(1.0, scale))


def test_padding_changes_no_crop():
    image = np.random.default_rng(0).random([1, 30, 24]).astype(np.float32)
    frames = frames_of(tf.constant([[[2.0, 2.0, 22.0, 26.0]]]), side=16, share=0.5)  # reaches over the edge
    filled = np.pad(image, [(0, 0), (0, 9), (0, 5)], constant_values=0.7)
    np.testing.assert_allclose(crop(filled, frames, tf.constant([[30, 24]])), crop(image, frames), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SIFT(1, cell=4), "cell=4; expected an odd number of pixels"),
        (lambda: HOG(1, components=400), "components=400; expected 0 for all, or at most 324"),
        (lambda: Patches(1, side=1), "side=1; expected at least 2"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("known", [(None, 2), (None, None), (3, None)])
def test_a_graph_needs_to_know_neither_how_many_faces_nor_how_many_starts(name, known):
    random = np.random.default_rng(0)
    images = random.random([3, 24, 24]).astype(np.float32)
    points = random.uniform(8, 16, [3, 2, 4]).astype(np.float32)
    kind = KINDS[name](2, posed=True)
    kind.adapt(tf.constant(points), images)
    described = tf.function(
        lambda points, images: kind(points, kind.prepare(images)),
        input_signature=[tf.TensorSpec([*known, 4]), tf.TensorSpec([known[0], 24, 24])],
    )
    np.testing.assert_allclose(
        described(points, images), kind(tf.constant(points), kind.prepare(images)), atol=1e-5
    )
