"""Trains a Keras network of your own as MAML, and exports it for `tfmeta serve --model_base_path my_models`."""

import keras

from tfmeta.core import Card, episodes, export
from tfmeta.data import glyphs
from tfmeta.fewshot import MAML, few_shot_servable

network = keras.Sequential([
    keras.Input([28, 28, 1]),
    keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
    keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(5),  # the logits of five classes, without a softmax
])  # fmt: skip
classes = glyphs(200)  # or a list that holds an array of items for each class
tasks = episodes(classes, ways=5, shots=1, queries=3, batch_size=4)

learner = MAML(network, inner_rate=0.1, learn_rates=True)
learner.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
learner.fit(tasks, steps_per_epoch=100, epochs=2, shuffle=False, verbose=2)
example, card = next(iter(tasks))[0], Card("Tells five glyphs apart after one example of each.")
export(few_shot_servable(learner, "my_maml", example_episode=example, card=card), "my_models")
