"""MNIST and CIFAR-10: images and their labels, for ordinary training."""

import functools

import numpy as np

from tfmeta.core.checks import check
from tfmeta.data.through_tfds import load_dataset

__all__ = ["load_cifar10", "load_mnist"]


def load_mnist(part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Loads MNIST's handwritten digits.

    Args:
        part: ``"train"`` or ``"test"``.

    Returns:
        Images, uint8 ``[60000 or 10000, 28, 28, 1]``, and labels, int32, 0 to 9.

    Raises:
        ValueError: for an unknown part.
        TfmetaError: where MNIST is absent and cannot be downloaded.

    Example:
        >>> images, labels = load_mnist("test")  # doctest: +SKIP
        >>> images.shape  # doctest: +SKIP
        (10000, 28, 28, 1)
    """
    return _part(part, "mnist", "MNIST", "3.0.1")


def load_cifar10(part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Loads CIFAR-10's small photographs, as many as are prepared on this machine.

    Args:
        part: ``"train"`` or ``"test"``.

    Returns:
        Images, uint8 ``[50000 or 10000, 32, 32, 3]``, and labels, int32, 0 to 9.

    Raises:
        ValueError: for an unknown part.
        TfmetaError: where CIFAR-10 is absent and cannot be downloaded.

    Example:
        >>> images, labels = load_cifar10()  # doctest: +SKIP
        >>> images.shape  # doctest: +SKIP
        (50000, 32, 32, 3)
    """
    return _part(part, "cifar10", "CIFAR-10", "3.0.2")


def _part(part: str, *source: str) -> tuple[np.ndarray, np.ndarray]:
    check(part in ("train", "test"), f"part={part!r}; expected 'train' or 'test'.")
    images, labels, train = _decoded(*source)
    chosen = slice(None, train) if part == "train" else slice(train, None)
    return images[chosen].copy(), labels[chosen].copy()


@functools.lru_cache(maxsize=2)
def _decoded(name: str, title: str, version: str) -> tuple[np.ndarray, np.ndarray, int]:
    """All images and labels, and how many of them are for training, which come first."""
    dataset, info = load_dataset(name, title, version)
    pairs = dataset.map(lambda example: (example["image"], example["label"]))
    images, labels = (
        np.concatenate(column) for column in zip(*pairs.batch(4096).as_numpy_iterator(), strict=True)
    )
    return images, labels.astype(np.int32), info.splits["train"].num_examples
