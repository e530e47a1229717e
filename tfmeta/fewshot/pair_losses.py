"""The losses of Siamese networks, over any set of pairs."""

import tensorflow as tf

__all__ = ["contrastive_loss", "verification_loss"]


def contrastive_loss(
    distances: tf.Tensor, same: tf.Tensor, different: tf.Tensor, margin: float, hard_pairs: bool = False
) -> tf.Tensor:
    """Pulls pairs of one class together, and pushes pairs of two classes apart to a margin.

        ||φ(a) - φ(b)|| for the same class,    max(margin - ||φ(a) - φ(b)||, 0) for different ones.

    The two kinds have equal weight, however many pairs of each there are.

    Args:
        distances: ``||φ(a) - φ(b)||`` of each pair, of any shape.
        same: which pairs are of one class, boolean, of that shape.
        different: which are of two classes; a pair that is neither does not count.
        margin: the distance beyond which different classes are far enough apart.
        hard_pairs: takes the mean over those different pairs alone that are within the margin. When few are
            left, they are then pushed as strongly as when they were many. The two kinds of pairs balance where
            those of the mean are equally far apart, so that the loss itself stays near half the margin: watch
            the accuracy.

    Returns:
        A scalar.

    Example:
        >>> distances = tf.constant([0.5, 0.25, 3.0])
        >>> same = tf.constant([True, False, False])
        >>> contrastive_loss(distances, same, ~same, margin=1.0).numpy()
        np.float32(0.4375)

    Reference:
        Hadsell, Chopra, LeCun. "Dimensionality Reduction by Learning an Invariant Mapping." CVPR 2006. There
        distances are squared; here, as in the lecture, they are not.
    """
    counted = different & (distances < margin) if hard_pairs else different
    return _balanced(distances, tf.nn.relu(margin - distances), same, counted)


def verification_loss(log_odds: tf.Tensor, same: tf.Tensor, different: tf.Tensor) -> tf.Tensor:
    """The cross-entropy of saying which pairs are of one class; both kinds have equal weight.

    Args:
        log_odds: of each pair being of one class, of any shape.
        same: which pairs are of one class, boolean, of that shape.
        different: which are of two classes; a pair that is neither does not count.

    Returns:
        A scalar.
    """
    return _balanced(tf.nn.softplus(-log_odds), tf.nn.softplus(log_odds), same, different)


def _balanced(
    if_same: tf.Tensor, if_different: tf.Tensor, same: tf.Tensor, different: tf.Tensor
) -> tf.Tensor:
    return 0.5 * (_mean_over(if_same, same) + _mean_over(if_different, different))


def _mean_over(losses: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    chosen = tf.cast(chosen, losses.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * chosen), tf.reduce_sum(chosen))
