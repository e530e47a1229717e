"""Neighbourhood attention: each object of a scene asks all objects about themselves."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["NeighbourhoodAttention", "attend"]

_VERY_NEGATIVE = -1e9


@keras.saving.register_keras_serializable("tfmeta")
class NeighbourhoodAttention(keras.Layer):
    r"""Lets each object gather what it needs from all objects, itself among them:

    .. math::
        w_{ij} = v^\top \tanh(q_i + c_j), \qquad
        \text{result}_i = \sum_j \operatorname{softmax}_j(w_{ij})\, [x_j, h_j], \qquad
        \text{output}_i = \text{Linear}([h_i, \text{result}_i, x_i, s])

    q and c are linear in h. x are the places of the objects, and s is the state of the robot. The layer is the same for
    all objects. So it works for any number of them, and another order of the objects is another order of the outputs.

    ====  ==================================
    R     scenes, or steps of demonstrations
    N     objects at most
    D     numbers that describe an object
    E     numbers that describe the body
    H     numbers of a hidden state
    ====  ==================================

    Args:
        units: numbers of an output.
        keys: numbers of q and of c.
        heads: how many weights each pair of objects has; their results are joined.
        seed: of the initial weights.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> layer = NeighbourhoodAttention(units=8, keys=4, heads=2, seed=0)
        >>> hidden, places, body = tf.ones([1, 3, 5]), tf.ones([1, 3, 3]), tf.ones([1, 2])
        >>> layer(hidden, places, body, tf.constant([[True, True, False]])).shape
        TensorShape([1, 3, 8])

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 4.2, "neighborhood attention".
    """

    def __init__(self, units: int, *, keys: int = 32, heads: int = 2, seed: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        check(
            min(units, keys, heads) >= 1,
            f"units={units}, keys={keys}, heads={heads}: each must be at least 1.",
        )
        self.units, self.keys, self.heads, self.seed = units, keys, heads, seed
        glorot = keras.initializers.GlorotUniform(seed)
        self.query = keras.layers.Dense(keys, kernel_initializer=glorot)
        self.key = keras.layers.Dense(keys, use_bias=False, kernel_initializer=glorot)
        self.score = keras.layers.Dense(heads, use_bias=False, kernel_initializer=glorot)
        self.linear = keras.layers.Dense(units, kernel_initializer=glorot)

    def build(
        self, hidden_shape: Any, objects_shape: Any, body_shape: Any, present_shape: Any = None
    ) -> None:
        width, place, state = hidden_shape[-1], objects_shape[-1], body_shape[-1]
        self.query.build([None, width])
        self.key.build([None, width])
        self.score.build([None, self.keys])
        self.linear.build([None, width + self.heads * (place + width) + place + state])
        self.built = True

    def weights_of(self, hidden: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Returns how much object i attends to object j, ``[R, heads, N (i), N (j)]``."""
        scores = self.score(tf.tanh(self.query(hidden)[:, :, None] + self.key(hidden)[:, None]))
        scores = tf.transpose(scores, [0, 3, 1, 2])
        return tf.nn.softmax(tf.where(present[:, None, None], scores, _VERY_NEGATIVE))

    def call(self, hidden: tf.Tensor, objects: tf.Tensor, body: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Attends.

        Args:
            hidden: h, ``[R, N, H]``.
            objects: x, ``[R, N, D]``.
            body: s, ``[R, E]``.
            present: which objects there are, ``[R, N]`` bool; at least one in each row.

        Returns:
            The outputs, ``[R, N, units]``. Those of objects that there are not mean nothing.
        """
        result = attend(self.weights_of(hidden, present), tf.concat([objects, hidden], axis=-1))
        robot = tf.repeat(body[:, None], objects.shape[1], axis=1)
        return self.linear(tf.concat([hidden, result, objects, robot], axis=-1))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "keys": self.keys,
            "heads": self.heads,
            "seed": self.seed,
        }


def attend(weights: tf.Tensor, memory: tf.Tensor) -> tf.Tensor:
    """Joins the weighted sums of all heads.

    Args:
        weights: ``[R, heads, N, J]``.
        memory: ``[R, J, M]``.

    Returns:
        The sums, ``[R, N, heads * M]``.

    Example:
        >>> attend(tf.ones([1, 2, 3, 4]), tf.ones([1, 4, 5])).shape
        TensorShape([1, 3, 10])
    """
    summed = tf.transpose(tf.matmul(weights, memory[:, None]), [0, 2, 1, 3])
    return tf.reshape(summed, [-1, summed.shape[1], summed.shape[2] * summed.shape[3]])
