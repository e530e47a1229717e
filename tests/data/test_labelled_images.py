import types

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.data import labelled_images
from tfmeta.data.labelled_images import load_cifar10, load_mnist

tfds = pytest.importorskip("tensorflow_datasets")


@pytest.fixture(autouse=True)
def nothing_decoded(monkeypatch):
    monkeypatch.setattr(labelled_images, "_decoded", labelled_images._decoded.__wrapped__)


@pytest.mark.parametrize(("load", "name"), [(load_mnist, "mnist"), (load_cifar10, "cifar10")])
def test_parts_come_in_their_order(monkeypatch, load, name):
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones([1, 4, 4, 1], np.uint8)
    dataset = tf.data.Dataset.from_tensor_slices({"image": images, "label": np.arange(10)})
    info = types.SimpleNamespace(splits={"train": types.SimpleNamespace(num_examples=7)})
    monkeypatch.setattr(tfds, "load", lambda asked, **_: (dataset, info) if asked == name else None)
    (train, labels), (test, _) = load(), load("test")
    assert train.dtype == np.uint8 and labels.dtype == np.int32
    assert labels.tolist() == list(range(7)) and test[:, 0, 0, 0].tolist() == [7, 8, 9]


def test_what_cannot_be_loaded_says_so(monkeypatch):
    with pytest.raises(ValueError, match="part='val'"):
        load_mnist("val")

    def fail(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(tfds, "load", fail)
    with pytest.raises(TfmetaError, match="MNIST was neither found nor downloaded"):
        load_mnist()
