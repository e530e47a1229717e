"""The policy of the stacking experiment: demonstration network, context network and manipulation network."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import pack_tasks, unpack_tasks
from tfmeta.imitation.context_network import Context, ContextNetwork
from tfmeta.imitation.demonstration import Demonstration
from tfmeta.imitation.demonstration_network import DemonstrationNetwork
from tfmeta.imitation.policy import ImitationPolicy
from tfmeta.imitation.steps import at_random, at_steps, evenly, last, releases
from tfmeta.imitation.world import Observation

__all__ = ["CONDITIONS", "OneShotPolicy"]

CONDITIONS = ("demonstration", "snapshots", "final-state", "nothing")
"""What a policy reads of a demonstration."""

_SINGLE_CHOICE = ("snapshots", "final-state")
"""Conditions that say which steps are read, so that an ensemble would read the same ones again."""


@keras.saving.register_keras_serializable("tfmeta")
class OneShotPolicy(ImitationPolicy):
    """Reads K steps of a demonstration, relates the scene to them, and acts.

    ======================  ===========================================================
    network                 what it does
    ======================  ===========================================================
    demonstration network   embeds each object at each of K steps
    context network         attends to steps, then to objects; gives a few places
    manipulation network    a perceptron from those places and the body to the action
    ======================  ===========================================================

    The K steps are drawn at random in training (temporal dropout), and are at equal distances afterwards. The order of
    the objects does not matter, nor does their number up to N.

    Args:
        most_objects: objects of a scene at most, N.
        object_size: numbers of an object, D.
        body_size: numbers of the body, E.
        action_size: numbers of an action, A.
        units: of the hidden layers, H.
        steps: of a demonstration that are read, K.
        condition: ``"demonstration"``; ``"snapshots"``, the end of each stage; ``"final-state"``, only the last step;
            or ``"nothing"``, to find out what is possible without a demonstration.
        ensemble: how many choices of K steps are read after training; the actions are averaged. More than 1 only for
            the conditions ``"demonstration"`` and ``"nothing"``, as the others have a single choice.
        seed: of the initial weights.

    Raises:
        ValueError: if a size is below 1, for another condition, or for an ensemble where there is a single choice.

    Example:
        >>> policy = OneShotPolicy(3, 3, 2, 4, units=8, steps=5, seed=0)
        >>> shown = Demonstration(tf.ones([2, 9, 3, 3]), tf.ones([2, 3], tf.bool), tf.ones([2, 9, 2]), tf.fill([2], 9))
        >>> seen = Observation(tf.ones([2, 3, 3]), tf.ones([2, 3], tf.bool), tf.ones([2, 2]))
        >>> policy.act(policy.embed(shown), seen).shape
        TensorShape([2, 4])

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 4.
    """

    def __init__(
        self,
        *sizes: int,
        steps: int = 24,
        condition: str = "demonstration",
        ensemble: int = 1,
        **options: Any,
    ):
        super().__init__(*sizes, **options)
        check(min(steps, ensemble) >= 1, f"steps={steps}, ensemble={ensemble}: each must be at least 1.")
        check(condition in CONDITIONS, f"condition={condition!r}; expected one of {', '.join(CONDITIONS)}.")
        check(
            ensemble == 1 or condition not in _SINGLE_CHOICE,
            f"ensemble={ensemble}, condition={condition!r}: there is a single choice of steps; expected ensemble=1, or"
            " condition='demonstration'.",
        )
        self.steps, self.condition, self.ensemble = steps, condition, ensemble
        scene = (self.object_size, self.body_size)
        self.demonstration = DemonstrationNetwork(self.units, seed=self.seeds)
        self.demonstration.build(scene)
        self.context = ContextNetwork(self.units, seed=self.seeds)
        self.context.build(scene)
        self.keys = self.dense(self.context.reads * self.context.keys)
        self.keys.build([None, self.units])
        self.hidden = [self.dense(2 * self.units, "relu") for _ in range(2)]
        self.head = self.dense(self.action_size, "tanh")
        features = self.context.sources * (self.object_size + self.units) + self.body_size
        for layer in (*self.hidden, self.head):
            layer.build([None, features])
            features = layer.units
        self.built = True

    @property
    def _shapes(self) -> list[list[int]]:
        """Of the keys and of the memory of a reading."""
        return [[self.steps, self.most_objects, size] for size in (self.keys.units, self.units)]

    @property
    def state_size(self) -> int:
        return self.ensemble * self.steps * self.most_objects * (self.keys.units + self.units)

    def chosen(self, demonstration: Demonstration, seed: tf.Tensor | None = None) -> Demonstration:
        """Returns the K steps that are read, or those of each choice of the ensemble one after the other.

        Args:
            demonstration: B of them.
            seed: two integers ``[2]`` in training, where the steps are drawn at random.
        """
        length = demonstration.length
        if self.condition == "snapshots":
            numbers = releases(demonstration, self.steps)
        elif self.condition == "final-state":
            numbers = last(length, self.steps)
        elif seed is not None:
            numbers = at_random(length, self.steps, seed)
        else:
            shifts = [(number + 0.5) / self.ensemble for number in range(self.ensemble)]
            numbers = tf.concat([evenly(length, self.steps, shift) for shift in shifts], axis=1)
        shown = at_steps(demonstration, numbers)
        if self.condition == "nothing":
            shown = shown._replace(objects=tf.zeros_like(shown.objects), body=tf.zeros_like(shown.body))
        return shown

    def read(self, demonstration: Demonstration) -> tf.Tensor:
        shown = demonstration
        rows = tf.shape(shown.body)[0] * (tf.shape(shown.body)[1] // self.steps)
        each = Demonstration(
            tf.reshape(shown.objects, [rows, self.steps, self.most_objects, self.object_size]),
            tf.repeat(shown.present, rows // tf.shape(shown.present)[0], axis=0),
            tf.reshape(shown.body, [rows, self.steps, self.body_size]),
            tf.fill([rows], self.steps),
        )
        memory = self.demonstration(each)
        packed = pack_tasks([self.keys(memory), memory])
        return tf.reshape(packed, [tf.shape(shown.body)[0], -1])

    def act(self, demo_state: tf.Tensor, observation: Observation) -> tf.Tensor:
        batch, rows = tf.shape(demo_state)[0], tf.shape(observation.body)[0]
        each = self.steps * self.most_objects * (self.keys.units + self.units)
        readings = tf.shape(demo_state)[1] // each  # 1 in training
        several = tf.nest.map_structure(lambda x: _for_each(x, batch, readings), observation)
        context = self.relate(tf.reshape(demo_state, [batch * readings, each]), several)
        x = context.vector
        for layer in (*self.hidden, self.head):
            x = layer(x)
        actions = tf.reshape(x, [batch, readings, rows // batch, self.action_size])
        return tf.reshape(tf.reduce_mean(actions, axis=1), [rows, self.action_size])

    def relate(self, demo_state: tf.Tensor, observation: Observation) -> Context:
        """Returns what the context network finds: the attention to steps and to objects, for pictures.

        Args:
            demo_state: of a single choice of steps, ``[B, S]``.
            observation: of B * M scenes; the M scenes of a demonstration follow each other.
        """
        keys, memory = unpack_tasks(demo_state, self._shapes)
        return self.context(keys, memory, observation)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "steps": self.steps,
            "condition": self.condition,
            "ensemble": self.ensemble,
        }


def _for_each(x: tf.Tensor, batch: tf.Tensor, readings: tf.Tensor) -> tf.Tensor:
    """Repeats the M scenes of each demonstration for each of its G readings: ``[B * M, ...] -> [B * G * M, ...]``."""
    rows = tf.reshape(x, [batch, 1, -1, *x.shape[1:]])
    return tf.reshape(tf.repeat(rows, readings, axis=1), [-1, *x.shape[1:]])
