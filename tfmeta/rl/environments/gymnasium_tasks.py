"""Any distribution of Gymnasium environments as tasks of trials: stepped by Python, asked by the graph."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check
from tfmeta.rl.environments.environment import TrialEnvironment

__all__ = ["GymnasiumEnvironment", "GymnasiumState"]


class GymnasiumState(NamedTuple):
    """A ticket for what Python remembers.

    Attributes:
        ticket: for one step; a state that has been stepped is no state any more, int64 scalar.
        steps: steps so far in the trial, an int32 scalar.
    """

    ticket: tf.Tensor
    steps: tf.Tensor


class GymnasiumEnvironment(TrialEnvironment):
    """Makes trials of tasks that are Gymnasium environments.

    Where an episode is terminated or truncated, the environment is reset and the trial goes on. Observations in a box
    are flattened, and those of bytes are scaled to 0..1; a discrete one is a one-hot vector. Action a is the a-th of
    the actions of the environment, whatever number they start with. Python steps tasks one after the other, and what
    they remember is theirs: unlike those in the graph, a state can be stepped once.

    Args:
        make: builds the environment of a task that a number from 0 to 2³¹ - 1 names, as `seed`.
        trial_length: steps of a trial, T.

    Raises:
        TfmetaError: where actions are not discrete, or observations neither a box nor discrete.
        ValueError: for a trial without steps.

    Example:
        >>> def make(seed):
        ...     import gymnasium
        ...     return gymnasium.make("CartPole-v1", sutton_barto_reward=bool(seed % 2))
        >>> environment = GymnasiumEnvironment(make, trial_length=20)  # doctest: +SKIP
        >>> state, observation = environment.reset([0, 7], batch=4)  # doctest: +SKIP
    """

    def __init__(self, make: Callable[[int], Any], *, trial_length: int):
        check(trial_length >= 1, f"trial_length={trial_length}; expected at least 1 step.")
        self._make, self.trial_length = make, trial_length
        first = make(0)
        self._spaces = first.observation_space, first.action_space
        first.close()
        seen, actions = map(_size, self._spaces)
        if actions is None or self._spaces[1].shape:
            raise TfmetaError(
                f"The actions are {self._spaces[1]}; expected Discrete. Wrap the environment so that a number picks one"
                " of some actions."
            )
        if seen is None:
            raise TfmetaError(
                f"The observations are {self._spaces[0]}; expected Box or Discrete. Wrap the environment in"
                " gymnasium.wrappers.FlattenObservation."
            )
        self.actions, self.observation_size = actions, seen
        self._tasks: list[Any] = []
        self._ticket = 0

    def reset(
        self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor
    ) -> tuple[GymnasiumState, tf.Tensor]:
        seed = tf.cast(seed, tf.int64)
        observation, ticket = tf.numpy_function(self._begin, [seed, batch], [tf.float32, tf.int64])
        rows = batch if isinstance(batch, int) else None
        return self._state(ticket, tf.constant(0)), tf.ensure_shape(
            observation, [rows, self.observation_size]
        )

    def step(
        self, state: GymnasiumState, action: tf.Tensor
    ) -> tuple[GymnasiumState, tf.Tensor, tf.Tensor, tf.Tensor]:
        kinds = [tf.float32, tf.float32, tf.bool, tf.int64]
        observation, reward, done, ticket = tf.numpy_function(self._advance, [state.ticket, action], kinds)
        rows = action.shape[0]
        return (
            self._state(ticket, state.steps + 1),
            tf.ensure_shape(observation, [rows, self.observation_size]),
            tf.ensure_shape(reward, [rows]),
            tf.ensure_shape(done, [rows]),
        )

    def _state(self, ticket: tf.Tensor, steps: tf.Tensor) -> GymnasiumState:
        return GymnasiumState(tf.ensure_shape(ticket, []), steps)

    def _begin(self, seed: np.ndarray, batch: np.ndarray) -> tuple[np.ndarray, np.int64]:
        for task in self._tasks:
            task.close()
        self._tasks, seen = [], []
        for number in np.random.default_rng(seed.astype(np.uint64)).integers(2**31, size=int(batch)).tolist():
            task = self._make(number)
            if (task.observation_space, task.action_space) != self._spaces:
                raise ValueError(
                    f"Task {number} has the observations {task.observation_space} and the actions {task.action_space};"
                    f" expected {self._spaces[0]} and {self._spaces[1]}, as of task 0. Tasks of a distribution differ"
                    " in what they do, not in their spaces: pad what is seen, or make another distribution of it."
                )
            self._tasks.append(task)
            seen.append(self._flat(task.reset(seed=number)[0]))
        return self._rows(seen), self._next_ticket()

    def _advance(self, ticket: np.int64, actions: np.ndarray) -> tuple:
        if int(ticket) != self._ticket:
            raise ValueError(
                "This state was stepped before, or others were reset since; go on with the state that the last step"
                " returned, or make an environment for each trial that is to go on."
            )
        wrong = [action for action in actions.tolist() if not 0 <= action < self.actions]
        if wrong:
            raise ValueError(
                f"The action {wrong[0]} is not there; expected numbers from 0 to {self.actions - 1}."
            )
        first = int(self._spaces[1].start)
        seen, rewards, ends = [], [], []
        for number, (task, action) in enumerate(zip(self._tasks, actions.tolist(), strict=True)):
            observation, reward, terminated, truncated, _ = task.step(first + action)
            if not np.isfinite(reward):
                raise ValueError(f"Task {number} gave the reward {reward}; expected a finite number.")
            if terminated or truncated:
                observation, _ = task.reset()
            seen.append(self._flat(observation))
            rewards.append(reward)
            ends.append(terminated or truncated)
        return self._rows(seen), np.array(rewards, np.float32), np.array(ends, bool), self._next_ticket()

    def _next_ticket(self) -> np.int64:
        self._ticket += 1
        return np.int64(self._ticket)

    def _rows(self, seen: list[np.ndarray]) -> np.ndarray:
        return np.stack(seen) if seen else np.zeros([0, self.observation_size], np.float32)

    def _flat(self, observation: Any) -> np.ndarray:
        space = self._spaces[0]
        if _is_discrete(space):
            place = int(observation) - int(space.start)
            if not 0 <= place < self.observation_size:
                raise ValueError(f"An observation is {observation}; expected one of {space}.")
            return np.eye(self.observation_size, dtype=np.float32)[place]
        flat: np.ndarray = np.asarray(observation, np.float32).ravel()
        if flat.shape != (self.observation_size,):
            raise ValueError(
                f"An observation has {flat.size} numbers; expected {self.observation_size}, as {space} says."
            )
        if not np.isfinite(flat).all():
            raise ValueError(
                f"An observation holds NaN or infinite numbers; expected finite ones of {space}."
            )
        return np.divide(flat, 255) if space.dtype == np.uint8 else flat


def _is_discrete(space: Any) -> bool:
    return hasattr(space, "n") and hasattr(space, "start")


def _size(space: Any) -> int | None:
    """How many numbers tell what is in a space: a one-hot vector's, or a box's."""
    if _is_discrete(space):
        return int(space.n)
    return int(np.prod(space.shape)) if hasattr(space, "low") and space.shape is not None else None
