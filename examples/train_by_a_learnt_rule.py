"""Trains a perceptron on MNIST for two hundred updates by a rule that was learnt: there is no rate to tune."""

import keras

import tfmeta
from tfmeta.data.labelled_images import load_mnist

x, y = load_mnist("train")
model = keras.Sequential(
    [keras.layers.Flatten(), keras.layers.Dense(20, "sigmoid"), keras.layers.Dense(10, "softmax")]
)
optimizer = tfmeta.optimizers.LearnedOptimizer.from_saved("lstm_optimizer_mnist")
model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x / 255, y, batch_size=128, steps_per_epoch=200)
