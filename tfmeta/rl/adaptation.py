"""Adapts a policy to tasks by gradient steps, and measures its return after each; here, or as it is served."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.rl.environments.episode_environment import EpisodeEnvironment
from tfmeta.rl.episodes import Episodes, odd_rewards_in_words, returns_of
from tfmeta.rl.policy_learner import MAMLPolicyLearner

__all__ = ["adapt_and_play", "adapt_and_play_model", "drawn_tasks", "play_model_episodes"]

Ask = Callable[[str, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def adapt_and_play(
    learner: MAMLPolicyLearner,
    environment: EpisodeEnvironment,
    *,
    tasks: int,
    episodes: int,
    rates: Sequence[float],
    seed: Sequence[int] = (0, 0),
    watch: Callable[[int, Episodes], None] | None = None,
) -> np.ndarray:
    """Plays in new tasks, takes a gradient step in each, plays again, and so on.

    Args:
        learner: whose policy plays.
        environment: the distribution of tasks.
        tasks: how many, B.
        episodes: of each task before each step, and after the last.
        rates: of each gradient step, U of them.
        seed: two integers, of the tasks and the episodes.
        watch: is called with the number of steps so far, and the episodes that were played then.

    Returns:
        The mean return of each task before the first step and after each, ``[U + 1, B]``.

    Raises:
        ValueError: for less than one task or one episode.
        TfmetaError: where rewards of the environment are not finite.

    Example:
        >>> from tfmeta.rl import GaussianPolicy, PointNavigation
        >>> environment = PointNavigation(horizon=5)
        >>> learner = MAMLPolicyLearner(environment, GaussianPolicy(2, 2, units=[4], seed=0))
        >>> adapt_and_play(learner, environment, tasks=3, episodes=2, rates=[0.1, 0.05]).shape
        (3, 3)
    """
    drawn, of_rounds = drawn_tasks(environment, tasks, seed), _seeds_of_rounds(seed, len(rates) + 1)

    @tf.function(autograph=False, reduce_retracing=True)
    def play(weights: list[tf.Tensor], seed: tf.Tensor) -> Episodes:
        return learner.play(weights, drawn, seed, episodes, environment)

    adapt = tf.function(learner.adapt, autograph=False)
    weights, returns = learner.policy.repeated(tasks), []
    for number, of_round in enumerate(of_rounds):
        with odd_rewards_in_words():
            played = play(weights, of_round)
        returns.append(returns_of(played).numpy())
        if watch is not None:
            watch(number, played)
        if number < len(rates):
            weights = adapt(weights, played, tf.constant(rates[number], tf.float32))
    return np.stack(returns)


def adapt_and_play_model(
    ask: Ask,
    environment: EpisodeEnvironment,
    *,
    tasks: int,
    episodes: int,
    updates: int,
    seed: Sequence[int] = (0, 0),
    sees_task: bool = False,
) -> np.ndarray:
    """Does as `adapt_and_play` with a model that is asked for every action and every gradient step.

    Args:
        ask: asks a signature, by its name and with its inputs, such as `tfmeta.core.hub.LoadedModel.ask`. The
            signatures are those of `tfmeta.rl.adaptive_policy_servable`.
        environment: the distribution of tasks.
        tasks: how many, B; equal seeds give the tasks of `adapt_and_play`.
        episodes: of each task before each gradient step, and after the last.
        updates: gradient steps, U. The model knows their rates.
        seed: two integers, of the tasks and the episodes.
        sees_task: appends `EpisodeEnvironment.describe` to each observation, for a model that is an oracle.

    Returns:
        The mean return of each task before the first step and after each, ``[U + 1, B]``.
    """
    drawn, of_rounds = drawn_tasks(environment, tasks, seed), _seeds_of_rounds(seed, updates + 1)
    state = ask("initial_state", {"batch": np.zeros(tasks, np.int64)})["task_state"]
    returns = []
    for number, of_round in enumerate(of_rounds):
        played = play_model_episodes(
            ask, state, environment, drawn, episodes=episodes, seed=of_round, sees_task=sees_task
        )
        returns.append(played["rewards"].sum(axis=2).mean(axis=1))
        if number < updates:
            state = ask("adapt", {**played, "task_state": state})["task_state"]
    return np.stack(returns)


def drawn_tasks(environment: EpisodeEnvironment, tasks: int, seed: Sequence[int]) -> Any:
    """Returns the tasks in which `adapt_and_play` plays."""
    check(tasks >= 1, f"tasks={tasks}; expected at least 1 task.")
    return environment.draw(derived_seeds(seed, 0)[0], tasks)


def _seeds_of_rounds(seed: Sequence[int], rounds: int) -> list[tf.Tensor]:
    return derived_seeds(seed, *range(1, rounds + 1))


def play_model_episodes(
    ask: Ask,
    task_state: np.ndarray,
    environment: EpisodeEnvironment,
    tasks: Any,
    *,
    episodes: int,
    seed: tf.Tensor | Sequence[int],
    sees_task: bool = False,
) -> dict[str, np.ndarray]:
    """Plays episodes in each task with a model that is asked for every action.

    Args:
        ask: asks a signature, by its name and with its inputs.
        task_state: of each task, ``[B, S]``.
        environment: where it acts.
        tasks: what ``environment.draw`` returned.
        episodes: of each task, K.
        seed: two integers ``[2]``.
        sees_task: appends `EpisodeEnvironment.describe` to each observation.

    Returns:
        What the signature ``adapt`` takes of the episodes: ``observations [B, K, T, D]``, ``actions [B, K, T, A]``,
        ``rewards [B, K, T]`` and ``steps [B, K]``.
    """
    rows = tf.nest.map_structure(lambda x: tf.repeat(x, episodes, axis=0), tasks)
    of_episodes, of_actions = derived_seeds(seed, 0, 1)
    state, observation = environment.begin(rows, of_episodes)
    count = len(task_state)
    shown = [environment.describe(rows)] if sees_task else []
    seeds = tf.random.stateless_uniform([count, episodes], of_actions, None, None, tf.int64).numpy()
    seen, actions, rewards, going = [], [], [], []
    still = np.ones([count, episodes], bool)
    for number in range(environment.trial_length):
        seen.append(np.concatenate([observation, *shown], axis=1).reshape(count, episodes, -1))
        answer = ask("act", {"observation": seen[-1], "seed": seeds + number, "task_state": task_state})
        actions.append(np.asarray(answer["action"]))
        state, observation, reward, ends = environment.step(
            state, tf.reshape(actions[-1], [-1, environment.action_size])
        )
        rewards.append(np.where(still, np.reshape(reward, [count, episodes]), 0))
        going.append(still)
        still = still & ~np.reshape(ends, [count, episodes])
    return {
        "observations": np.stack(seen, 2),
        "actions": np.stack(actions, 2),
        "rewards": np.stack(rewards, 2),
        "steps": np.stack(going, 2).sum(axis=2).astype(np.int32),
    }
