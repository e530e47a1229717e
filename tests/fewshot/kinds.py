"""Tiny networks of each kind of layer that learners by gradient steps meet."""

from collections.abc import Callable

import keras
import numpy as np

WAYS = 2
L = keras.layers


@keras.saving.register_keras_serializable("tests")
class Doubled(keras.layers.Layer):
    """A layer of somebody's own."""

    def call(self, x):
        return 2 * x


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A model of somebody's own, which says nothing of its inputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = L.Dense(3, activation="tanh"), L.Dense(WAYS)

    def call(self, x):
        return self.second(self.first(x))


def subclassed():
    network = Subclassed()
    network(np.zeros([1, 3], np.float32))
    return network


def images(*layers):
    return keras.Sequential([keras.Input([4, 4, 2]), *layers, L.Flatten(), L.Dense(WAYS)])


def sequences(*layers):
    return keras.Sequential([keras.Input([3, 2]), *layers, L.Dense(WAYS)])


def words(*layers):
    return keras.Sequential([keras.Input([3], dtype="int32"), *layers, L.Dense(WAYS)])


def branches():
    x = keras.Input([3])
    joined = keras.ops.tanh(L.Dense(2)(x) + L.Dense(2)(x))
    return keras.Model(x, L.Dense(WAYS)(joined))


def lora():
    network = keras.Sequential([keras.Input([3]), L.Dense(3), L.Dense(WAYS)])
    network.layers[0].enable_lora(1)
    return network


def frozen_backbone():
    backbone = keras.Sequential([keras.Input([4, 4, 2]), L.Conv2D(2, 2), L.BatchNormalization()])
    backbone.trainable = False
    return images(backbone)


KINDS: dict[str, Callable[[], keras.Model]] = {
    "dense": lambda: keras.Sequential([keras.Input([3]), L.Dense(3, activation="tanh"), L.Dense(WAYS)]),
    "convolution": lambda: images(L.Conv2D(2, 2)),
    "batch-normalization": lambda: images(L.BatchNormalization()),
    "batch-normalization-over-rows": lambda: images(L.BatchNormalization(axis=1)),
    "layer-normalization": lambda: images(L.LayerNormalization()),
    "group-normalization": lambda: images(L.GroupNormalization(1)),
    "rms-normalization": lambda: images(L.RMSNormalization()),
    "depthwise": lambda: images(L.DepthwiseConv2D(2)),
    "separable": lambda: images(L.SeparableConv2D(2, 2)),
    "transposed": lambda: images(L.Conv2DTranspose(2, 2)),
    "prelu": lambda: images(L.PReLU()),
    "lambda": lambda: images(L.Lambda(lambda x: x / 2)),
    "own-layer": lambda: images(Doubled()),
    "convolution-1d": lambda: sequences(L.Conv1D(2, 2), L.Flatten()),
    "masked": lambda: sequences(L.Masking(), L.GlobalAveragePooling1D()),
    "lstm": lambda: sequences(L.LSTM(2)),
    "gru": lambda: sequences(L.GRU(2)),
    "rnn": lambda: sequences(L.SimpleRNN(2)),
    "no-dropout": lambda: sequences(L.Flatten(), L.Dropout(0.0)),
    "embedding": lambda: words(L.Embedding(5, 2), L.GlobalAveragePooling1D()),
    "masked-embedding": lambda: words(L.Embedding(5, 2, mask_zero=True), L.GlobalAveragePooling1D()),
    "lora": lora,
    "functional": branches,
    "subclassed": subclassed,
    "frozen-backbone": frozen_backbone,
}


def items(network, *leading, seed=0):
    """Draws items for a network; ids where it takes integers."""
    random = np.random.RandomState(seed)
    shape = [*leading, *network.input_shape[1:]]
    if network.inputs[0].dtype == "int32":
        return random.randint(5, size=shape).astype(np.int32)
    return random.randn(*shape).astype(np.float32)
