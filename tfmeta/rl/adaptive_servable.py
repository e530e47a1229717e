"""A policy that adapts by gradient steps as a servable: it acts, it is shown its episodes, and it acts better."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.checks import check
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.core.row_checks import check_most_rows
from tfmeta.core.shapes import pack_tasks, unpack_tasks
from tfmeta.rl.choice import normal
from tfmeta.rl.episodes import Episodes
from tfmeta.rl.gaussian_policy import GaussianPolicy
from tfmeta.rl.policy_gradient import experience_of, policy_gradient_steps

__all__ = ["adaptive_policy_servable"]

_FIX = "send back what adapt or initial_state of this model returned, unchanged"
_EXAMPLE = 4, 10  # episodes, and their steps at most


def adaptive_policy_servable(
    policy: GaussianPolicy,
    name: str,
    *,
    rates: Sequence[float],
    horizon: int,
    discount: float,
    gae_lambda: float,
    card: Card,
) -> Servable:
    """Makes the signatures of a policy that adapts.

    ===================  ===========================================  =====================================
    signature            inputs                                       outputs
    ===================  ===========================================  =====================================
    ``initial_state``    batch ``[B]`` int64, any number for a task   task_state ``[B, S]``
    ``act``              observation ``[B, Q, D]``, seed ``[B, Q]``   action ``[B, Q, A]``, drawn from the
                         int64, task_state ``[B, S]``                 policy; mean ``[B, Q, A]``
    ``adapt``            observations ``[B, K, T, D]``, actions       task_state ``[B, S]``, after one
                         ``[B, K, T, A]``, rewards ``[B, K, T]``,     policy-gradient step
                         steps ``[B, K]`` int32, task_state
                         ``[B, S]``
    ``serving_default``  as ``act``
    ===================  ===========================================  =====================================

    Rows are tasks. Q observations of a task are answered at once, for example those of K episodes that are played side
    by side. ``adapt`` takes K episodes that were played with this ``task_state``; ``steps`` says how many of the T
    steps each has lasted, and what comes later does not count. The task state holds the weights and the number of
    updates, so the rate of the next update is known. Servers keep nothing, and any replica can answer.

    An action is drawn by its seed and nothing else: equal requests are answered alike. Ask with another seed at every
    step. ``mean`` is the action without noise.

    Args:
        policy: with its trained weights.
        name: name of the model.
        rates: of the first update, the second, and so on; the last one is that of all later ones too.
        horizon: steps of an episode at most, T.
        discount: of rewards, γ.
        gae_lambda: of the advantages, λ.
        card: the model card.

    Returns:
        A servable for `tfmeta.core.export.export`.

    Raises:
        ValueError: where there is no rate.

    Example:
        >>> policy = GaussianPolicy(2, 2, units=[4], seed=0)
        >>> servable = adaptive_policy_servable(
        ...     policy, "walker", rates=[0.1], horizon=100, discount=0.99, gae_lambda=1.0, card=Card("Walks.")
        ... )
        >>> [spec.name for spec in servable.signatures["act"].inputs]
        ['observation', 'seed', 'task_state']
    """
    check(len(rates) >= 1, "rates is empty; expected the rate of the first update at least.")
    shapes = [tuple(w.shape) for w in policy.slow_weights()]
    size = 1 + sum(int(np.prod(shape)) for shape in shapes)
    seen, does = policy.observation_size, policy.action_size
    rate_of = tf.constant(list(rates), tf.float32)

    def initial_state(batch: tf.Tensor) -> Mapping[str, tf.Tensor]:
        (batch,) = check_leading(batch=check_most_rows(check_shape("batch", batch, ("B",)), "batch"))
        tasks = tf.shape(batch)[0]
        return {"task_state": pack_tasks([*policy.repeated(tasks), tf.zeros([tasks, 1])])}

    def act(observation: tf.Tensor, seed: tf.Tensor, task_state: tf.Tensor) -> Mapping[str, tf.Tensor]:
        observation = check_finite("observation", check_shape("observation", observation, ("B", "Q", seen)))
        seed = check_shape("seed", seed, ("B", "Q"))
        observation, seed, task_state = check_leading(
            observation=observation, seed=seed, task_state=_checked_state(task_state, size)
        )
        asked, seeds = tf.shape(observation)[1], tf.shape(seed)[1]
        message = "; expected as many, a seed for each observation."
        (observation,) = after(
            [
                require(
                    asked == seeds,
                    "observation and seed hold for each task ",
                    tf.stack([asked, seeds]),
                    message,
                )
            ],
            observation,
        )
        weights, _ = _parts(task_state, shapes)
        given = policy.distribution(weights, observation)
        action = given.mean + tf.exp(given.log_std) * normal(seed, does)
        return {"action": action, "mean": given.mean}

    def adapt(task_state: tf.Tensor, **played: tf.Tensor) -> Mapping[str, tf.Tensor]:
        episodes, task_state = _checked_episodes(policy, played, _checked_state(task_state, size))
        weights, updates = _parts(task_state, shapes)
        rate = tf.gather(
            rate_of, tf.cast(tf.clip_by_value(updates[:, 0], 0.0, len(rates) - 1.0), tf.int32)
        )  # [B]
        experience = experience_of(policy, weights, episodes, discount=discount, gae_lambda=gae_lambda)
        weights = policy_gradient_steps(policy, weights, [experience], [rate], first_order=True)
        return {"task_state": pack_tasks([*weights, updates + 1.0])}

    state = tf.TensorSpec([None, size], name="task_state")
    asked = Signature(
        act,
        (
            tf.TensorSpec([None, None, seen], name="observation"),
            tf.TensorSpec([None, None], tf.int64, "seed"),
            state,
        ),
        {
            "observation": np.linspace(-1, 1, 2 * seen, dtype=np.float32).reshape(1, 2, seen),
            "seed": np.array([[7, 8]], np.int64),
            "task_state": initial_state(tf.zeros([1], tf.int64))["task_state"].numpy(),
        },
    )
    played = Signature(
        adapt,
        (
            tf.TensorSpec([None, None, None, seen], name="observations"),
            tf.TensorSpec([None, None, None, does], name="actions"),
            tf.TensorSpec([None, None, None], name="rewards"),
            tf.TensorSpec([None, None], tf.int32, "steps"),
            state,
        ),
        _example(policy, horizon, asked.example["task_state"]),
    )
    begin = Signature(
        initial_state, (tf.TensorSpec([None], tf.int64, "batch"),), {"batch": np.zeros([1], np.int64)}
    )
    signatures = {"serving_default": asked, "initial_state": begin, "act": asked, "adapt": played}
    return Servable(name, signatures, card)


def _parts(task_state: tf.Tensor, shapes: Sequence[Sequence[int]]) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns the weights of each task, and how many updates led to them, ``[B, 1]``."""
    *weights, updates = unpack_tasks(task_state, [*shapes, (1,)])
    return weights, updates


def _checked_state(task_state: tf.Tensor, size: int) -> tf.Tensor:
    return check_finite("task_state", check_shape("task_state", task_state, ("B", size), _FIX))


def _checked_episodes(
    policy: GaussianPolicy, played: Mapping[str, tf.Tensor], task_state: tf.Tensor
) -> tuple[Episodes, tf.Tensor]:
    """Returns episodes and the task state, once it is sure that they fit each other and the policy."""
    shapes: Mapping[str, tuple[int | str, ...]] = {
        "observations": ("B", "K", "T", policy.observation_size),
        "actions": ("B", "K", "T", policy.action_size),
        "rewards": ("B", "K", "T"),
        "steps": ("B", "K"),
    }
    checked = {name: check_shape(name, played[name], shape) for name, shape in shapes.items()}
    for name in ("observations", "actions", "rewards"):
        checked[name] = check_finite(name, checked[name])
    observation, action, reward, steps, task_state = check_leading(**checked, task_state=task_state)
    episodes, length = tf.shape(observation)[1], tf.shape(observation)[2]
    same = tf.stack([tf.shape(x)[1] for x in (observation, action, reward, steps)])
    long = tf.stack([tf.shape(x)[2] for x in (observation, action, reward)])
    whole = tf.reduce_all((steps >= 1) & (steps <= length))
    observation, action, reward, steps = after([
        require(tf.reduce_all(same == episodes) & (episodes > 0), "observations, actions, rewards, steps hold ", same,
                " episodes of a task; expected the same number, at least 1."),
        require(tf.reduce_all(long == length) & (length > 0), "observations, actions, rewards hold ", long,
                " steps of an episode; expected the same number, at least 1."),
        require(whole, "steps holds numbers from ", tf.reduce_min(steps), " to ", tf.reduce_max(steps), "; expected"
                " how many steps each episode has lasted, from 1 to the ", length, " that were sent."),
    ], observation, action, reward, steps)  # fmt: skip
    going = tf.sequence_mask(steps, length, tf.float32)
    return Episodes(observation, action, reward * going, going), task_state


def _example(policy: GaussianPolicy, horizon: int, task_state: np.ndarray) -> dict[str, np.ndarray]:
    """Returns a request with episodes whose actions the policy would take; others are so unlikely that they explode."""
    random = np.random.default_rng(0)
    episodes, length = _EXAMPLE[0], min(_EXAMPLE[1], horizon)
    seen = random.uniform(-0.5, 0.5, [1, episodes, length, policy.observation_size]).astype(np.float32)
    given = policy.distribution(policy.repeated(1), seen.reshape(1, -1, policy.observation_size))
    actions = given.mean + tf.exp(given.log_std) * random.normal(size=given.mean.shape).astype(np.float32)
    return {
        "observations": seen,
        "actions": np.reshape(actions, [1, episodes, length, policy.action_size]),
        "rewards": -np.square(seen).sum(axis=-1),
        "steps": np.full([1, episodes], length, np.int32),
        "task_state": task_state,
    }
