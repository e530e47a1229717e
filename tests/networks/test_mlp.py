import numpy as np
import pytest

from tfmeta.networks import mlp


def test_hidden_layers_and_a_linear_head():
    network = mlp(3, [5, 4], 2, activation="tanh")
    assert network.input_shape == (None, 3) and network.output_shape == (None, 2)
    assert [layer.units for layer in network.layers] == [5, 4, 2]
    assert [layer.activation.__name__ for layer in network.layers] == ["tanh", "tanh", "linear"]


def test_without_hidden_layers_it_is_linear():
    assert mlp(3, [], 2).count_params() == 3 * 2 + 2


def test_a_seed_gives_the_same_weights_and_every_layer_its_own():
    first, again, other = (mlp(4, [4, 4], 4, seed=seed).get_weights() for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.any(first[0] != other[0]) and np.any(first[0] != first[2])


@pytest.mark.parametrize("sizes", [(0, [3], 1), (1, [3, 0], 1), (1, [3], 0)])
def test_sizes_below_one_are_named(sizes):
    named = rf"inputs={sizes[0]}, hidden=\[{sizes[1][0]}.*\], outputs={sizes[2]}: each must be at least 1"
    with pytest.raises(ValueError, match=named):
        mlp(*sizes)
