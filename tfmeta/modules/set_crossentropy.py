"""Answers that are sets: their negative log-likelihood, and whether they are right."""

import keras
import tensorflow as tf

__all__ = ["SetCrossentropy", "same_set"]


@keras.saving.register_keras_serializable("tfmeta")
class SetCrossentropy(keras.losses.Loss):
    """Minus the logarithm of the probability of a set, whose members are in it independently of each other.

    It is a sum over members, so that it does not depend on how many places fill up.

    Args:
        epsilon: probabilities are held away from 0 and 1 by this much.
        reduction: of the batch, as in Keras.
        name: name of the loss.

    Example:
        >>> loss = SetCrossentropy()
        >>> round(float(loss(tf.constant([[1.0, 0.0, 0.0]]), tf.constant([[0.5, 0.5, 0.0]]))), 2)
        1.39
    """

    def __init__(
        self,
        epsilon: float = 1e-4,
        reduction: str = "sum_over_batch_size",
        name: str = "set_crossentropy",
        **kwargs: str,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.epsilon = epsilon

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
        inside = self.epsilon + (1.0 - 2.0 * self.epsilon) * y_pred  # not clipped, which would stop gradients
        likelihood = tf.where(y_true > 0.5, inside, 1.0 - inside)
        return -tf.reduce_sum(tf.math.log(likelihood), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("tfmeta")
def same_set(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Says which answers are exactly the right set: every probability is on the right side of a half.

    Args:
        y_true: ones and zeros, ``[..., A + K]``.
        y_pred: probabilities, likewise.

    Returns:
        Ones and zeros, float32 ``[...]``.

    Example:
        >>> same_set(tf.constant([[1.0, 0.0], [1.0, 0.0]]), tf.constant([[0.9, 0.4], [0.9, 0.6]])).numpy().tolist()
        [1.0, 0.0]
    """
    right = (tf.convert_to_tensor(y_true) > 0.5) == (tf.convert_to_tensor(y_pred) > 0.5)
    return tf.cast(tf.reduce_all(right, axis=-1), tf.float32)
