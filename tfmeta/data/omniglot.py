"""Omniglot: 1,623 handwritten characters of 50 alphabets, each drawn by 20 people."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.episodes import Augmentation
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.augment import random_affine
from tfmeta.data.episode_tasks import Classes, ClassTasks
from tfmeta.data.through_tfds import load_dataset

__all__ = ["SPLITS", "OmniglotTasks", "load_omniglot"]

SPLITS = ("characters", "alphabets")
"""Ways to divide the characters: see `load_omniglot`."""

# Classes of each part, in training with their rotations.
_SIZES = {
    "characters": {"train": 4 * 1100, "validation": 100, "test": 423},
    "alphabets": {"train": 4 * 1028, "validation": 172, "test": 423},
}

_PARTS = ("train", "validation", "test")
_VALIDATION_ALPHABETS = frozenset({
    "Armenian", "Bengali", "Early_Aramaic", "Hebrew", "Mkhedruli_(Georgian)",
})  # fmt: skip
_TEST_ALPHABETS = frozenset({
    "Kannada", "Keble", "Malayalam", "Manipuri", "Mongolian", "Old_Church_Slavonic_(Cyrillic)", "Oriya",
    "Sylheti", "Syriac_(Serto)", "Tengwar", "Tibetan", "ULOG",
})  # fmt: skip
# The one alphabet that the standard split divides: its last four characters are for test.
_TEST_CHARACTERS = frozenset(f"Gurmukhi_{number}" for number in range(41, 45))


@dataclasses.dataclass(frozen=True)
class OmniglotTasks(ClassTasks):
    """Handwritten characters. In training, each character turned by 90, 180 and 270 degrees is a class of its own."""

    items = "handwritten characters"
    licence = "MIT"
    reading = "drawing"
    name = "omniglot"

    split: str = setting(
        "alphabets",
        "how the characters are divided: by whole alphabets, or at random",
        choices=SPLITS,
    )

    @property
    def source(self) -> str:
        return "Omniglot (Lake et al. 2015), complete, 28x28, through TensorFlow Datasets"

    @property
    def variant(self) -> str:
        return self.split

    @property
    def item_shape(self) -> tuple[int, int, int]:
        return 28, 28, 1

    @property
    def training_classes(self) -> str:
        return "the training classes and their rotations"

    @property
    def test_classes(self) -> str:
        return f"upright test classes of the split '{self.split}'"

    def sizes(self, part: Part) -> tuple[int, int]:
        return _SIZES[self.split][part], 20

    def classes(self, part: Part) -> Classes:
        _, names = _decoded(28)
        chosen = tuple(names[member] for member in _members(part, self.split, names, seed=1))
        turned = part == "train"
        images = load_omniglot(part, split=self.split, rotations=turned)
        if turned:
            chosen = tuple(f"{name}, turned {90 * turns}" for turns in range(4) for name in chosen)
        return Classes(chosen, images)

    def augmentation(self) -> Augmentation:
        return random_affine(shift=1.5)


def load_omniglot(
    part: str, *, split: str = "alphabets", rotations: bool = False, size: int = 28, seed: int = 1
) -> np.ndarray:
    """Loads the drawings of one part of a class split, decoded once and kept in memory.

    ==============  =================================  =====  ==========  ====
    split           how 1,623 characters are divided   train  validation  test
    ==============  =================================  =====  ==========  ====
    ``characters``  at random (Finn et al. 2017)       1,100  100         423
    ``alphabets``   by alphabet (Vinyals et al. 2016)  1,028  172         423
    ==============  =================================  =====  ==========  ====

    With ``alphabets`` no test alphabet is seen in training, except for four characters of Gurmukhi. That is clearly
    harder.

    Args:
        part: ``"train"``, ``"validation"`` or ``"test"``.
        split: ``"characters"`` or ``"alphabets"``.
        rotations: adds each class turned by 90, 180 and 270 degrees as classes of their own.
        size: side of the images in pixels, area-averaged from 105.
        seed: deals the characters of ``split="characters"``.

    Returns:
        uint8 ``[classes, 20, size, size, 1]``: ink 255, paper 0.

    Raises:
        ValueError: for an unknown part or split.
        TfmetaError: where the data set is absent and cannot be downloaded.

    Reference:
        Lake, Salakhutdinov, Tenenbaum. "Human-level concept learning through probabilistic program induction."
        Science, 2015.
    """
    check(part in _PARTS, f"part={part!r}; expected one of {', '.join(_PARTS)}.")
    check(split in SPLITS, f"split={split!r}; expected one of {', '.join(SPLITS)}.")
    drawings, names = _decoded(size)
    chosen = drawings[_members(part, split, names, seed)]
    if rotations:
        chosen = np.concatenate([np.rot90(chosen, turns, axes=(2, 3)) for turns in range(4)])
    return chosen


def _members(part: str, split: str, names: tuple[str, ...], seed: int) -> np.ndarray:
    """Returns the class numbers of a part of a split."""
    if split == "characters":
        dealt = np.random.RandomState(seed).permutation(len(names))
        start, end = {"train": (0, 1100), "validation": (1100, 1200), "test": (1200, None)}[part]
        return dealt[start:end]

    def part_of(name: str) -> str:
        alphabet = name.rsplit("_", 1)[0]
        if alphabet in _TEST_ALPHABETS or name in _TEST_CHARACTERS:
            return "test"
        return "validation" if alphabet in _VALIDATION_ALPHABETS else "train"

    return np.array([index for index, name in enumerate(names) if part_of(name) == part])


@functools.lru_cache(maxsize=2)
def _decoded(size: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decodes every drawing: uint8 ``[1623, 20, size, size, 1]``, and the name of each class."""
    dataset, info = load_dataset("omniglot", "Omniglot", "3.0.0")
    names = tuple(info.features["label"].names)

    def shrink(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        ink = 255.0 - tf.cast(example["image"][..., :1], tf.float32)
        return tf.cast(tf.round(tf.image.resize(ink, [size, size], "area")), tf.uint8), example["label"]

    batches = dataset.map(shrink, num_parallel_calls=tf.data.AUTOTUNE).batch(4096).as_numpy_iterator()
    images, labels = (np.concatenate(columns) for columns in zip(*batches, strict=True))
    by_class = np.argsort(labels, kind="stable")
    return images[by_class].reshape(len(names), -1, size, size, 1), names
