"""How a choice among candidates is made and learnt, given their scores."""

import tensorflow as tf

__all__ = ["divergence", "expected_loss", "marginal_loss", "reinforce_loss", "sample_choice"]


def sample_choice(scores: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws a candidate for each question, by the softmax of the scores.

    Args:
        scores: ``[B, M]``.
        seed: two integers; the same ones draw the same.

    Returns:
        Numbers of candidates, ``[B]`` int32.

    Example:
        >>> sample_choice(tf.constant([[0.0, -1e9], [-1e9, 0.0]]), [0, 1]).numpy().tolist()
        [0, 1]
    """
    return tf.random.stateless_categorical(scores, 1, seed, tf.int32)[:, 0]


def reinforce_loss(scores: tf.Tensor, choice: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """Computes a loss whose gradient is that of REINFORCE: ``-∇ log p(z | x) (r - b)``.

    The reward ``r`` is minus the loss of the answer, and its baseline ``b`` is the mean reward of the other questions
    of the batch, which the choice for this one has not touched, so that the gradient stays unbiased.

    Args:
        scores: ``[B, M]``.
        choice: the candidates that were drawn, ``[B]``.
        losses: of the answers, ``[B]``.

    Returns:
        A scalar; its value means nothing.

    Example:
        >>> scores = tf.Variable([[0.0, 0.0], [0.0, 0.0]])
        >>> with tf.GradientTape() as tape:
        ...     loss = reinforce_loss(scores, tf.constant([0, 0]), tf.constant([1.0, 3.0]))
        >>> tape.gradient(loss, scores).numpy().tolist()  # the first candidate did better than usual, then worse
        [[-0.5, 0.5], [0.5, -0.5]]

    Reference:
        Williams. "Simple statistical gradient-following algorithms for connectionist reinforcement learning." 1992.
    """
    count = tf.cast(tf.size(losses), losses.dtype)
    others = tf.math.divide_no_nan(tf.reduce_sum(losses) - losses, count - 1.0)
    advantage = tf.stop_gradient(others - losses)
    chosen = tf.gather(tf.nn.log_softmax(scores), choice, axis=1, batch_dims=1)
    return -tf.reduce_mean(chosen * advantage)


def expected_loss(scores: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """Averages the losses of all candidates by their probabilities.

    Args:
        scores: ``[B, M]``.
        losses: of the answers of each candidate, ``[B, M]``.

    Returns:
        ``[B]``.

    Example:
        >>> expected_loss(tf.constant([[0.0, 0.0, -1e9]]), tf.constant([[1.0, 3.0, 9.0]])).numpy().tolist()
        [2.0]
    """
    return tf.reduce_sum(tf.nn.softmax(scores) * losses, axis=-1)


def marginal_loss(scores: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """Sums the likelihoods of the answer over all candidates, by their probabilities.

        -log p(y | x) = -log Σ_z p(z | x) e^{-ℓ(z)}

    A candidate is pushed towards its share in the answer, and not by how bad the others are. So what is seldom right
    is not driven out by the bulk of the questions before the chooser has learnt when it is: with `expected_loss` a
    probability that has fallen to nothing has no gradient any more.

    Args:
        scores: ``[B, M]``.
        losses: of the answers of each candidate, minus the logarithms of their likelihoods, ``[B, M]``.

    Returns:
        ``[B]``.

    Example:
        >>> marginal_loss(tf.constant([[0.0, 0.0, -1e9]]), tf.constant([[1.0, 1.0, 0.0]])).numpy().tolist()
        [1.0]
    """
    return -tf.reduce_logsumexp(tf.nn.log_softmax(scores) - losses, axis=-1)


def divergence(scores: tf.Tensor, prior: tf.Tensor) -> tf.Tensor:
    """Says how far the choice has left what was believed beforehand: ``KL(p(z | x) || p(z))``, ``[B]`` in nats.

    Where all candidates were equally likely it is a constant less the entropy of the choice.

    Args:
        scores: ``[B, M]``.
        prior: likewise.

    Example:
        >>> divergence(tf.constant([[9.0, 9.0, -1e9]]), tf.constant([[0.0, 0.0, -1e9]])).numpy().round(2)
        array([0.], dtype=float32)
    """
    gained = tf.nn.log_softmax(scores) - tf.nn.log_softmax(prior)
    return tf.reduce_sum(tf.nn.softmax(scores) * gained, axis=-1)
