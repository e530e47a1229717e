import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.data import cifar_fs
from tfmeta.data.augment import random_mirror
from tfmeta.data.cifar_fs import CLASSES, load_cifar_fs

tfds = pytest.importorskip("tensorflow_datasets")


@pytest.fixture(autouse=True)
def nothing_decoded():
    """As in a process that has not loaded CIFAR-100 yet, and without losing what this one has."""
    kept, cifar_fs._images = cifar_fs._images, cifar_fs._images.__wrapped__
    yield
    cifar_fs._images = kept


@pytest.fixture
def painted(monkeypatch):
    """Stands in for CIFAR-100: an image of class `i` has the colour `i`, and its number in the corner."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 6))
    images = np.broadcast_to(labels[:, None, None, None], [600, 32, 32, 3]).astype(np.uint8)
    dataset = tf.data.Dataset.from_tensor_slices({"id": labels, "image": images, "label": labels})
    monkeypatch.setattr(tfds, "load", lambda name, **_: (dataset, None) if name == "cifar100" else None)


def test_the_published_division():
    assert {part: len(names) for part, names in CLASSES.items()} == {
        "train": 64,
        "validation": 16,
        "test": 20,
    }
    assert len(set().union(*CLASSES.values())) == 100
    # Numbers that everybody knows who has seen CIFAR-100's list of classes.
    for name, number in {
        "apple": 0,
        "bee": 6,
        "crocodile": 27,
        "man": 46,
        "maple_tree": 47,
        "worm": 99,
    }.items():
        assert cifar_fs._NUMBERS[name] == number


@pytest.mark.parametrize(("part", "count"), [("train", 64), ("validation", 16), ("test", 20)])
def test_images_are_those_of_the_part(part, count, painted):
    images = load_cifar_fs(part)
    assert images.shape == (count, 6, 32, 32, 3) and images.dtype == np.uint8
    for name, examples in zip(CLASSES[part], images, strict=True):
        assert (examples == cifar_fs._NUMBERS[name]).all()


def test_an_unknown_part_is_named():
    with pytest.raises(ValueError, match="part='val'; expected one of train, validation, test"):
        load_cifar_fs("val")


def test_absent_data_are_named_with_the_remedy(monkeypatch):
    def no_network(*arguments, **options):
        raise ConnectionError("Name or service not known\nand a long trace")

    monkeypatch.setattr(tfds, "load", no_network)
    with pytest.raises(TfmetaError) as caught:
        load_cifar_fs("test")
    text = str(caught.value)
    assert "CIFAR-100 was neither found nor downloaded (tfds.load('cifar100')" in text and "\n" not in text
    assert "Set TFDS_DATA_DIR to a folder that holds cifar100/3.0.2" in text


def test_photographs_are_shifted_and_mirrored():
    image = np.arange(6 * 8, dtype=np.float32).reshape(1, 6, 8, 1)
    found = random_mirror(shift=1)(tf.repeat(image, 200, axis=0), tf.constant([3, 4])).numpy()
    padded = np.pad(image[0, ..., 0], 1, mode="symmetric")
    wanted = {
        window[:, ::step].tobytes()
        for window in (padded[y : y + 6, x : x + 8] for y in range(3) for x in range(3))
        for step in (1, -1)
    }
    assert {each[..., 0].tobytes() for each in found} == wanted
