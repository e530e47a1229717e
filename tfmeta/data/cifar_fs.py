"""CIFAR-FS: the hundred classes of CIFAR-100, divided for few-shot learning; small photographs in colour."""

import dataclasses
import functools

import numpy as np

from tfmeta.core.checks import check
from tfmeta.core.episodes import Augmentation
from tfmeta.core.tasks import Part
from tfmeta.data.augment import random_mirror
from tfmeta.data.episode_tasks import Classes, ClassTasks
from tfmeta.data.through_tfds import load_dataset

__all__ = ["CLASSES", "CifarFSTasks", "load_cifar_fs"]

# The division of Bertinetto et al. 2019: 64, 16 and 20 classes.
CLASSES: dict[str, tuple[str, ...]] = {
    "train": (
        "apple", "aquarium_fish", "bear", "bee", "bottle", "bowl", "boy", "bridge", "bus", "can", "castle",
        "caterpillar", "chair", "clock", "cloud", "cockroach", "couch", "cup", "dinosaur", "dolphin", "elephant",
        "forest", "girl", "hamster", "house", "kangaroo", "keyboard", "lawn_mower", "lion", "lizard", "lobster",
        "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "palm_tree", "pear", "pine_tree", "plate",
        "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "seal", "shrew", "skunk", "skyscraper", "snake",
        "spider", "squirrel", "streetcar", "sunflower", "tank", "tiger", "train", "trout", "tulip", "turtle",
        "willow_tree", "wolf",
    ),
    "validation": (
        "beaver", "beetle", "butterfly", "camel", "cattle", "crab", "crocodile", "flatfish", "lamp", "maple_tree",
        "motorcycle", "otter", "sea", "shark", "television", "tractor",
    ),
    "test": (
        "baby", "bed", "bicycle", "chimpanzee", "fox", "leopard", "man", "pickup_truck", "plain", "poppy", "rocket",
        "rose", "snail", "sweet_pepper", "table", "telephone", "wardrobe", "whale", "woman", "worm",
    ),
}  # fmt: skip
"""The names of the classes of each part."""

# CIFAR-100 numbers its classes by the alphabet.
_NUMBERS = {name: number for number, name in enumerate(sorted(sum(CLASSES.values(), ())))}


@dataclasses.dataclass(frozen=True)
class CifarFSTasks(ClassTasks):
    """Small photographs of a hundred classes."""

    items = "small photographs"
    licence = "none stated by the authors of CIFAR-100"
    reading = "colour"
    name = "cifar-fs"

    @property
    def source(self) -> str:
        return "CIFAR-FS (Bertinetto et al. 2019): CIFAR-100, complete, 32x32, through TensorFlow Datasets"

    @property
    def item_shape(self) -> tuple[int, int, int]:
        return 32, 32, 3

    def sizes(self, part: Part) -> tuple[int, int]:
        return len(CLASSES[part]), 600

    def classes(self, part: Part) -> Classes:
        return Classes(CLASSES[part], load_cifar_fs(part))

    def augmentation(self) -> Augmentation:
        return random_mirror()


def load_cifar_fs(part: str) -> np.ndarray:
    """Loads the images of one part, all 600 of each class.

    Args:
        part: ``"train"``, ``"validation"`` or ``"test"``.

    Returns:
        uint8 ``[classes, 600, 32, 32, 3]``, classes in the order of `CLASSES`.

    Raises:
        ValueError: for an unknown part.
        TfmetaError: where CIFAR-100 is absent and cannot be downloaded.

    Example:
        >>> load_cifar_fs("test").shape  # doctest: +SKIP
        (20, 600, 32, 32, 3)

    Reference:
        Bertinetto, Henriques, Torr, Vedaldi. "Meta-learning with differentiable closed-form solvers." ICLR, 2019.
    """
    check(part in CLASSES, f"part={part!r}; expected one of {', '.join(CLASSES)}.")
    return _images()[[_NUMBERS[name] for name in CLASSES[part]]]


@functools.lru_cache(maxsize=1)
def _images() -> np.ndarray:
    """All images by the number of their class: uint8 ``[100, 600, 32, 32, 3]``."""
    dataset, _ = load_dataset("cifar100", "CIFAR-100", "3.0.2")
    batches = (
        dataset.map(lambda example: (example["image"], example["label"])).batch(4096).as_numpy_iterator()
    )
    images, labels = (np.concatenate(columns) for columns in zip(*batches, strict=True))
    by_class = np.argsort(labels, kind="stable")
    return images[by_class].reshape(len(_NUMBERS), -1, *images.shape[1:])
