"""The contract of a distribution of tasks: pure functions that step B trials at once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

__all__ = ["TrialEnvironment"]


class TrialEnvironment(ABC):
    """Draws B tasks, and steps one trial in each of them.

    A trial is a fixed number of steps in one task, which may hold several inner episodes. Where one ends, the next
    begins by itself, and the end is no more than a flag: whoever learns within the trial carries his memory across.

    Everything is a function of its arguments: all that an environment remembers is in a state of plain tensors, and
    its luck is a function of the seed and of the number of the step. So `step` runs in a loop of the graph, and a trial
    can be played again.

    Attributes:
        actions: how many actions there are, A.
        observation_size: numbers of an observation, D; 0 where there is nothing to see.
        trial_length: steps of a trial, T.

    Example:
        >>> from tfmeta.rl.environments import BanditEnvironment
        >>> environment = BanditEnvironment(arms=5, pulls=10)
        >>> state, observation = environment.reset([0, 7], batch=32)
        >>> state, observation, reward, inner_done = environment.step(state, tf.zeros([32], tf.int32))
        >>> observation.shape, reward.shape, inner_done.shape
        (TensorShape([32, 0]), TensorShape([32]), TensorShape([32]))
    """

    actions: int
    observation_size: int
    trial_length: int

    @abstractmethod
    def reset(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> tuple[Any, tf.Tensor]:
        """Draws tasks, and begins a trial in each.

        Args:
            seed: two integers ``[2]`` that name the batch of tasks.
            batch: tasks, B.

        Returns:
            The state, a nest of tensors, and what is seen of each task, ``[B, D]``.
        """

    @abstractmethod
    def step(self, state: Any, action: tf.Tensor) -> tuple[Any, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Takes one step in every task.

        Args:
            state: what `reset` or the step before returned.
            action: what is done in each task, ``[B]`` int32 from 0 to A - 1.

        Returns:
            The next state; what is seen then, ``[B, D]``; the rewards, ``[B]``; and whether an inner episode ended,
            ``[B]`` bool. Where it did, what is seen is already the beginning of the next one.
        """
