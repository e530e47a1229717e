"""The examples of many classes as one tensor. Classes may differ in size."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["Examples", "Pool"]

Examples = np.ndarray | Sequence[np.ndarray]
"""The examples of each class: an array ``[classes, examples, ...]``, or a sequence of arrays ``[examples, ...]``."""

_LETTERS = {1: "D", 2: "T, D", 3: "H, W, C"}
_SCALED = {"bool": 1, "uint8": 255, "uint16": 65535}


class Pool:
    """The examples of many classes, from which batches are drawn.

    Integers are scaled by the range of their type: 255 of uint8 and 65535 of uint16 become 1.0. Floats are not scaled.

    Args:
        items: an array ``[classes, examples, ...]``, or for each class an array ``[examples, ...]``, all of one dtype:
            float, uint8, uint16 or bool.
        item_rank: the number of dimensions of an item: 3 for images ``[H, W, C]``, 1 for vectors.
        names: of the classes, for messages; without names, classes are numbered.

    Attributes:
        sizes: how many examples each class has, int32 ``[classes]``.
        item_shape: the shape of an item.

    Raises:
        ValueError: for items of another rank, dtype or shape than expected, an empty class, NaN or infinity.

    Example:
        >>> pool = Pool([np.zeros([20, 28, 28, 1], np.uint8), np.zeros([7, 28, 28, 1], np.uint8)])
        >>> pool.sizes.tolist(), pool.item_shape
        ([20, 7], (28, 28, 1))
        >>> pool.take(tf.constant([[0, 26]])).shape
        TensorShape([1, 2, 28, 28, 1])
    """

    def __init__(self, items: Examples, *, item_rank: int = 3, names: Sequence[str] = ()):
        together = isinstance(items, np.ndarray | tf.Tensor) and items.dtype != object
        classes: Examples = np.asarray(items) if together else [np.asarray(each) for each in items]
        self._names = tuple(names)
        check(
            not self._names or len(self._names) == len(classes),
            f"{len(self._names)} names came for {len(classes)} classes; expected one for each class.",
        )
        check(len(classes) > 0, "There are no classes; expected at least 1.")
        self._check_shapes(classes, item_rank)
        self.sizes = np.array([len(each) for each in classes], np.int32)
        self.item_shape: tuple[int, ...] = classes[0].shape[1:]
        self._check_values(classes)
        dtype = classes[0].dtype
        self._scale = _SCALED.get(dtype.name)
        joined = (
            np.concatenate(classes)
            if isinstance(classes, list)
            else np.reshape(classes, [-1, *self.item_shape])
        )
        self._examples = tf.constant(joined if self._scale else joined.astype(np.float32))
        self._ends = tf.constant(np.cumsum(self.sizes), tf.int32)
        self._starts = self._ends - self.sizes

    def __len__(self) -> int:
        """The number of classes."""
        return len(self.sizes)

    @property
    def is_even(self) -> bool:
        """Whether all classes are of one size."""
        return bool(np.all(self.sizes == self.sizes[0]))

    @property
    def total(self) -> int:
        """The number of examples of all classes."""
        return int(self.sizes.sum())

    def smallest(self) -> tuple[str, int]:
        """Returns what the smallest class is called, and how many examples it has."""
        number = int(self.sizes.argmin())
        return self._called(number), int(self.sizes[number])

    def sizes_of(self, classes: tf.Tensor) -> tf.Tensor:
        """Returns how many examples each of the classes has, int32 ``[...]`` for numbers of classes ``[...]``."""
        return tf.gather(self.sizes, classes)

    def take(self, where: tf.Tensor, classes: tf.Tensor | None = None) -> tf.Tensor:
        """Returns examples.

        Args:
            where: the number of each example in its class, int32 ``[...]``; or among all examples, without `classes`.
            classes: the numbers of the classes, of the same shape.

        Returns:
            float32 ``[..., *item_shape]``.
        """
        if classes is not None:
            where = tf.gather(self._starts, classes) + where
        items = tf.cast(tf.gather(self._examples, where), tf.float32)
        return items / float(self._scale) if self._scale else items

    def classes_of(self, where: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of the classes of examples that are numbered among all examples, int32 ``[M]``."""
        return tf.searchsorted(self._ends, where, side="right")

    def _called(self, number: int) -> str:
        return repr(self._names[number]) if self._names else f"number {number}"

    def _check_shapes(self, classes: Examples, rank: int) -> None:
        item = _LETTERS.get(rank, f"{rank} dimensions of an item")
        mend = f" Say item_rank for items of another rank than {rank}."
        if isinstance(classes, np.ndarray):
            check(
                classes.ndim == 2 + rank,
                f"The examples have the shape {classes.shape}; expected [classes, examples, {item}].{mend}",
            )
            check(classes.shape[1] > 0, "The classes have no examples; expected at least 1 of each.")
        for number, each in enumerate(classes):
            called = f"The class {self._called(number)}"
            check(
                each.ndim == 1 + rank,
                f"{called} has the shape {each.shape}; expected [examples, {item}], all examples of a class in one"
                f" array.{mend}",
            )
            check(len(each) > 0, f"{called} has no examples; give it some, or leave the class out.")
            first = classes[0]
            check(
                each.shape[1:] == first.shape[1:] and each.dtype == first.dtype,
                f"{called} has items of {each.dtype} {each.shape[1:]}, but the class {self._called(0)} of"
                f" {first.dtype} {first.shape[1:]}; give all classes items of one shape and type.",
            )

    def _check_values(self, classes: Examples) -> None:
        dtype = classes[0].dtype
        is_float = np.issubdtype(dtype, np.floating)
        check(
            is_float or dtype.name in _SCALED,
            f"The examples are {dtype}; expected uint8 (255 becomes 1.0), uint16 (65535 becomes 1.0), bool, or floats,"
            " which are not scaled. Convert them, for images of 0 to 255 with .astype('uint8').",
        )
        if is_float:
            for number, each in enumerate(classes):
                check(
                    bool(np.isfinite(each).all()),
                    f"The class {self._called(number)} holds NaN or infinity; expected finite numbers. Mend or remove"
                    " these examples.",
                )
