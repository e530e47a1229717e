"""Networks and episodes small enough for finite differences."""

import keras
import numpy as np
import tensorflow as tf

TASKS, WAYS, QUERIES = 2, 2, 5


def dense() -> keras.Model:
    layers = [keras.Input([3]), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(WAYS)]
    return randomized(keras.Sequential(layers))


def convolutional() -> keras.Model:
    return randomized(keras.Sequential([
        keras.Input([6, 6, 1]),
        keras.layers.Conv2D(2, 3, strides=2, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("tanh"),
        keras.layers.Conv2D(2, 2, activation="tanh"),
        keras.layers.Flatten(),
        keras.layers.Dense(WAYS),
    ]))  # fmt: skip


def randomized(network: keras.Model) -> keras.Model:
    """Gives biases, scales and moving statistics values that matter."""
    random = np.random.RandomState(7)
    for variable in network.variables:
        positive = "variance" in variable.name or "gamma" in variable.name
        value = random.uniform(0.5, 1.5, variable.shape) if positive else 0.5 * random.randn(*variable.shape)
        variable.assign(value)
    return network


def episode(network, shots=2, queries=QUERIES, seed=0):
    random = np.random.RandomState(seed)
    item = network.input_shape[1:]
    inputs = {
        "support_x": tf.constant(random.randn(TASKS, WAYS * shots, *item)),
        "support_y": tf.constant(np.tile(np.repeat(np.arange(WAYS), shots), [TASKS, 1])),
        "query_x": tf.constant(random.randn(TASKS, queries, *item)),
    }
    return inputs, tf.constant(random.randint(WAYS, size=[TASKS, queries]))
