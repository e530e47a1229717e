"""Collects whole trials with TF-Agents' own driver."""

import tensorflow as tf

from tfmeta.rl.agents.legacy_keras import require_tf_agents
from tfmeta.rl.agents.trial_environment import TFTrialEnvironment
from tfmeta.rl.agents.trial_policy import TrialPolicy

require_tf_agents()

from tf_agents.drivers import dynamic_step_driver  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402
from tf_agents.trajectories import trajectory  # noqa: E402
from tf_agents.utils import common  # noqa: E402

__all__ = ["TrialDriver", "check_aligned"]


class TrialDriver:
    """Plays one trial in each task of an environment.

    Args:
        environment: the tasks.
        policy: what plays.

    Example:
        >>> driver = TrialDriver(environment, policy)                # doctest: +SKIP
        >>> driver.collect([0, 7]).reward.shape                      # doctest: +SKIP
        TensorShape([32, 11])
    """

    def __init__(self, environment: TFTrialEnvironment, policy: TrialPolicy):
        self.environment, self.policy = environment, policy
        batch = environment.batch_size
        # The frame after the last, in which nothing is done, is that between two trials.
        self._frames = environment.environment.trial_length + 1
        self._film = _Film(policy.trajectory_spec, batch, self._frames)
        # The driver does not count that frame, so that the steps are counted in iterations instead.
        driver = dynamic_step_driver.DynamicStepDriver(
            environment, policy, [self._film.add], num_steps=batch * self._frames + 1
        )
        self._run = common.function(driver.run)

    def collect(self, seed: tf.Tensor) -> trajectory.Trajectory:
        """Plays trials that are a function of the seed, two integers ``[2]``.

        Returns:
            Every step of them, ``[B, T + 1, ...]``; the last frame is that between this trial and the next.

        Raises:
            tf.errors.InvalidArgumentError: if a row is not one whole trial.
        """
        self._film.rewind()
        time_step = self.environment.begin(seed)
        state = self.policy.begin(seed, self.environment.batch_size)
        self._run(time_step, state, maximum_iterations=self._frames)
        return check_aligned(self._film.trials())


class _Film:
    """Frames in their order. (TF-Agents' replay buffers find each row of each frame a place of its own.)"""

    def __init__(self, spec: trajectory.Trajectory, batch: int, frames: int):
        def empty(frame: tf.TensorSpec) -> tf.Variable:
            return tf.Variable(tf.zeros([frames, batch, *frame.shape], frame.dtype), trainable=False)

        self._frames = tf.nest.map_structure(empty, spec)
        self._next = tf.Variable(0, trainable=False)

    def rewind(self) -> None:
        self._next.assign(0)

    def add(self, frame: trajectory.Trajectory) -> tf.Tensor:
        place = self._next.assign_add(1) - 1
        for variable, x in zip(tf.nest.flatten(self._frames), tf.nest.flatten(frame), strict=True):
            variable.scatter_update(tf.IndexedSlices(x[None], place[None]))
        return place  # TF-Agents waits for the operation that came last

    def trials(self) -> trajectory.Trajectory:
        return tf.nest.map_structure(
            lambda x: tf.transpose(x, [1, 0, *range(2, x.shape.rank)]), self._frames
        )  # [B, T, ...]


def check_aligned(trials: trajectory.Trajectory) -> trajectory.Trajectory:
    """Returns trials ``[B, T + 1, ...]`` once it is sure that each row is one, from its first step to its last.

    Rows that begin elsewhere train a recurrent policy on states that it was never in, and nothing else tells.

    Raises:
        tf.errors.InvalidArgumentError: if one is not.
    """
    kind = trials.step_type
    whole = tf.reduce_all(kind[:, 0] == ts.StepType.FIRST) & tf.reduce_all(kind[:, -1] == ts.StepType.LAST)
    whole &= tf.reduce_all(kind[:, 1:-1] == ts.StepType.MID)
    check = tf.debugging.Assert(
        whole, ["A row is not one whole trial; collect one frame more than a trial has steps, from a reset."]
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.nest.map_structure(tf.identity, trials)
