"""Eyes that see what they are shown, from pictures of many sizes."""

import numpy as np
import pytest

from tfmeta.networks.conv_eyes import conv_eyes


def test_a_seed_names_the_weights_and_layers_differ():
    one, other, another = (conv_eyes((30, 40, 3), seed=seed) for seed in (1, 1, 2))
    for mine, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, same)
    assert (one.get_weights()[0] != another.get_weights()[0]).all()


def test_every_pixel_of_the_middle_is_seen():
    eyes = conv_eyes((30, 40, 1), features=200, seed=0)
    blank = np.zeros([1, 30, 40, 1], np.float32)
    dark = eyes(blank).numpy()
    for row, column in [(0, 0), (7, 23), (15, 20), (20, 30)]:
        lit = blank.copy()
        lit[0, row, column] = 5.0
        assert (eyes(lit).numpy() != dark).any(), (row, column)


@pytest.mark.parametrize("shape", [(10, 40, 3), (40, 10, 3), (40, 40)])
def test_pictures_that_are_too_small_are_refused(shape):
    with pytest.raises(ValueError, match="at least 11 x 11 pixels"):
        conv_eyes(shape)
    assert conv_eyes((11, 11, 3), features=4).output_shape == (None, 4)
