"""Teaches a module network with a module of your own, `not`: is any shape red, and is any not?"""

import keras
import numpy as np
import tensorflow as tf

from tfmeta.modules import ModuleLayer, ModuleNetwork, ModuleSpec, pad_layouts, parse_layout
from tfmeta.modules.library.exists import EXISTS
from tfmeta.modules.library.find import FIND


@keras.saving.register_keras_serializable("mine")
class Not(ModuleLayer):
    """Attends to what is not attended to."""

    def call(self, argument, world, h):
        return (1.0 - h) * world.mask[:, None]


NOT = ModuleSpec("not", takes=1, layer=Not)

random = np.random.default_rng(0)
red = random.integers(2, size=[32, 4]).astype("float32")  # 32 worlds of four shapes
red[::3], red[1::3] = 0, 1
negated = np.arange(32) % 2 == 0  # what is asked of each
network = ModuleNetwork(
    ["red"], ["any", "not"], ["no", "yes"], modules=(FIND, EXISTS, NOT), features=1, choice="first", seed=0,
    attention="sigmoid", form="product",
)  # fmt: skip
texts = ["(exists (not find[red]))" if no else "(exists find[red])" for no in negated]
asked = {
    "question": tf.constant(np.where(negated, "is any not red", "is any red")),
    "layouts": tf.constant(pad_layouts([[parse_layout(text, network.modules)] for text in texts])),
    "features": tf.constant(red[..., None]),
}
right = np.where(negated, red.min(axis=1) < 1, red.max(axis=1) > 0)
network.compile(keras.optimizers.Adam(0.05))
network.fit(
    tf.data.Dataset.from_tensors((asked, right.astype("int32"))).repeat(200), shuffle=False, verbose=0
)
answers = np.argmax(network(asked)["answers"], axis=1)
print(f"{np.sum(answers == right)} of {len(right)} answers are right")
