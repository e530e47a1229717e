"""A two-legged cheetah that is to run in some direction or at some speed, simulated by MuJoCo."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import TfmetaError, check
from tfmeta.core.installed import installed_file
from tfmeta.rl.environments.episode_environment import EpisodeEnvironment

try:
    import mujoco
    from mujoco import rollout
except ImportError as error:
    raise TfmetaError(f"{error.name} is missing; install it: pip install 'tfmeta[sim]'.") from error

__all__ = ["CheetahState", "HalfCheetah"]

_MODEL = "envs/mujoco/assets/half_cheetah.xml"


class CheetahState(NamedTuple):
    """What B cheetahs do.

    Attributes:
        task: the direction or the speed that is asked for, in metres a second, ``[B]``.
        physics: MuJoCo's full state: the time, the positions and the velocities, ``[B, 19]`` float64.
    """

    task: tf.Tensor
    physics: tf.Tensor


class HalfCheetah(EpisodeEnvironment):
    r"""Cheetahs with six motors, each asked to run in a direction, or at a speed, of its own.

    The reward of a step with the speed v and the action a is

    .. math:: d\,v - 0.05\,|a|^2 \quad \text{or} \quad -|v - g| - 0.05\,|a|^2,

    where d is 1 or -1, and g is uniform in [0, 2]. The model of the body is Gymnasium's, and a step is five steps of
    the simulation, 0.05 s. As in Gymnasium an observation holds all positions except that along the track, and all
    velocities. Tasks are stepped by MuJoCo's own threads. A state is a tensor, so it can be stepped again.

    Args:
        goal: ``"direction"`` or ``"velocity"``.
        horizon: steps of an episode, T.
        threads: of the simulation; as many as there are processors unless given.

    Raises:
        TfmetaError: where MuJoCo or Gymnasium is not installed.
        ValueError: for sizes that make no sense.

    Example:
        >>> environment = HalfCheetah()                                      # doctest: +SKIP
        >>> state, observation = environment.reset([0, 7], batch=4)         # doctest: +SKIP
        >>> observation.shape                                               # doctest: +SKIP
        TensorShape([4, 17])

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017,
        section 5.3.
    """

    observation_size, action_size, task_size = 17, 6, 1
    substeps = 5
    fastest = 2.0

    def __init__(
        self,
        goal: Literal["direction", "velocity"] = "direction",
        horizon: int = 200,
        *,
        threads: int | None = None,
    ):
        check(goal in ("direction", "velocity"), f"goal={goal!r}; expected 'direction' or 'velocity'.")
        check(horizon >= 1, f"horizon={horizon}; expected at least 1 step.")
        check(threads is None or threads >= 1, f"threads={threads}; expected at least 1.")
        self.goal, self.trial_length = goal, horizon
        self._model = mujoco.MjModel.from_xml_path(str(_model_file()))
        self._threads = threads or os.cpu_count() or 1
        self._data = [mujoco.MjData(self._model) for _ in range(self._threads)]
        self._rollout = rollout.Rollout(nthread=self._threads)
        self._seconds = self.substeps * self._model.opt.timestep

    def draw(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> tf.Tensor:
        if self.goal == "velocity":
            return tf.random.stateless_uniform([batch], seed, 0.0, self.fastest)
        # As many of each as can be: there are two tasks, and drawing them one by one would only add noise.
        first = tf.random.stateless_uniform([], seed, 0, 2, tf.int32)
        return 1.0 - 2.0 * tf.cast((tf.range(batch) + first) % 2, tf.float32)

    def begin(self, tasks: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tuple[CheetahState, tf.Tensor]:
        of_places, of_speeds = derived_seeds(seed, 0, 1)
        rows, places, speeds = tf.shape(tasks)[0], self._model.nq, self._model.nv
        place = tf.random.stateless_uniform([rows, places], of_places, -0.1, 0.1, tf.float64)
        speed = 0.1 * tf.random.stateless_normal([rows, speeds], of_speeds, dtype=tf.float64)
        physics = tf.concat([tf.zeros([rows, 1], tf.float64), place, speed], axis=1)
        return CheetahState(tasks, physics), self._observed(physics)

    def step(
        self, state: CheetahState, action: tf.Tensor
    ) -> tuple[CheetahState, tf.Tensor, tf.Tensor, tf.Tensor]:
        action = tf.clip_by_value(action, -1.0, 1.0)
        physics = tf.numpy_function(self._simulate, [state.physics, action], tf.float64)
        physics = tf.ensure_shape(physics, state.physics.shape)
        speed = tf.cast(physics[:, 1] - state.physics[:, 1], tf.float32) / self._seconds
        wanted = state.task * speed if self.goal == "direction" else -tf.abs(speed - state.task)
        reward = wanted - 0.05 * tf.reduce_sum(action**2, axis=1)
        return (
            CheetahState(state.task, physics),
            self._observed(physics),
            reward,
            tf.zeros_like(reward, tf.bool),
        )

    def describe(self, tasks: tf.Tensor) -> tf.Tensor:
        return tasks[:, None]

    def _observed(self, physics: tf.Tensor) -> tf.Tensor:
        return tf.cast(physics[:, 2:], tf.float32)

    def _simulate(self, physics: np.ndarray, action: np.ndarray) -> np.ndarray:
        control = np.repeat(action[:, None].astype(np.float64), self.substeps, axis=1)
        models: list[Any] = [self._model] * len(physics)
        states, _ = self._rollout.rollout(models, self._data, physics, control)
        return np.ascontiguousarray(states[:, -1])


def _model_file() -> Path:
    return installed_file("gymnasium", _MODEL, "sim", "the half-cheetah")
