"""How much better than expected each step of an episode was, by a baseline that is fitted to each task."""

import tensorflow as tf

from tfmeta.rl.episodes import Episodes

__all__ = ["advantages_of", "baseline_features", "discounted_sums", "linear_baseline"]

_RIDGE = 1e-5


def discounted_sums(x: tf.Tensor, discount: float) -> tf.Tensor:
    r"""Returns :math:`\sum_{s \ge t} \gamma^{s-t} x_s` for each step t.

    Args:
        x: a number for each step, ``[..., T]``.
        discount: γ.

    Example:
        >>> discounted_sums(tf.constant([1.0, 0.0, 4.0]), 0.5).numpy().tolist()
        [2.0, 2.0, 4.0]
    """
    steps = tf.range(tf.shape(x)[-1])
    later = steps[:, None] - steps[None]  # [s, t]
    # One product with a triangular matrix; a loop over the steps would take many times as long.
    powers = tf.where(later >= 0, tf.cast(discount, x.dtype) ** tf.cast(tf.maximum(later, 0), x.dtype), 0.0)
    return tf.tensordot(x, powers, 1)


def baseline_features(episodes: Episodes) -> tf.Tensor:
    """Returns what the baseline is linear in, ``[B, K, T, 2 D + 4]``.

    These are the observation, its squares, the first three powers of the time in hundreds of steps, and 1.

    Reference:
        Duan et al. 2016, Benchmarking Deep Reinforcement Learning for Continuous Control, section 4.
    """
    seen = tf.clip_by_value(episodes.observation, -10.0, 10.0)
    time = tf.cast(tf.range(tf.shape(seen)[2]), seen.dtype)[:, None] / 100.0
    powers = tf.concat([time, time**2, time**3, tf.ones_like(time)], axis=1)
    powers = tf.broadcast_to(powers, tf.concat([tf.shape(seen)[:3], [4]], axis=0))
    return tf.concat([seen, seen**2, powers], axis=-1)


def linear_baseline(episodes: Episodes, discount: float) -> tf.Tensor:
    """Fits the discounted returns of each task by ridge regression, and returns the fit, ``[B, K, T]``.

    Args:
        episodes: of B tasks.
        discount: of rewards, γ.
    """
    # In float64, since the powers of the time are nearly linear combinations of each other.
    features = tf.cast(baseline_features(episodes), tf.float64)
    shape = tf.shape(features)
    rows = tf.reshape(features, [shape[0], -1, features.shape[-1]])  # [B, K * T, F]
    weight = tf.reshape(tf.cast(episodes.going, tf.float64), [shape[0], -1, 1])
    returns = tf.cast(discounted_sums(episodes.reward, discount), tf.float64)
    target = tf.reshape(returns, [shape[0], -1, 1])
    gram = tf.matmul(rows * weight, rows, transpose_a=True)
    gram += _RIDGE * tf.eye(features.shape[-1], dtype=tf.float64)
    factor = tf.linalg.cholesky(gram)
    solution = tf.linalg.cholesky_solve(factor, tf.matmul(rows * weight, target, transpose_a=True))
    return tf.cast(tf.reshape(tf.matmul(rows, solution), shape[:3]), tf.float32)


def advantages_of(episodes: Episodes, *, discount: float = 0.99, gae_lambda: float = 1.0) -> tf.Tensor:
    r"""Returns the advantage of each step, with mean 0 and standard deviation 1 over the steps of a task.

    .. math::
        A_t = \sum_{s \ge t} (\gamma\lambda)^{s-t} \delta_s, \quad
        \delta_s = r_s + \gamma V(s_{s+1}) - V(s_s)

    V is `linear_baseline`, and 0 after the end of an episode.

    Args:
        episodes: of B tasks.
        discount: γ.
        gae_lambda: λ; with 1, A is the discounted return less V.

    Returns:
        ``[B, K, T]``; 0 after the end of an episode.

    Example:
        >>> x = tf.zeros([1, 2, 1, 3])  # two episodes of one step, with the rewards 1 and 0
        >>> episodes = Episodes(x, x, reward=tf.constant([[[1.0], [0.0]]]), going=tf.ones([1, 2, 1]))
        >>> advantages_of(episodes).numpy().round(3).tolist()
        [[[1.0], [-1.0]]]

    Reference:
        Schulman et al. 2016, High-Dimensional Continuous Control Using Generalized Advantage Estimation, eq. 16.
    """
    going = episodes.going
    value = linear_baseline(episodes, discount) * going
    following = tf.concat([value[..., 1:], tf.zeros_like(value[..., :1])], axis=-1)
    deltas = episodes.reward + discount * following - value
    raw = discounted_sums(deltas, discount * gae_lambda) * going
    steps = tf.reduce_sum(going, axis=[1, 2], keepdims=True)
    mean = tf.reduce_sum(raw, axis=[1, 2], keepdims=True) / steps
    centred = (raw - mean) * going
    variance = tf.reduce_sum(centred**2, axis=[1, 2], keepdims=True) / steps
    return centred / (tf.sqrt(variance) + 1e-8)
