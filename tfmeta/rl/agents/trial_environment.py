"""Trials as episodes of a TF-Agents environment."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.rl.agents.legacy_keras import require_tf_agents
from tfmeta.rl.environments.environment import TrialEnvironment

require_tf_agents()

from tf_agents.environments import tf_environment  # noqa: E402
from tf_agents.specs import tensor_spec  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402

__all__ = ["TFTrialEnvironment", "step_spec"]


def step_spec(environment: TrialEnvironment) -> dict[str, tf.TensorSpec]:
    """Describes what a step of a trial tells; see `tfmeta.rl.Step`."""
    spec = {
        "previous_action": tensor_spec.BoundedTensorSpec([], tf.int32, -1, environment.actions - 1),
        "previous_reward": tf.TensorSpec([], tf.float32),
        "done": tensor_spec.BoundedTensorSpec([], tf.float32, 0.0, 1.0),
    }
    if environment.observation_size:
        spec["observation"] = tf.TensorSpec([environment.observation_size], tf.float32)
    return spec


class TFTrialEnvironment(tf_environment.TFEnvironment):
    """B tasks that are stepped at once, as TF-Agents' drivers and agents know environments.

    A trial is one episode of TF-Agents: FIRST where it begins, and LAST, with the discount 0, where it ends. The ends
    of inner episodes are a flag in what is observed, beside the action before and its reward, so that a policy keeps
    its state across them.

    Args:
        environment: the distribution of tasks.
        batch_size: tasks that are stepped at once, B.

    Raises:
        ValueError: for less than one task.

    Example:
        >>> from tfmeta.rl.environments import BanditEnvironment
        >>> environment = TFTrialEnvironment(BanditEnvironment(arms=5, pulls=10), batch_size=4)
        >>> environment.begin([0, 7]).observation["previous_action"].numpy().tolist()
        [-1, -1, -1, -1]
    """

    def __init__(self, environment: TrialEnvironment, batch_size: int):
        check(batch_size >= 1, f"batch_size={batch_size}; expected at least 1 task.")
        self.environment = environment
        action_spec = tensor_spec.BoundedTensorSpec([], tf.int32, 0, environment.actions - 1, "action")
        super().__init__(ts.time_step_spec(step_spec(environment)), action_spec, batch_size)
        self._seed = tf.Variable([0, 0], dtype=tf.int64, trainable=False)
        self._trials = tf.Variable(0, dtype=tf.int64, trainable=False)
        state, observation = environment.reset([0, 0], batch_size)
        told = self._told(observation)
        variables = tf.nest.map_structure(lambda x: tf.Variable(x, trainable=False), (state, told))
        self._state, self._step_told = variables
        self._steps = tf.Variable(0, trainable=False)

    def begin(self, seed: Sequence[int] | tf.Tensor) -> ts.TimeStep:
        """Begins trials that are a function of the seed, two integers ``[2]``; so are those after them."""
        self._seed.assign(tf.cast(seed, tf.int64))
        self._trials.assign(0)
        return self.reset()

    def _current_time_step(self) -> ts.TimeStep:
        return self._time_step(
            tf.nest.map_structure(tf.convert_to_tensor, self._step_told), self._steps.read_value()
        )

    def _reset(self) -> ts.TimeStep:
        (seed,) = derived_seeds(tf.random.fold_in(self._seed.read_value(), self._trials.assign_add(1)), 0)
        state, observation = self.environment.reset(seed, self.batch_size)
        return self._keep(state, self._told(observation), tf.constant(0))

    def _step(self, action: tf.Tensor) -> ts.TimeStep:
        # All trials are equally long, so that one number says for all of them whether they have ended.
        ended = tf.equal(self._steps.read_value(), self.environment.trial_length)
        return tf.cond(ended, self._reset, lambda: self._advance(action))

    def _advance(self, action: tf.Tensor) -> ts.TimeStep:
        before = tf.nest.map_structure(tf.convert_to_tensor, self._state)
        after, observation, reward, done = self.environment.step(before, action)
        told = self._told(observation, action, reward, done)
        return self._keep(after, told, self._steps.read_value() + 1, before)

    def _keep(
        self, state: Any, told: dict[str, tf.Tensor], steps: tf.Tensor, before: Any = None
    ) -> ts.TimeStep:
        same = {id(x) for x in tf.nest.flatten(before)}  # The tables of a task do not change with its steps.
        for variable, x in zip(tf.nest.flatten(self._state), tf.nest.flatten(state), strict=True):
            if id(x) not in same:
                variable.assign(x)
        tf.nest.map_structure(lambda variable, x: variable.assign(x), self._step_told, told)
        self._steps.assign(steps)
        return self._time_step(told, steps)

    def _time_step(self, told: dict[str, tf.Tensor], steps: tf.Tensor) -> ts.TimeStep:
        begins, ends = tf.equal(steps, 0), tf.equal(steps, self.environment.trial_length)
        kind = tf.where(begins, ts.StepType.FIRST, tf.where(ends, ts.StepType.LAST, ts.StepType.MID))
        discount = 1.0 - tf.cast(ends, tf.float32)
        rows = [self.batch_size]
        return ts.TimeStep(tf.fill(rows, kind), told["previous_reward"], tf.fill(rows, discount), told)

    def _told(
        self,
        observation: tf.Tensor,
        action: tf.Tensor | None = None,
        reward: tf.Tensor | None = None,
        done: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        rows = [self.batch_size]
        told = {
            "previous_action": tf.fill(rows, -1) if action is None else tf.cast(action, tf.int32),
            "previous_reward": tf.zeros(rows) if reward is None else reward,
            "done": tf.zeros(rows) if done is None else tf.cast(done, tf.float32),
        }
        if self.environment.observation_size:
            told["observation"] = observation
        return told
