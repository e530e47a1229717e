"""The three policies of the reaching experiment, which differ in how they read a demonstration."""

from abc import abstractmethod
from typing import Any

import keras
import tensorflow as tf

from tfmeta.imitation.demonstration import Demonstration
from tfmeta.imitation.policy import ImitationPolicy, for_scenes
from tfmeta.imitation.world import Observation

__all__ = ["FinalState", "LSTMWithAttention", "PlainLSTM"]

_VERY_NEGATIVE = -1e9


@keras.saving.register_keras_serializable("tfmeta")
class PlainLSTM(ImitationPolicy):
    """Reads the demonstration step by step, and joins the last state of the LSTM to what is observed now.

    Example:
        >>> policy = PlainLSTM(3, 2, 2, 2, units=8, seed=0)
        >>> policy.state_size
        8

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 5.1, "plain LSTM".
    """

    def __init__(self, *sizes: int, **options: Any):
        super().__init__(*sizes, **options)
        seen = self.body_size + self.most_objects * (self.object_size + 1)
        self.reader = _lstm(self)
        self.reader.build([None, None, seen])
        self.hidden = [self.dense(self.units, "relu") for _ in range(2)]
        self.head = self.dense(self.action_size)
        _build([*self.hidden, self.head], self.units + seen)
        self.built = True

    @property
    def state_size(self) -> int:
        return self.units

    def read(self, demonstration: Demonstration) -> tf.Tensor:
        steps = tf.shape(demonstration.body)[1]
        present = tf.repeat(tf.cast(demonstration.present, tf.float32)[:, None], steps, axis=1)
        seen = [demonstration.body, _flat(demonstration.objects), present]
        mask = tf.sequence_mask(demonstration.length, steps)
        return self.reader(tf.concat(seen, axis=-1), mask=mask)

    def act(self, demo_state: tf.Tensor, observation: Observation) -> tf.Tensor:
        seen = [observation.body, _flat(observation.objects), tf.cast(observation.present, tf.float32)]
        x = tf.concat([for_scenes(demo_state, observation), *seen], axis=-1)
        for layer in [*self.hidden, self.head]:
            x = layer(x)
        return x


class _Attending(ImitationPolicy):
    r"""Weighs the objects by the demonstration, and heads for the weighted mean of their places now:

    .. math:: w_i \propto \exp\big(v^\top \tanh(q + c_i)\big), \qquad g = \sum_i w_i\, x_i

    c_i describes what the demonstration shows of object i, and q of all objects. A subclass makes these descriptions.
    """

    def __init__(self, *sizes: int, **options: Any):
        super().__init__(*sizes, **options)
        self.key, self.query, self.score = self.dense(self.units), self.dense(self.units), self.dense(1)
        self.hidden = [self.dense(self.units, "relu") for _ in range(2)]
        self.head = self.dense(self.action_size)
        _build([self.key, self.score], self.units)
        _build([self.query], self.units)
        _build([*self.hidden, self.head], self.object_size + self.body_size)

    @property
    def state_size(self) -> int:
        return self.most_objects

    def read(self, demonstration: Demonstration) -> tf.Tensor:
        present = demonstration.present
        described = self.describe(demonstration)  # [B, N, units]
        shares = tf.cast(present, tf.float32)[..., None]
        mean = tf.reduce_sum(described * shares, axis=1) / tf.maximum(tf.reduce_sum(shares, axis=1), 1.0)
        scores = self.score(tf.tanh(self.query(mean)[:, None] + self.key(described)))[..., 0]
        return tf.nn.softmax(tf.where(present, scores, _VERY_NEGATIVE))

    @abstractmethod
    def describe(self, demonstration: Demonstration) -> tf.Tensor:
        """Returns what the demonstration shows of each object, ``[B, N, units]``."""

    def act(self, demo_state: tf.Tensor, observation: Observation) -> tf.Tensor:
        weights = for_scenes(demo_state, observation)
        goal = tf.reduce_sum(weights[..., None] * observation.objects, axis=1)
        x = tf.concat([goal, observation.body], axis=-1)
        for layer in [*self.hidden, self.head]:
            x = layer(x)
        return x


@keras.saving.register_keras_serializable("tfmeta")
class LSTMWithAttention(_Attending):
    """Describes each object by an LSTM that reads where the object and the body are, step by step.

    The LSTM is the same for all objects, so the policy works for any number of them, in any order.

    Example:
        >>> policy = LSTMWithAttention(3, 2, 2, 2, units=8, seed=0)
        >>> policy.state_size
        3

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 5.1, "LSTM with attention"; the scores are those of
        Bahdanau et al. 2015.
    """

    def __init__(self, *sizes: int, **options: Any):
        super().__init__(*sizes, **options)
        self.reader = _lstm(self)
        self.reader.build([None, None, self.object_size + self.body_size])
        self.built = True

    def describe(self, demonstration: Demonstration) -> tf.Tensor:
        objects = tf.transpose(demonstration.objects, [0, 2, 1, 3])  # [B, N, T, D]
        batch, steps = tf.shape(objects)[0], tf.shape(objects)[2]
        body = tf.repeat(demonstration.body[:, None], self.most_objects, axis=1)
        rows = tf.reshape(tf.concat([objects, body], axis=-1), [-1, steps, self.object_size + self.body_size])
        mask = tf.sequence_mask(tf.repeat(demonstration.length, self.most_objects), steps)
        return tf.reshape(self.reader(rows, mask=mask), [batch, self.most_objects, self.units])


@keras.saving.register_keras_serializable("tfmeta")
class FinalState(_Attending):
    """Describes each object by where it and the body are at the end of the demonstration.

    Example:
        >>> policy = FinalState(3, 2, 2, 2, units=8, seed=0)
        >>> policy.state_size
        3

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 5.1, "final state with attention".
    """

    def __init__(self, *sizes: int, **options: Any):
        super().__init__(*sizes, **options)
        self.reader = [self.dense(self.units, "relu") for _ in range(2)]
        _build(self.reader, self.object_size + self.body_size)
        self.built = True

    def describe(self, demonstration: Demonstration) -> tf.Tensor:
        last = tf.maximum(demonstration.length - 1, 0)
        objects = tf.gather(demonstration.objects, last, axis=1, batch_dims=1)  # [B, N, D]
        body = tf.gather(demonstration.body, last, axis=1, batch_dims=1)
        x = tf.concat([objects, tf.repeat(body[:, None], self.most_objects, axis=1)], axis=-1)
        for layer in self.reader:
            x = layer(x)
        return x


def _lstm(policy: ImitationPolicy) -> keras.layers.LSTM:
    return keras.layers.LSTM(
        policy.units,
        kernel_initializer=keras.initializers.GlorotUniform(policy.seeds),
        recurrent_initializer=keras.initializers.Orthogonal(seed=policy.seeds),
    )


def _build(layers: list[keras.layers.Dense], features: int) -> None:
    """Builds layers that follow each other."""
    for layer in layers:
        layer.build([None, features])
        features = layer.units


def _flat(objects: tf.Tensor) -> tf.Tensor:
    """Lays the objects of a scene end to end: ``[..., N, D] -> [..., N * D]``."""
    shape = tf.concat([tf.shape(objects)[:-2], [objects.shape[-2] * objects.shape[-1]]], axis=0)
    return tf.reshape(objects, shape)
