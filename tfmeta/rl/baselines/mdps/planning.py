"""Plans in tabular MDPs of a finite horizon: value iteration for many MDPs at once."""

import numpy as np

__all__ = ["evaluate_plan", "extended_plan", "plan"]


def plan(transitions: np.ndarray, rewards: np.ndarray, horizon: int) -> np.ndarray:
    r"""Solves MDPs by value iteration.

    .. math:: Q_h(s, a) = R(s, a) + \sum_{s'} P(s' \mid s, a) \max_{a'} Q_{h+1}(s', a'), \qquad Q_H = 0

    Args:
        transitions: P, ``[B, S, A, S]``.
        rewards: mean rewards R, ``[B, S, A]``.
        horizon: steps of an episode, H.

    Returns:
        Q at each step of an episode, ``[B, H, S, A]``.

    Example:
        >>> stay = np.eye(2)[None, :, None, :]
        >>> plan(stay, np.array([[[1.0], [2.0]]]), horizon=3)[0, 0, :, 0].tolist()
        [3.0, 6.0]
    """
    trials, states, actions = rewards.shape
    q = np.empty((trials, horizon, states, actions))
    rows, value = transitions.reshape(trials, states * actions, states), np.zeros((trials, states))
    for h in reversed(range(horizon)):
        q[:, h] = rewards + (rows @ value[:, :, None]).reshape(rewards.shape)
        value = q[:, h].max(axis=-1)
    return q


def extended_plan(
    transitions: np.ndarray, rewards: np.ndarray, horizon: int, distance: np.ndarray
) -> np.ndarray:
    r"""Solves, for each MDP, the most favourable one whose transitions are near to it.

    .. math::
        Q_h(s, a) = R(s, a) + \max_{\lVert \tilde P - P(\cdot \mid s, a) \rVert_1 \le d(s, a)} \sum_{s'} \tilde P(s')
        \max_{a'} Q_{h+1}(s', a')

    The maximum has a closed form: half of d is moved to the best next state, from the worst ones.

    Args:
        transitions: P, ``[B, S, A, S]``.
        rewards: mean rewards R, ``[B, S, A]``.
        horizon: steps of an episode, H.
        distance: d, ``[B, S, A]``.

    Returns:
        Q at each step of an episode, ``[B, H, S, A]``.

    Reference:
        Jaksch, Ortner & Auer 2010, Near-optimal Regret Bounds for Reinforcement Learning, figure 2.
    """
    trials, states, actions = rewards.shape
    q = np.empty((trials, horizon, states, actions))
    value = np.zeros((trials, states))
    for h in reversed(range(horizon)):
        worst_first = value.argsort(axis=1)[:, None, None, :]
        p = np.take_along_axis(transitions, worst_first, axis=-1)
        moved = np.minimum(distance / 2, 1 - p[..., -1])
        # What is left to be taken, once the states before have given all that they had.
        before = np.concatenate([np.zeros((*rewards.shape, 1)), p[..., :-2].cumsum(axis=-1)], axis=-1)
        p[..., :-1] -= np.clip(moved[..., None] - before, 0.0, p[..., :-1])
        p[..., -1] += moved
        sorted_value = np.take_along_axis(value, worst_first[:, 0, 0], axis=1)
        rows = p.reshape(trials, states * actions, states)
        q[:, h] = rewards + (rows @ sorted_value[:, :, None]).reshape(rewards.shape)
        value = q[:, h].max(axis=-1)
    return q


def evaluate_plan(transitions: np.ndarray, rewards: np.ndarray, choices: np.ndarray) -> np.ndarray:
    """Computes what fixed choices earn.

    Args:
        transitions: ``[B, S, A, S]``.
        rewards: mean rewards, ``[B, S, A]``.
        choices: the action at each step in each state, integers ``[B, H, S]``.

    Returns:
        The mean return of an episode from each state, ``[B, S]``.
    """
    trials, states, _ = rewards.shape
    b, s = np.arange(trials)[:, None], np.arange(states)[None, :]
    value = np.zeros((trials, states))
    for h in reversed(range(choices.shape[1])):
        a = choices[:, h]
        value = rewards[b, s, a] + (transitions[b, s, a] * value[:, None, :]).sum(axis=-1)
    return value
