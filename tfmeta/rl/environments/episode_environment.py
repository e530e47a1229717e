"""The contract of a distribution of control tasks: episodes with continuous actions, in tasks that can be kept."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.rl.environments.environment import TrialEnvironment

__all__ = ["EpisodeEnvironment"]


class EpisodeEnvironment(TrialEnvironment):
    """Draws B control tasks, and plays episodes in each of them.

    It is a `TrialEnvironment` whose trial is one episode, with two differences. Actions are vectors of numbers. And a
    task is apart from its episodes: `draw` says what the tasks are, and `begin` starts an episode in each. So a policy
    can act in a task, learn from that, and act in the same task again.

    An episode has `trial_length` steps. Where it ends before, `step` says so; what later steps give does not count.

    Attributes:
        action_size: numbers of an action, A. Each is from -1 to 1; `step` clips others.
        actions: 0, since actions are not discrete.
        task_size: numbers that say what a task is, G; see `describe`.

    Example:
        >>> from tfmeta.rl.environments import PointNavigation
        >>> environment = PointNavigation()
        >>> goals = environment.draw([0, 7], batch=32)
        >>> state, observation = environment.begin(goals, [0, 8])
        >>> state, observation, reward, ended = environment.step(state, tf.zeros([32, 2]))
        >>> observation.shape, reward.shape, ended.shape
        (TensorShape([32, 2]), TensorShape([32]), TensorShape([32]))
    """

    actions = 0
    action_size: int
    task_size: int

    @abstractmethod
    def draw(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> Any:
        """Draws tasks.

        Args:
            seed: two integers ``[2]`` that name the batch of tasks.
            batch: tasks, B.

        Returns:
            What the tasks are: a nest of tensors, each ``[B, ...]``.
        """

    @abstractmethod
    def begin(self, tasks: Any, seed: tf.Tensor | Sequence[int]) -> tuple[Any, tf.Tensor]:
        """Begins an episode in each task.

        Args:
            tasks: what `draw` returned, or rows of it.
            seed: two integers ``[2]``, of what is random in the episodes.

        Returns:
            The state, a nest of tensors, and what is observed of each task, ``[B, D]``.
        """

    @abstractmethod
    def describe(self, tasks: Any) -> tf.Tensor:
        """Returns numbers ``[B, G]`` that say what each task is, such as the place of its goal."""

    def reset(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> tuple[Any, tf.Tensor]:
        of_tasks, of_episodes = derived_seeds(seed, 0, 1)
        return self.begin(self.draw(of_tasks, batch), of_episodes)
