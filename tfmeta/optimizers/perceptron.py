"""Perceptrons that tell images apart, and the variants that a learnt rule is transferred to."""

from collections.abc import Sequence

import keras
import numpy as np

from tfmeta.core.checks import check
from tfmeta.networks.mlp import mlp
from tfmeta.optimizers.keras_problem import KerasProblem

__all__ = ["perceptron_problem"]


def perceptron_problem(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    hidden: Sequence[int] = (20,),
    activation: str = "sigmoid",
    batch_size: int = 128,
) -> KerasProblem:
    """Builds the training of a perceptron as a problem.

    The paper trains a rule on one hidden layer of 20 sigmoid units, and asks how it does on 40 units, on two layers,
    and on ReLU, where it fails.

    Args:
        images: uint8 or float32 ``[items, ...]``; flattened.
        labels: integers ``[items]`` from 0.
        hidden: sizes of the hidden layers.
        activation: of the hidden layers.
        batch_size: images of a minibatch, M.

    Returns:
        The problem; its loss is the cross-entropy of a minibatch.

    Raises:
        ValueError: where images and labels differ in number.

    Example:
        >>> from tfmeta.data.digits import load_digits
        >>> problem = perceptron_problem(*load_digits())
        >>> [parameter.shape for parameter in problem.initial([0, 7], count=1)]
        [TensorShape([1, 784, 20]), TensorShape([1, 20]), TensorShape([1, 20, 10]), TensorShape([1, 10])]

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, section 3.2.
    """
    check(len(images) > 0, "there are no images; expected at least one.")
    images = np.reshape(images, [len(images), -1])
    network = mlp(images.shape[1], hidden, int(np.max(labels)) + 1, activation=activation, seed=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return KerasProblem(network, loss, images, np.asarray(labels, np.int32), batch_size)
