"""What is asked of a few-shot learner, checked in the graph with words that reach the client."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.data.encoded import decode_drawings
from tfmeta.data.episode_tasks import values_of
from tfmeta.fewshot.learner import FewShotLearner

__all__ = ["Requests"]

_COLOURS = {1: ", in grey, with one channel", 3: ", in colour, with three channels"}
_ROUNDED = 0.01  # what a filter may overshoot
_MOST_INK = 0.7  # the mean of a drawing; inverted ones have more


class Requests:
    """What the requests of a learner look like, and the checks that say so in the graph.

    Items are asked for as the learner takes them (``support_x``, ``query_x``) or, where it takes drawings, as
    encoded images (``support_png``, ``query_png``), which are decoded here.

    Args:
        learner: the learner.
        example_episode: ``support_x``, ``support_y`` and ``query_x`` of a task or more.
        reading: what the items are: ``"drawing"``, ink 1 on paper 0, which may come encoded if they are square images
            of one channel; ``"grey"`` or ``"colour"`` pictures; or anything else.

    Attributes:
        item: shape of an item.
        example: the example's arrays, by the names of the inputs.
        specs: names, shapes and types of the inputs, by name.
        state_size: what the learner declares of its task states.

    Raises:
        ValueError: if the example does not fit the learner.
        TfmetaError: if the learner does not declare the size of its task states.
    """

    def __init__(
        self, learner: FewShotLearner, example_episode: Mapping[str, Any], *, reading: str = "drawing"
    ):
        self.regression = learner.task == "regression"
        self.ways = learner.ways
        self._reading = reading
        self.item = tuple(learner.network.input_shape[1:])
        target = np.float32 if self.regression else np.int64
        self.example = {
            "support_x": np.asarray(example_episode["support_x"], np.float32),
            "support_y": np.asarray(example_episode["support_y"], target),
            "query_x": np.asarray(example_episode["query_x"], np.float32),
        }
        for key in ("support_x", "query_x"):
            check(
                self.example[key].shape[2:] == self.item and self.example[key].size > 0,
                f"the example's {key} has the shape {self.example[key].shape}; the network needs"
                f" [B, M, {', '.join(map(str, self.item))}], with at least one item.",
            )
        self.target = self.example["support_y"].shape[2:]
        self.state_size = learner.state_size
        shapes = {
            "support_x": [None, None, *self.item],
            "support_y": [None, None, *self.target],
            "query_x": [None, None, *self.item],
            "task_state": [None, None if self.state_size.step else self.state_size.base],
            "support_png": [None, None],
            "query_png": [None, None],
        }
        self._decode = functools.cache(self._make_decode)  # traced once for all signatures
        self.specs = {name: tf.TensorSpec(shape, self._dtype(name), name) for name, shape in shapes.items()}

    def _dtype(self, name: str) -> tf.DType:
        if name.endswith("_png"):
            return tf.string
        return tf.int64 if name == "support_y" and not self.regression else tf.float32

    @property
    def takes_drawings(self) -> bool:
        """Whether an item is a drawing, so that it may come as an encoded image."""
        return (
            self._reading == "drawing"
            and len(self.item) == 3
            and self.item[0] == self.item[1]
            and self.item[2] == 1
        )

    def support(self, x: tf.Tensor, y: tf.Tensor, kind: str = "x") -> tuple[tf.Tensor, ...]:
        """Checks a support set, and decodes it where it is of the `kind` ``png``."""
        name = f"support_{kind}"
        x = self.items(name, x, "S")
        y = check_shape("support_y", y, ("B", "S", *self.target), f"one label for each item of {name}")
        x, y = check_leading(**{name: x}, support_y=y)
        items, labels = tf.shape(x)[1], tf.shape(y)[1]
        x, y = after([
            require(items > 0, f"the support set is empty, {name} has the shape ", tf.shape(x),
                    "; expected at least one labelled example of each class."),
            require(items == labels, f"{name} holds ", items, " items but support_y ", labels,
                    " labels; expected one label for each item."),
        ], x, y)  # fmt: skip
        return x, check_finite("support_y", y) if self.regression else self._labels(y)

    def query(self, task_state: tf.Tensor, x: tf.Tensor, kind: str = "x") -> tuple[tf.Tensor, ...]:
        """Checks a task state and queries, and decodes these where they are of the `kind` ``png``."""
        fix = "send back what adapt returned, unchanged"
        base, step = self.state_size.base, self.state_size.step
        task_state = check_shape("task_state", task_state, ("B", "D" if step else base), fix)
        if step:
            size = tf.shape(task_state)[1]
            more = f" more than {base}" if base else ""
            rule = f" numbers a task, expected a multiple of {step}{more}; {fix}."
            fits = require(self.state_size.fits(size), "task_state has ", size, rule)
            (task_state,) = after([fits], task_state)
        name = f"query_{kind}"
        x = self.items(name, x, "Q")
        return check_leading(task_state=check_finite("task_state", task_state), **{name: x})

    def episode(
        self, support_x: tf.Tensor, support_y: tf.Tensor, query_x: tf.Tensor, kind: str = "x"
    ) -> tuple[tf.Tensor, ...]:
        """Checks a support set and queries, and decodes them where they are of the `kind` ``png``."""
        support_x, support_y = self.support(support_x, support_y, kind)
        query_x = self.items(f"query_{kind}", query_x, "Q")
        inputs = {f"support_{kind}": support_x, "support_y": support_y, f"query_{kind}": query_x}
        return check_leading(**inputs)

    def items(self, name: str, x: tf.Tensor, letter: str) -> tf.Tensor:
        """Checks items ``[B, M, ...]``, and decodes those whose `name` ends with ``_png``.

        Args:
            name: what the client calls the input.
            x: the items.
            letter: stands for their number in messages, ``"S"`` or ``"Q"``.
        """
        if name.endswith("_png"):
            return self._decode(name, letter)(x)
        fix = ""
        if len(self.item) == 3:
            high, wide, channels = self.item
            fix = f"make each image {high}x{wide} pixels{_COLOURS.get(channels, '')}"
        x = check_finite(name, check_shape(name, x, ("B", letter, *self.item), fix))
        return self._checked_values(name, x)

    def _checked_values(self, name: str, x: tf.Tensor) -> tf.Tensor:
        """Checks that pictures are of 0 to 1, and drawings light on dark, as the models know them."""
        values = values_of(self._reading)
        if not values or (self._reading == "drawing" and not self.takes_drawings):
            return x
        meaning = values["polarity"]
        outside = tf.math.count_nonzero((x < -_ROUNDED) | (x > 1.0 + _ROUNDED))
        checks = [
            require(outside == 0, f"{name} holds ", outside, f" numbers outside 0 to 1; expected {meaning}, so divide"
                    " bytes by 255, and undo any other scaling."),
        ]  # fmt: skip
        if self.takes_drawings:
            inverted = tf.math.count_nonzero(tf.reduce_mean(x, axis=[-3, -2, -1]) > _MOST_INK)
            checks.append(
                require(inverted == 0, f"{name} holds ", inverted, f" drawings that are dark on light; expected"
                        f" {meaning}, so send 1 - {name}, or the files to a signature _png, which reads both."),
            )  # fmt: skip
        return after(checks, x)[0]

    def _make_decode(self, name: str, letter: str) -> Callable[[tf.Tensor], tf.Tensor]:
        return tf.function(
            lambda encoded: decode_drawings(name, encoded, self.item[0], letter),
            input_signature=[tf.TensorSpec([None, None], tf.string)],
            autograph=False,
        )

    def _labels(self, y: tf.Tensor) -> tf.Tensor:
        low, high = tf.reduce_min(y), tf.reduce_max(y)
        if self.ways is not None:
            rule = f"expected 0 to {self.ways - 1}, since this learner tells {self.ways} classes apart."
            most = tf.constant(self.ways, y.dtype)
        else:  # Each class has an example; without a bound, one huge label would take all memory.
            rule = "expected classes numbered 0, 1, 2, ... without gaps, so labels below the number of items."
            most = tf.shape(y, out_type=y.dtype)[1]
        fits = (low >= 0) & (high < most)
        return after([require(fits, "support_y holds labels from ", low, " to ", high, "; ", rule)], y)[0]
