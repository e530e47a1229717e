"""A learner and tasks of your own: class means that are compared by cosine, and gratings that are drawn by code."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core import setting
from tfmeta.core.tasks import PARTS
from tfmeta.data import Classes, ClassTasks
from tfmeta.fewshot import FewShotLearner, StateSize
from tfmeta.fewshot.methods import EpisodeTraining, FewShotMethod
from tfmeta.recipes.recipe import Recipe


@keras.saving.register_keras_serializable("cosine_gratings")
class CosineLearner(FewShotLearner):
    """Compares the embedding of a query with the mean embedding of each class by cosine."""

    def __init__(self, network, **kwargs):
        super().__init__(network, **kwargs)
        self.scale = self.add_weight(name="scale", initializer=keras.initializers.Constant(10.0))
        self.features = network.output_shape[-1]

    def embed(self, x, training):
        """Embeds items ``[B, M, ...]`` as unit vectors ``[B, M, D]``."""
        embedded = self.network(tf.reshape(x, [-1, *self.network.input_shape[1:]]), training=training)
        return tf.math.l2_normalize(tf.reshape(embedded, [tf.shape(x)[0], -1, self.features]), axis=-1)

    def adapt(self, support_x, support_y, training=False):
        members = tf.one_hot(support_y, tf.cast(tf.reduce_max(support_y), tf.int32) + 1)  # [B, S, N]
        means = tf.matmul(members, self.embed(support_x, training), transpose_a=True)  # [B, N, D]
        return tf.reshape(tf.math.l2_normalize(means, axis=-1), [tf.shape(means)[0], -1])

    def respond(self, task_state, query_x, training=False):
        means = tf.reshape(task_state, [tf.shape(task_state)[0], -1, self.features])
        return self.scale * tf.matmul(self.embed(query_x, training), means, transpose_b=True)  # [B, Q, N]

    @property
    def state_size(self):
        return StateSize(0, step=self.features)  # D numbers a class


@dataclasses.dataclass(frozen=True)
class Cosine(FewShotMethod):
    """The cosine classifier, with an embedding of two convolutions."""

    takes = ClassTasks
    name, title, paper = "cosine", "Cosine classifier", "Gidaris, Komodakis, CVPR 2018"
    does = "Tells {items} apart by the angle to the mean of a few examples of each."

    features: int = setting(32, "numbers of an embedding", least=1)

    def training(self, tasks):
        return EpisodeTraining(ways=10, queries=5, steps=500, learning_rate=3e-3, test_ways=5).fitted(tasks)

    def learner(self, tasks, training):
        start = {"kernel_initializer": keras.initializers.GlorotUniform(training.seed)}
        layers = [
            keras.Input(tasks.item_shape),
            keras.layers.Conv2D(16, 3, 2, activation="relu", **start),
            keras.layers.Conv2D(32, 3, 2, activation="relu", **start),
            keras.layers.Flatten(),
            keras.layers.Dense(self.features, **start),
        ]
        return CosineLearner(keras.Sequential(layers))


@dataclasses.dataclass(frozen=True)
class GratingTasks(ClassTasks):
    """Gratings in noise; the direction of its stripes is the class of a picture."""

    name, items, source = "gratings", "gratings", "36 classes of 20 pictures, drawn by code"
    item_shape, reading = (16, 16, 1), "grey"

    noise: float = setting(0.2, "standard deviation of the noise in a picture", least=0)

    def classes(self, part):
        directions = range(5 * PARTS.index(part), 180, 15)  # no direction is in two parts
        y, x = np.mgrid[:16, :16]
        items = []
        for degrees in directions:
            random = np.random.default_rng(degrees)
            across = x * np.cos(np.deg2rad(degrees)) + y * np.sin(np.deg2rad(degrees))
            stripes = np.sin(2 * np.pi * (across / 5 + random.random([20, 1, 1])))
            pictures = 0.5 + 0.4 * stripes + self.noise * random.standard_normal(stripes.shape)
            items.append(np.clip(pictures, 0, 1)[..., None].astype(np.float32))
        return Classes(tuple(f"{degrees} degrees" for degrees in directions), items)


COSINE_GRATINGS = Recipe("cosine-gratings", GratingTasks(), Cosine(), Cosine().training(GratingTasks()))
