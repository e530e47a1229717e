"""Reads a demonstration: an embedding of each object at each step."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.imitation.demonstration import Demonstration
from tfmeta.imitation.neighbourhood import NeighbourhoodAttention

__all__ = ["DemonstrationNetwork"]

_KERNEL = 3


@keras.saving.register_keras_serializable("tfmeta")
class DemonstrationNetwork(keras.Layer):
    """Blocks of neighbourhood attention over the objects of a step, and of dilated convolution over the steps.

    The embedding grows with the number of steps and of objects. In block k the convolution sees steps that are 2^k
    apart. Both parts of a block are added to what came in, and normalised.

    Args:
        units: numbers of an embedding.
        blocks: how many.
        keys: of `NeighbourhoodAttention`.
        heads: of `NeighbourhoodAttention`.
        seed: of the initial weights.

    Example:
        >>> network = DemonstrationNetwork(units=8, blocks=2, seed=0)
        >>> network.build((3, 2))
        >>> shown = Demonstration(tf.ones([4, 6, 3, 3]), tf.ones([4, 3], tf.bool), tf.ones([4, 6, 2]), tf.fill([4], 6))
        >>> network(shown).shape
        TensorShape([4, 6, 3, 8])

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 4.1.
    """

    def __init__(
        self, units: int, blocks: int = 2, *, keys: int = 32, heads: int = 2, seed: Any = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.units, self.blocks, self.keys, self.heads, self.seed = units, blocks, keys, heads, seed
        glorot = keras.initializers.GlorotUniform(seed)
        self.enter = keras.layers.Dense(units, "relu", kernel_initializer=glorot)
        self.attention = [
            NeighbourhoodAttention(units, keys=keys, heads=heads, seed=seed) for _ in range(blocks)
        ]
        self.convolution = [
            keras.layers.Conv1D(
                units, _KERNEL, padding="same", dilation_rate=2**block, kernel_initializer=glorot
            )
            for block in range(blocks)
        ]
        self.norms = [keras.layers.LayerNormalization() for _ in range(2 * blocks)]

    def build(self, sizes: tuple[int, int]) -> None:
        """Makes the weights.

        Args:
            sizes: numbers of an object and of the body, D and E.
        """
        objects, body = sizes
        self.enter.build([None, objects + body])
        for block in range(self.blocks):
            self.attention[block].build((None, None, self.units), (None, None, objects), (None, body))
            self.convolution[block].build((None, None, self.units))
        for norm in self.norms:
            norm.build((None, None, self.units))
        self.built = True

    def call(self, shown: Demonstration) -> tf.Tensor:
        """Reads demonstrations; all their steps count.

        Args:
            shown: B demonstrations of K steps.

        Returns:
            The embeddings, ``[B, K, N, units]``; zeros where there is no object.
        """
        batch, steps, most = tf.shape(shown.body)[0], tf.shape(shown.body)[1], shown.objects.shape[2]
        objects = tf.reshape(shown.objects, [batch * steps, most, shown.objects.shape[3]])
        body = tf.reshape(shown.body, [batch * steps, shown.body.shape[2]])
        present = tf.repeat(shown.present, steps, axis=0)
        robot = tf.repeat(body[:, None], most, axis=1)
        hidden = self.enter(tf.concat([objects, robot], axis=-1))  # [B * K, N, units]
        for block in range(self.blocks):
            told = self.attention[block](hidden, objects, body, present)
            hidden = self.norms[2 * block](hidden + tf.nn.relu(told))
            rows = tf.transpose(tf.reshape(hidden, [batch, steps, most, self.units]), [0, 2, 1, 3])
            rows = tf.reshape(rows, [batch * most, steps, self.units])
            rows = self.norms[2 * block + 1](rows + tf.nn.relu(self.convolution[block](rows)))
            rows = tf.transpose(tf.reshape(rows, [batch, most, steps, self.units]), [0, 2, 1, 3])
            hidden = tf.reshape(rows, [batch * steps, most, self.units])
        hidden = tf.reshape(hidden, [batch, steps, most, self.units])
        return tf.where(shown.present[:, None, :, None], hidden, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "blocks": self.blocks,
            "keys": self.keys,
            "heads": self.heads,
            "seed": self.seed,
        }
