"""Learning to imitate: from the expert's actions on its own way, or on the way of the learner."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.imitation.demonstration import Demonstration, Played, demonstrate, observations_of, play
from tfmeta.imitation.policy import ImitationPolicy
from tfmeta.imitation.world import World

__all__ = ["ImitationLearner"]


class ImitationLearner(keras.Model):
    r"""Trains a policy to do what the expert would do, given a demonstration of the same task in another scene:

    .. math:: \min_\theta \; E_{\text{task}} \sum_t \big| \pi_\theta(o_t, d) - a^*(s_t) \big|^2

    A training step draws tasks, lets the expert demonstrate each in one scene, and plays each in another one. The
    states s_t are those of the expert (behaviour cloning), or those of the learner (DAgger), or some of both.

    Args:
        world: where tasks are done.
        policy: for the sizes of the world.
        tasks: of a training step, B.
        dagger: part of the tasks in which the learner plays, from 0 to 1; in the others the expert does.

    Raises:
        ValueError: for no task, or a part that is none.

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 4. Ross et al. 2011, A Reduction of Imitation Learning
        and Structured Prediction to No-Regret Online Learning (DAgger).
    """

    def __init__(
        self, world: World, policy: ImitationPolicy, *, tasks: int = 64, dagger: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        check(tasks >= 1, f"tasks={tasks}; expected at least 1.")
        check(0 <= dagger <= 1, f"dagger={dagger}; expected a part from 0 to 1.")
        self.supports_jit = False
        self.world, self.policy, self.tasks, self.dagger = world, policy, tasks, dagger
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", "success")}
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.trackers.values())

    def imitate(self, demonstration: Demonstration, tasks: Any, seed: tf.Tensor | Sequence[int]) -> Played:
        """Plays an episode of each task as the policy acts after a demonstration."""
        demo_state = self.policy.embed(demonstration)

        def act(state: Any, number: tf.Tensor) -> tf.Tensor:
            return self.policy.act(demo_state, self.world.observe(state))

        return play(self.world, tasks, seed, act)

    def train_step(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        of_tasks, of_demonstration, of_scene = derived_seeds(seed, 0, 1, 2)
        tasks = self.world.draw(of_tasks, self.tasks)
        shown = demonstrate(self.world, tasks, of_demonstration).demonstration()
        learners = round(self.dagger * self.tasks)
        parts = []
        if learners < self.tasks:
            some = tf.nest.map_structure(lambda x: x[learners:], tasks)
            parts.append(demonstrate(self.world, some, of_scene))
        if learners:
            some, mine = tf.nest.map_structure(lambda x: x[:learners], (tasks, shown))
            parts.insert(0, self.imitate(mine, some, of_scene))
            self.trackers["success"].update_state(tf.cast(parts[0].succeeded, tf.float32))
        played = tf.nest.map_structure(lambda *x: tf.stop_gradient(tf.concat(x, axis=0)), *parts)
        with tf.GradientTape() as tape:
            loss = self.loss_of(shown, played)
        variables = self.policy.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.trackers["loss"].update_state(loss)
        return self.get_metrics_result()

    def loss_of(self, demonstration: Demonstration, played: Played) -> tf.Tensor:
        """Returns the mean squared difference between the policy's actions and the expert's."""
        demo_state = tf.repeat(self.policy.embed(demonstration), tf.shape(played.body)[1], axis=0)
        found = self.policy.act(demo_state, observations_of(played))
        expected = tf.reshape(played.action, tf.shape(found))
        return tf.reduce_mean(tf.math.squared_difference(found, expected))
