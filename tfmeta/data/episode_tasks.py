"""Tasks for few-shot learners: episodes of a few labelled examples and some queries."""

import dataclasses
import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.episodes import Augmentation, episodes
from tfmeta.core.tasks import PARTS, Part, Tasks

__all__ = ["ClassTasks", "Classes", "EpisodeTasks", "Reading", "values_of"]

Reading = Literal["drawing", "grey", "colour", ""]
"""How a file becomes an item: a drawing (ink 1, paper 0), a grey or a colour photograph (0 black, 1 white); or not."""

_PHOTOGRAPH = "black 0, white 1"
_POLARITIES: dict[str, str] = {"drawing": "ink 1, paper 0", "grey": _PHOTOGRAPH, "colour": _PHOTOGRAPH}


def values_of(reading: str) -> dict[str, Any]:
    """Says what the numbers of pictures mean, for model cards; of other items it says nothing.

    Args:
        reading: one of `Reading`, or anything else.

    Returns:
        ``range`` and ``polarity``, or nothing.

    Example:
        >>> values_of("drawing")
        {'range': [0, 1], 'polarity': 'ink 1, paper 0'}
        >>> values_of("")
        {}
    """
    return {"range": [0, 1], "polarity": _POLARITIES[reading]} if reading in _POLARITIES else {}


_NAMED = 500
"""As many classes are named on a card, which every server carries."""


@dataclasses.dataclass(frozen=True)
class Classes:
    """The examples of some classes.

    Attributes:
        names: of the classes.
        items: of each class its examples ``[examples, ...]``: an array ``[classes, examples, ...]``, or a sequence of
            arrays where classes differ in size.
    """

    names: tuple[str, ...]
    items: np.ndarray | Sequence[np.ndarray]

    def fingerprint(self) -> str:
        """Returns a hash of names and examples."""
        digest = hashlib.sha256()
        for name, examples in zip(self.names, self.items, strict=True):
            digest.update(f"{name}\0{examples.dtype}{examples.shape}".encode())
            digest.update(examples.tobytes())
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class EpisodeTasks(Tasks):
    """A source of episodes.

    Attributes:
        task: ``"classification"``, or ``"regression"``.
        test_batch: episodes of a test batch.
    """

    task: ClassVar[Literal["classification", "regression"]]
    test_batch: ClassVar[int] = 20

    @property
    @abstractmethod
    def item_shape(self) -> tuple[int, ...]:
        """The shape of an item, such as ``(28, 28, 1)``."""

    @abstractmethod
    def sizes(self, part: Part) -> tuple[int, int]:
        """Returns how many classes a part has, and how many examples the smallest has; 0 for any number."""

    @abstractmethod
    def episodes(
        self,
        part: Part,
        *,
        ways: int,
        shots: int,
        queries: int,
        batch_size: int,
        seed: int,
        start: int = 0,
        augment: bool = False,
    ) -> tf.data.Dataset:
        """Draws batches of episodes without end; see `tfmeta.core.episodes.episodes`."""

    @abstractmethod
    def drawn(self, ways: int, shots: int, queries: int, test_queries: int) -> str:
        """Says how episodes are drawn for training and test, for the protocol."""

    @abstractmethod
    def tested_on(self, ways: int, shots: int) -> str:
        """Says what distinguishes a test, such as ``"5-way 1-shot, split alphabets"``."""


@dataclasses.dataclass(frozen=True)
class ClassTasks(EpisodeTasks):
    """Episodes of classes: each part has classes of its own."""

    task = "classification"

    @property
    def reading(self) -> Reading:
        """How an image file becomes an item, for the model card and `tfmeta predict`."""
        return ""

    @abstractmethod
    def classes(self, part: Part) -> Classes:
        """Returns the classes of a part; those that are added for training alone are among them.

        Raises:
            TfmetaError: where data are missing or broken.
        """

    @property
    def training_classes(self) -> str:
        """Says which classes are learned from, for the protocol."""
        return f"{self.sizes('train')[0]:,} classes"

    @property
    def test_classes(self) -> str:
        """Says which classes tests are made of, for the protocol."""
        return f"the {self.sizes('test')[0]:,} test classes"

    def augmentation(self) -> Augmentation | None:
        """Returns the random changes to training images that keep what they show; None for none."""
        return None

    def load(self, part: Part) -> None:
        """Reads a part, and checks it: tests need classes that were not seen in training."""
        classes = self.classes(part)
        self._check(classes, part)
        if part == "train":
            return
        seen = set(self.classes("train").names)
        both = [name for name in classes.names if name in seen]
        if both:
            raise TfmetaError(
                f"{self.name} have the class {both[0]!r} for training and for {part}; leave it in one part."
            )

    def _check(self, classes: Classes, part: Part) -> None:
        names, whose = classes.names, f"{self.name}, {part}"
        if not names or len(names) != len(classes.items):
            raise TfmetaError(
                f"{whose}: {len(names)} names and {len(classes.items)} classes; expected a name for each, one at least."
            )
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise TfmetaError(f"{whose}: two classes are called {twice!r}; give each a name of its own.")
        for name, items in zip(names, classes.items, strict=True):
            if tuple(items.shape[1:]) != tuple(self.item_shape):
                raise TfmetaError(
                    f"{whose}: an item of {name!r} has the shape {tuple(items.shape[1:])}, but item_shape says"
                    f" {tuple(self.item_shape)}."
                )

    def sizes(self, part: Part) -> tuple[int, int]:
        classes = self.classes(part)
        return len(classes.names), min(map(len, classes.items))

    def facts(self) -> dict[str, Any]:
        names = {part: list(self.classes(part).names) for part in PARTS}
        few = sum(map(len, names.values())) <= _NAMED
        return {
            "shape": list(self.item_shape),
            "reading": self.reading,
            **values_of(self.reading),
            **({"classes": names} if few else {}),
        }

    def fingerprint(self) -> str:
        return self.classes("train").fingerprint()

    def drawn(self, ways: int, shots: int, queries: int, test_queries: int) -> str:
        return (
            f"trained on {ways}-way {shots}-shot tasks of {self.training_classes}, {queries} queries a class; tested on"
            f" {self.test_classes}, {test_queries} queries a class; test classes were never seen in training or tuning"
        )

    def tested_on(self, ways: int, shots: int) -> str:
        variant = f", split {self.variant}" if self.variant else ""
        return f"{ways}-way {shots}-shot{variant}"

    def episodes(
        self,
        part: Part,
        *,
        ways: int,
        shots: int,
        queries: int,
        batch_size: int,
        seed: int,
        start: int = 0,
        augment: bool = False,
    ) -> tf.data.Dataset:
        classes = self.classes(part)
        return episodes(
            classes.items,
            ways=ways,
            shots=shots,
            queries=queries,
            batch_size=batch_size,
            seed=seed,
            start=start,
            augment=self.augmentation() if augment else None,
            item_rank=len(self.item_shape),
            names=classes.names,
        )
