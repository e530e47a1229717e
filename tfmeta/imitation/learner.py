"""Learning to imitate: from the expert's actions on its own way, or on the way of the learner."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.imitation.demonstration import Demonstration, Played, observations_of, play, play_tasks
from tfmeta.imitation.policy import ImitationPolicy
from tfmeta.imitation.shards import Lesson
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

    def imitate(
        self,
        demonstration: Demonstration,
        tasks: Any,
        seed: tf.Tensor | Sequence[int],
        *,
        helped: bool = False,
    ) -> Played:
        """Plays an episode of each task as the policy acts after a demonstration.

        Args:
            demonstration: of each task.
            tasks: what ``world.draw`` returned.
            seed: two integers ``[2]``, of the scenes.
            helped: whether the expert takes some of the steps, drawn at random. Their part is drawn for each episode,
                from none to all. A policy that cannot do much yet meets scenes far along in a task that way, and not
                only those in which it is stuck.

        Returns:
            The episodes, with the expert's actions.
        """
        demo_state = self.policy.embed(demonstration)
        of_help, of_steps = derived_seeds(seed, 10, 11)
        batch = tf.shape(demonstration.body)[:1]
        help_part = tf.random.stateless_uniform(batch, of_help)

        def act(state: Any, number: tf.Tensor) -> tf.Tensor:
            action = self.policy.act(demo_state, self.world.observe(state))
            if not helped:
                return action
            drawn = tf.random.stateless_uniform(batch, tf.random.fold_in(of_steps, tf.cast(number, tf.int64)))
            return tf.where((drawn < help_part)[:, None], self.world.expert(state), action)

        return play(self.world, tasks, seed, act)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Takes a step on a lesson; a seed stands for a fresh one."""
        lesson = data if isinstance(data, Lesson) else self.fresh(data)
        with tf.GradientTape() as tape:
            loss = self.loss_of(lesson)
        variables = self.policy.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.trackers["loss"].update_state(loss)
        return self.get_metrics_result()

    def fresh(self, seed: tf.Tensor) -> Lesson:
        """Draws tasks and plays them; all steps of the episodes are in the lesson."""
        shown, played = self.play(seed, self.tasks)
        seen, action = tf.nest.map_structure(tf.stop_gradient, (observations_of(played), played.action))
        return Lesson(self.policy.chosen(shown), seen, tf.reshape(action, [-1, self.world.action_size]))

    def play(
        self, seed: tf.Tensor | Sequence[int], count: int, *, helped: bool = False
    ) -> tuple[Demonstration, Played]:
        """Plays tasks by `play_tasks`: its part of them by the learner, whose success is noted.

        Args:
            seed: two integers ``[2]``.
            count: how many tasks.
            helped: as of `imitate`.
        """
        imitate = partial(self.imitate, helped=helped)
        shown, played = play_tasks(self.world, seed, count, imitate, self.dagger)
        if imitated := round(self.dagger * count):
            self.trackers["success"].update_state(tf.cast(played.succeeded[:imitated], tf.float32))
        return shown, played

    def loss_of(self, lesson: Lesson) -> tf.Tensor:
        """Returns the mean squared difference between the policy's actions and the expert's."""
        found = self.policy.act(self.policy.read(lesson.shown), lesson.seen)
        return tf.reduce_mean(tf.math.squared_difference(found, lesson.action))
