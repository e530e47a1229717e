"""Gaussians with independent coordinates, as networks put them out."""

from typing import NamedTuple

import tensorflow as tf

__all__ = ["Gaussian", "divergence", "standard"]


class Gaussian(NamedTuple):
    """A batch of Gaussians with independent coordinates.

    Attributes:
        mean: ``[..., D]``.
        log_variance: ``[..., D]``.
    """

    mean: tf.Tensor
    log_variance: tf.Tensor

    @classmethod
    def from_numbers(cls, numbers: tf.Tensor) -> "Gaussian":
        """Reads the ``2 * D`` numbers that a network puts out for each Gaussian: ``[..., 2*D]``.

        Variances stay within ``exp(±8)``: nothing that a network puts out makes a density overflow.
        """
        mean, log_variance = tf.split(numbers, 2, axis=-1)
        return cls(mean, _BOUND * tf.tanh(log_variance / _BOUND))

    def sample(self, seed: tf.Tensor) -> tf.Tensor:
        """Draws from each, differentiably (the reparametrization ``mean + deviation * noise``): ``[..., D]``.

        Args:
            seed: ``[2]`` integers; the draw is a pure function of it.
        """
        noise = tf.random.stateless_normal(tf.shape(self.mean), seed, dtype=self.mean.dtype)
        return self.mean + tf.exp(0.5 * self.log_variance) * noise


_BOUND = 8.0


def standard(like: Gaussian) -> Gaussian:
    """Returns as many Gaussians of mean 0 and variance 1."""
    return Gaussian(tf.zeros_like(like.mean), tf.zeros_like(like.log_variance))


def divergence(a: Gaussian, b: Gaussian) -> tf.Tensor:
    """Returns the Kullback-Leibler divergence ``KL(a || b)`` in nats, in closed form.

    Args:
        a: ``[..., D]``.
        b: ``[..., D]``; leading dimensions of the two broadcast.

    Returns:
        ``[...]``, never negative, and 0 where the two are the same.

    Example:
        >>> unit = Gaussian(tf.zeros([1, 3]), tf.zeros([1, 3]))
        >>> divergence(Gaussian(tf.ones([1, 3]), tf.zeros([1, 3])), unit).numpy().tolist()
        [1.5]
    """
    ratio = a.log_variance - b.log_variance
    distance = tf.math.squared_difference(a.mean, b.mean) * tf.exp(-b.log_variance)
    return 0.5 * tf.reduce_sum(distance + tf.exp(ratio) - 1.0 - ratio, axis=-1)
