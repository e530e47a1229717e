"""The weights of a module, named as in its equation."""

from collections.abc import Sequence

import keras
import tensorflow as tf

__all__ = ["Weights", "linear"]


class Weights:
    """Adds weights to a layer, each with initial values of its own, which are the same for the same seed.

    Args:
        layer: the layer.
        seed: of the initial values; without it they differ at every call.
    """

    def __init__(self, layer: keras.layers.Layer, seed: int | None):
        seeds = keras.random.SeedGenerator(seed)
        self._layer = layer
        self._initial = {
            "glorot": keras.initializers.GlorotUniform(seed=seeds),
            "normal": keras.initializers.RandomNormal(stddev=1.0, seed=seeds),
            "small": keras.initializers.RandomNormal(stddev=0.1, seed=seeds),
            "zeros": "zeros",
        }

    def __call__(self, name: str, shape: Sequence[int], initial: str = "glorot") -> keras.Variable:
        """Adds a weight whose initial values are ``"glorot"``, ``"normal"``, ``"small"`` or ``"zeros"``."""
        return self._layer.add_weight(shape=shape, initializer=self._initial[initial], name=name)


def linear(x: tf.Tensor, kernel: keras.Variable) -> tf.Tensor:
    """Multiplies the last dimension of `x` with a matrix, as one product whatever dimensions are before it."""
    return tf.tensordot(x, tf.convert_to_tensor(kernel), 1)
