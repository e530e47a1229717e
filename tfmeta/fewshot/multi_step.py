"""The multi-step loss of MAML++: how much the queries' loss after each inner step counts."""

import tensorflow as tf

__all__ = ["multi_step_weights"]


def multi_step_weights(step: int | tf.Tensor, inner_steps: int, until: int) -> tf.Tensor:
    """Returns the importance ``v_i`` of the queries' loss after each inner step.

    The multi-step loss is ``Σ_i v_i L(f_{θ_i})``. Each ``v_i`` starts at ``1 / inner_steps``; all but the last fall
    along a line to 0, which they reach at the training step `until`, and the last rises to 1.

    Args:
        step: the number of the training step.
        inner_steps: how many losses there are.
        until: the training step from which on only the last loss counts.

    Returns:
        The importances ``[inner_steps]``, which sum to 1.

    Example:
        >>> [multi_step_weights(step, 4, until=100).numpy().tolist() for step in (0, 50, 100)]
        [[0.25, 0.25, 0.25, 0.25], [0.125, 0.125, 0.125, 0.625], [0.0, 0.0, 0.0, 1.0]]

    Reference:
        Antoniou, Edwards, Storkey. "How to train your MAML." ICLR 2019, section 4.
    """
    left = tf.maximum(1.0 - tf.cast(step, tf.float32) / until, 0.0) / inner_steps
    return tf.concat([tf.fill([inner_steps - 1], left), [1.0 - (inner_steps - 1) * left]], axis=0)
