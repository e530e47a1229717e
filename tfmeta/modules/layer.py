"""What every module's layer has in common: what it is built for, and how it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.modules.weights import Weights
from tfmeta.modules.world import World

__all__ = ["Attention", "Form", "ModuleLayer", "ModuleSettings"]

Attention = Literal["softmax", "sigmoid"]
Form = Literal["perceptron", "product"]


@dataclass(frozen=True)
class ModuleSettings:
    """What the modules of an inventory are built for.

    Args:
        words: how many arguments there are, unknown ones included.
        features: D, features of a position.
        answers: the labels.
        pairs: R, features of a pair of positions; 0 where there are none.
        positions: K, where all worlds have as many.
        hidden: units of hidden layers.
        attention: ``"softmax"``, a distribution over positions, or ``"sigmoid"``, a probability for each.
        form: ``"perceptron"`` as in the papers' equations, or ``"product"``.

    Raises:
        ValueError: for an attention or a form that there is not.
    """

    words: int
    features: int
    answers: tuple[str, ...] = ()
    pairs: int = 0
    positions: int | None = None
    hidden: int = 64
    attention: Attention = "softmax"
    form: Form = "perceptron"

    def __post_init__(self) -> None:
        check(
            self.attention in ("softmax", "sigmoid"),
            f"attention={self.attention!r}; expected 'softmax' or 'sigmoid'.",
        )
        check(
            self.form in ("perceptron", "product"), f"form={self.form!r}; expected 'perceptron' or 'product'."
        )


class ModuleLayer(keras.layers.Layer):
    """Computes a module. A layer of your own defines `call`, and adds its weights in ``__init__``.

    There is one for each module, whatever the number of its instances in a layout, or of layouts in a batch. Instances
    differ in their argument.

    Args:
        settings: what it is built for.
        seed: of the initial weights.

    Attributes:
        settings: these.
        weight: adds a weight, see `tfmeta.modules.weights.Weights`.

    Example:
        >>> class Brightest(ModuleLayer):
        ...     def __init__(self, settings, **kwargs):
        ...         super().__init__(settings, **kwargs)
        ...         self.w = self.weight("w", [settings.features])
        ...     def call(self, argument, world):
        ...         return tf.nn.softmax(tf.linalg.matvec(world.features, self.w))[:, None]
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> Brightest(ModuleSettings(words=3, features=8))(None, world).shape
        TensorShape([1, 1, 4])
    """

    def __init__(self, settings: ModuleSettings, *, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.settings = settings
        self.weight = Weights(self, seed)
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> tf.Tensor:
        """Computes S instances of the module: ``call(argument, world, *attentions)``.

        Args:
            argument: of each instance, ``[B, S]``: the numbers of words, or names as strings, as the spec says; None
                for a module without one.
            world: B worlds of K positions.
            attentions: as many as the module takes, each ``[B, S, K]``.

        Returns:
            Attentions ``[B, S, K]``, which are 0 where the world has no position; or scores of the labels
            ``[B, S, A]``, of which the softmax is taken.
        """
        raise NotImplementedError(f"{type(self).__name__} has no call.")

    def prepare(self, argument: tf.Tensor | None, world: World) -> tuple[tuple[tf.Tensor, ...], Any]:
        """Computes what depends on no attention, once for all steps of all programs.

        A layer overrides this and `finish` to save work; else all is left to `call`.

        Args:
            argument: as in `call`, but ``[B, ...]`` of any layout.
            world: the worlds.

        Returns:
            Tensors ``[B, ..., n]`` of the instances, of which `finish` is given one step at a time, and what all
            instances share.
        """
        return () if argument is None else (argument[..., None],), world

    def finish(self, prepared: tuple[tf.Tensor, ...], shared: Any, *attentions: tf.Tensor) -> tf.Tensor:
        """Computes the module, given what `prepare` made for these instances ``[B, S, n]``, and the attentions."""
        return self.call(prepared[0][..., 0] if prepared else None, shared, *attentions)
