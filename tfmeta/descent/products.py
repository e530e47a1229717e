"""Products of many small matrices."""

import tensorflow as tf

__all__ = ["products"]


def products(ones: tf.Tensor, others: tf.Tensor, transpose_b: bool = False) -> tf.Tensor:
    """Multiplies each of many small matrices by one of its own, as ``tf.matmul`` does.

    Where ``tf.matmul`` uses oneDNN, it divides each call among all threads. For small matrices waiting for the threads
    takes two to three times as long as the product. This operation has no version of oneDNN.

    Args:
        ones: ``[..., N, K]``, float32.
        others: ``[..., K, P]``, or ``[..., P, K]`` with `transpose_b`.
        transpose_b: multiplies by the transposed of the second ones.

    Returns:
        ``[..., N, P]``.

    Example:
        >>> products(tf.ones([4, 3, 2]), tf.ones([4, 2, 5])).shape
        TensorShape([4, 3, 5])
    """
    return tf.raw_ops.BatchMatMulV3(x=ones, y=others, Tout=tf.float32, adj_y=transpose_b)
