import keras
import numpy as np
import pytest

from tfmeta.networks import conv4


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


@pytest.mark.parametrize(
    ("side", "downsampling", "features"),
    [
        (28, "pool", 1 * 1 * 8),  # 28, 14, 7, 3, 1
        (28, "mixed", 1 * 1 * 8),
        (28, "stride", 2 * 2 * 8),  # 28, 14, 7, 4, 2
        (84, "pool", 5 * 5 * 8),
        (5, "stride", 1 * 1 * 8),
    ],
)
def test_four_blocks_halve_the_image(side, downsampling, features):
    network = conv4((side, side, 3), filters=8, downsampling=downsampling)
    assert network.output_shape == (None, features)
    strides = [layer.strides[0] for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    strided = {"pool": 0, "mixed": 2, "stride": 4}[downsampling]
    assert strides == [2] * strided + [1] * (4 - strided)
    assert kinds(network).count("MaxPooling2D") == 4 - strided


def test_the_papers_network():
    assert conv4().output_shape == (None, 64)
    assert conv4().count_params() == 3 * 3 * (1 + 3 * 64) * 64 + 4 * 64 + 4 * 4 * 64
    assert kinds(conv4())[:4] == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]


@pytest.mark.parametrize(("spatial_mean", "features"), [(False, 2 * 2 * 4), (True, 4)])
def test_a_head_is_over_the_features_and_starts_with_all_classes_alike(spatial_mean, features):
    network = conv4(filters=4, downsampling="stride", outputs=5, spatial_mean=spatial_mean)
    assert network.output_shape == (None, 5)
    assert network.layers[-1].kernel.shape == (features, 5)
    assert not np.any(network(np.ones([1, 28, 28, 1], np.float32)))
    assert conv4(filters=4, downsampling="stride", spatial_mean=spatial_mean).output_shape == (None, features)


@pytest.mark.parametrize("linear_features", [False, True])
def test_linear_features_may_be_negative(linear_features):
    network = conv4(filters=8, downsampling="stride", linear_features=linear_features, seed=1)
    features = network(np.random.RandomState(0).rand(4, 28, 28, 1).astype(np.float32)).numpy()
    assert (features.min() < 0.0) == linear_features
    assert kinds(network).count("ReLU") == (3 if linear_features else 4)


def test_a_seed_gives_the_same_weights_and_every_layer_its_own():
    first, again, other = (conv4(filters=4, seed=seed).get_weights() for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.any(first[0] != other[0])
    network = conv4(filters=4, seed=1)
    second, third = (network.layers[i].kernel.numpy() for i in (4, 8))
    assert second.shape == third.shape and np.any(second != third)
    assert np.any(conv4(filters=4).get_weights()[0] != conv4(filters=4).get_weights()[0])


def test_what_cannot_be_built_is_named():
    with pytest.raises(ValueError, match="downsampling='crop'; expected one of pool, mixed, stride"):
        conv4(downsampling="crop")
    with pytest.raises(
        ValueError, match=r"image_shape=\(8, 28, 1\): pooling needs a side of at least 16; use"
    ):
        conv4((8, 28, 1))
