import numpy as np
import pytest
import tensorflow as tf

from tfmeta.data.augment import random_affine

STILL = {"degrees": 0.0, "shear": 0.0, "scale": 0.0, "shift": 0.0}
SIDE = 29  # odd, so that there is a pixel in the middle
MIDDLE = SIDE // 2


def images(*pixels, count=200):
    """Copies of an image with ink on the given pixels and around them."""
    image = np.zeros([SIDE, SIDE, 1], np.float32)
    for row, column in pixels:
        image[row - 1 : row + 2, column - 1 : column + 2] = 1.0
    return tf.constant(np.repeat(image[None], count, axis=0))


def centres(x):
    """The mean row and column of the ink of every image."""
    x = x.numpy()[..., 0]
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1)
    return (x[..., None] * grid).sum((1, 2)) / x.sum((1, 2))[:, None]


SEED = tf.constant([3, 5])


def test_bounds_of_zero_change_nothing():
    x = tf.constant(np.random.RandomState(0).rand(4, SIDE, SIDE, 2).astype(np.float32))
    np.testing.assert_allclose(random_affine(**STILL)(x, SEED), x, atol=1e-6)


def test_it_is_a_pure_function_of_images_and_seed():
    augment, x = random_affine(), images((10, 12), count=5)
    np.testing.assert_array_equal(augment(x, SEED), augment(x, SEED))
    assert np.any(augment(x, SEED) != augment(x, tf.constant([3, 6])))
    changed = augment(x, SEED).numpy()
    assert np.any(changed[0] != changed[1])  # every image by amounts of its own
    assert changed.min() >= 0.0 and changed.max() <= 1.0


def test_shifts_are_even_and_within_their_bound():
    moved = centres(random_affine(**{**STILL, "shift": 2.0})(images((MIDDLE, MIDDLE)), SEED)) - MIDDLE
    for axis in range(2):
        assert 1.8 < np.abs(moved[:, axis]).max() <= 2.0 + 1e-3
        assert abs(moved[:, axis].mean()) < 0.3
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.2


def test_turns_are_about_the_middle_and_within_their_bound():
    radius = 10
    turned = random_affine(**{**STILL, "degrees": 30.0})(images((MIDDLE, MIDDLE + radius)), SEED)
    offset = centres(turned) - MIDDLE
    np.testing.assert_allclose(np.hypot(*offset.T), radius, atol=0.2)
    angles = np.degrees(np.arctan2(*offset.T))
    assert 27.0 < np.abs(angles).max() < 31.0 and abs(angles.mean()) < 4.0


def test_scales_keep_the_middle():
    scaled = random_affine(**{**STILL, "scale": 0.2})(images((MIDDLE + 5, MIDDLE + 10)), SEED)
    down, right = (centres(scaled) - MIDDLE).T
    for distance, length in ((down, 5), (right, 10)):  # read at (1 + s) times the distance
        assert length / 1.2 - 0.2 <= distance.min() < length / 1.15
        assert length / 0.85 < distance.max() <= length / 0.8 + 0.2


def test_shear_moves_rows_sideways():
    sheared = random_affine(**{**STILL, "shear": 0.3})(images((MIDDLE + 10, MIDDLE)), SEED)
    down, right = (centres(sheared) - MIDDLE).T
    np.testing.assert_allclose(down, 10.0, atol=0.1)
    assert 2.7 < np.abs(right).max() <= 3.1


@pytest.mark.parametrize("count", [0, 3])
def test_shapes_are_kept_in_a_graph(count):
    function = tf.function(
        random_affine(), input_signature=[tf.TensorSpec([None, 8, 8, 1]), tf.TensorSpec([2], tf.int32)]
    )
    assert function(tf.zeros([count, 8, 8, 1]), SEED).shape == (count, 8, 8, 1)
