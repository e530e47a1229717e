"""Choosing actions at random without hidden state: a pure function of a seed a row."""

import tensorflow as tf

__all__ = ["choose", "normal", "uniform"]

# Steele, Lea & Flood 2014, Fast Splittable Pseudorandom Number Generators, figure 16.
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST = 31
_KEPT = 24  # bits of a float32's mantissa, its hidden one included


def uniform(seed: tf.Tensor) -> tf.Tensor:
    """Draws a number from [0, 1) for each seed, by the mixing function of SplitMix64.

    TensorFlow's own stateless operations take one seed for the whole tensor, so that what a row gets would depend on
    the rows beside it.

    Args:
        seed: of any shape, int64. Seeds that follow each other will do.

    Returns:
        As many numbers, float32.

    Example:
        >>> [f"{number:.3f}" for number in uniform(tf.constant([1, 2, 1], tf.int64))]
        ['0.567', '0.591', '0.567']
    """
    z = tf.bitwise.right_shift(_mixed(tf.cast(seed, tf.uint64)), tf.constant(64 - _KEPT, tf.uint64))
    return tf.cast(tf.cast(z, tf.int64), tf.float32) * 2.0**-_KEPT


def normal(seed: tf.Tensor, size: int) -> tf.Tensor:
    """Draws `size` numbers from the standard normal distribution for each seed.

    Args:
        seed: of any shape ``[...]``, int64. Seeds that follow each other will do.
        size: numbers for each.

    Returns:
        ``[..., size]``, float32.

    Example:
        >>> [f"{number:.2f}" for number in normal(tf.constant(1, tf.int64), 3)]
        ['-0.34', '0.07', '0.64']
    """
    # A seed that is mixed in before its numbers are counted keeps those of neighbouring seeds apart.
    mixed = tf.cast(_mixed(tf.cast(seed, tf.uint64)), tf.int64)
    chances = uniform(mixed[..., None] + tf.range(size, dtype=tf.int64))
    return tf.math.ndtri(tf.clip_by_value(chances, 2.0**-25, 1.0 - 2.0**-_KEPT))


def choose(probabilities: tf.Tensor, seed: tf.Tensor, *, greedy: bool = False) -> tf.Tensor:
    """Draws an action for each row.

    Args:
        probabilities: of the actions, ``[B, A]``.
        seed: ``[B]`` int64.
        greedy: takes the likeliest action instead of drawing one.

    Returns:
        The actions, ``[B]`` int32.

    Example:
        >>> choose(tf.constant([[0.0, 1.0], [1.0, 0.0]]), tf.constant([7, 7], tf.int64)).numpy().tolist()
        [1, 0]
    """
    if greedy:
        return tf.argmax(probabilities, axis=1, output_type=tf.int32)
    steps = tf.cumsum(probabilities, axis=1)
    # Scaled, since rounding may end the ladder below 1, and an action without any probability must not be drawn.
    luck = uniform(seed)[:, None] * steps[:, -1:]
    return tf.reduce_sum(tf.cast(luck >= steps[:, :-1], tf.int32), axis=1)


def _mixed(z: tf.Tensor) -> tf.Tensor:
    """Maps 64 bits to 64 bits that look random."""
    z += tf.constant(_GOLDEN, tf.uint64)
    for shift, factor in _MIX:
        z = _fold(z, shift) * tf.constant(factor, tf.uint64)
    return _fold(z, _LAST)


def _fold(z: tf.Tensor, shift: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(z, tf.bitwise.right_shift(z, tf.constant(shift, tf.uint64)))
