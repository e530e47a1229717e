"""Plays trials with a policy that has been learnt, in the graph or as it is served."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import TfmetaError
from tfmeta.core.unroll import unroll
from tfmeta.rl.choice import choose
from tfmeta.rl.environments.environment import TrialEnvironment
from tfmeta.rl.trial_network import TrialNetwork

__all__ = ["Trials", "play", "play_model"]


class Trials(NamedTuple):
    """What came of B trials.

    Attributes:
        rewards: of every step, ``[B, T]``.
        actions: likewise, ``[B, T]``.
        tasks: the state of the environment at the beginning, which holds what the tasks are.
    """

    rewards: np.ndarray
    actions: np.ndarray
    tasks: Any


def play(
    policy: TrialNetwork,
    environment: TrialEnvironment,
    *,
    trials: int,
    seed: Sequence[int] = (0, 0),
    greedy: bool = False,
) -> Trials:
    """Plays one trial in each of many tasks, all at once.

    Args:
        policy: of one output an action.
        environment: the distribution of tasks.
        trials: tasks, B.
        seed: two integers, of tasks and luck.
        greedy: takes the likeliest action instead of drawing one.

    Returns:
        The trials.

    Example:
        >>> from tfmeta.rl.environments import BanditEnvironment
        >>> policy = TrialNetwork(actions=5, observation_size=0, outputs=5, units=8)
        >>> play(policy, BanditEnvironment(arms=5, pulls=10), trials=3).rewards.shape
        (3, 10)
    """

    @tf.function(autograph=False)
    def run() -> tuple[Any, tf.Tensor, tf.Tensor]:
        tasks, observation = environment.reset(seed, trials)
        luck = _luck(seed, trials)

        def step(state: tuple, number: tf.Tensor) -> tuple[tuple, tuple]:
            task, memory, told = state
            logits, memory = policy.step(told, memory)
            action = choose(tf.nn.softmax(logits), luck + tf.cast(number, tf.int64), greedy=greedy)
            task, observation, reward, done = environment.step(task, action)
            told = _told(environment, observation, action, reward, tf.cast(done, tf.float32))
            return (task, memory, told), (action, reward)

        nothing = tf.fill([trials], -1), tf.zeros([trials]), tf.zeros([trials])
        begin = (tasks, policy.initial_state(trials), _told(environment, observation, *nothing))
        output = (tf.TensorSpec([trials], tf.int32), tf.TensorSpec([trials]))
        _, (actions, rewards) = unroll(step, begin, environment.trial_length, output=output)
        return tasks, tf.transpose(actions), tf.transpose(rewards)

    tasks, actions, rewards = tf.nest.map_structure(lambda x: x.numpy(), run())
    return Trials(rewards, actions, tasks)


def play_model(
    ask: Callable[[str, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]],
    environment: TrialEnvironment,
    *,
    trials: int,
    seed: Sequence[int] = (0, 0),
    greedy: bool = False,
) -> Trials:
    """Plays like `play` with a model that is asked for every step, here or over a network.

    Args:
        ask: asks a signature, by its name and with its inputs, such as `tfmeta.core.hub.LoadedModel.ask`. The
            signatures are those of `tfmeta.rl.policy_servable`.
        environment: the distribution of tasks.
        trials: tasks, B.
        seed: two integers, of tasks and luck; equal ones play what `play` plays.
        greedy: takes the likeliest action.

    Returns:
        The trials.

    Raises:
        TfmetaError: if the model knows another number of actions.
    """
    tasks, observation = environment.reset(seed, trials)
    luck, task = _luck(seed, trials).numpy(), tasks
    state = ask("initial_state", {"batch": np.zeros(trials, np.int64)})
    told = (np.full(trials, -1, np.int32), np.zeros(trials, np.float32), np.zeros(trials, bool))
    actions, rewards = [], []
    for number in range(environment.trial_length):
        step = _told(environment, observation.numpy(), *told)
        answer = dict(ask("act", {**step, "seed": luck + number, **state}))
        action, probabilities = np.asarray(answer.pop("action")), np.asarray(answer.pop("probabilities"))
        if probabilities.shape[1] != environment.actions:
            raise TfmetaError(
                f"The model chooses among {probabilities.shape[1]} actions, and these tasks have"
                f" {environment.actions}; play the tasks that it was trained for."
            )
        state = answer
        action = probabilities.argmax(axis=1).astype(np.int32) if greedy else action
        task, observation, reward, done = environment.step(task, tf.constant(action))
        told = (action, reward.numpy(), done.numpy())
        actions.append(action)
        rewards.append(told[1])
    return Trials(
        np.stack(rewards, 1), np.stack(actions, 1), tf.nest.map_structure(lambda x: x.numpy(), tasks)
    )


def _luck(seed: Sequence[int], trials: int) -> tf.Tensor:
    """Returns the seed of each trial's first step; those of the others follow it."""
    return tf.random.stateless_uniform(
        [trials], derived_seeds(seed, 1)[0], minval=None, maxval=None, dtype=tf.int64
    )


def _told(
    environment: TrialEnvironment, observation: Any, action: Any, reward: Any, done: Any
) -> dict[str, Any]:
    told = {"previous_action": action, "previous_reward": reward, "done": done}
    return {**told, "observation": observation} if environment.observation_size else told
