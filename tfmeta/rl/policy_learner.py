"""MAML for reinforcement learning: initial weights from which one policy-gradient step makes a good policy."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.rl.environments.episode_environment import EpisodeEnvironment
from tfmeta.rl.episodes import Episodes, odd_rewards_in_words, play_episodes, returns_of
from tfmeta.rl.gaussian_policy import GaussianPolicy
from tfmeta.rl.meta_objective import Collected, MetaObjective
from tfmeta.rl.policy_gradient import Experience, experience_of, policy_gradient_steps
from tfmeta.rl.trust_region import TrustRegion

__all__ = ["MAMLPolicyLearner"]

Weights = Sequence[tf.Tensor]


class MAMLPolicyLearner(keras.Model):
    r"""Trains the initial weights of a policy for its return after policy-gradient steps in a new task:

    .. math:: \max_\theta \; E_{\text{task}}\, E_{\pi_{\theta'}} \Big[\sum_{t=1}^{T} r_t\Big], \quad
        \theta' = \theta + \alpha \nabla_\theta E_{\pi_\theta}\Big[\sum_{t=1}^{T} r_t\Big].

    A training step draws tasks, plays episodes in each, adapts the policy to each, plays again, and moves θ. TRPO moves
    it by `TrustRegion`, with the Fisher matrix of a part of the tasks. PPO moves it by a few steps of the optimizer.

    ``fit`` and callbacks are Keras's own. The metrics:

    ===========  ==============================================
    ``before``   return of an episode before the inner steps
    ``after``    the same after them
    ``kl``       how far the adapted policies moved, in nats
    ``std``      standard deviation of the actions
    ===========  ==============================================

    With ``inner_steps=0`` the policy is trained for its return in all tasks without adapting: the baseline that is
    pretrained. With ``sees_task=True`` as well it observes what the task is: the oracle.

    Args:
        environment: the distribution of tasks.
        policy: for the environment's observations and actions.
        tasks: of a training step, B.
        episodes: of each task before an inner step, and as many after the last, K.
        inner_rate: α.
        inner_steps: policy-gradient steps in a task, each on episodes of its own.
        first_order: leaves out the derivative of the inner gradients.
        discount: of rewards, γ.
        gae_lambda: of the advantages, λ; see `advantages_of`.
        outer: ``"trpo"`` or ``"ppo"``.
        max_kl: of a step of TRPO, in nats.
        damping: what TRPO adds to the diagonal of its Fisher matrix.
        fisher_tasks: how many of the tasks TRPO's Fisher matrix is estimated on.
        clip: where PPO clips its ratio.
        passes: steps of PPO's optimizer in a training step.
        sees_task: whether the policy observes what the task is.

    Raises:
        ValueError: for a single task, no episode, a policy that does not fit the environment, or another setting that
            makes no sense.

    Example:
        >>> from tfmeta.core.batch_seeds import batch_seeds
        >>> from tfmeta.rl.environments import PointNavigation
        >>> learner = MAMLPolicyLearner(PointNavigation(), GaussianPolicy(2, 2, seed=0))
        >>> learner.compile()
        >>> learner.fit(batch_seeds(0), epochs=10, steps_per_epoch=10)      # doctest: +SKIP

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017,
        section 4.2 and algorithm 3.
    """

    def __init__(
        self,
        environment: EpisodeEnvironment,
        policy: GaussianPolicy,
        *,
        tasks: int = 20,
        episodes: int = 20,
        inner_rate: float = 0.1,
        inner_steps: int = 1,
        first_order: bool = False,
        discount: float = 0.99,
        gae_lambda: float = 1.0,
        outer: Literal["trpo", "ppo"] = "trpo",
        max_kl: float = 0.01,
        damping: float = 1e-5,
        fisher_tasks: int = 4,
        clip: float = 0.2,
        passes: int = 5,
        sees_task: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(
            isinstance(environment, EpisodeEnvironment),
            f"environment is a {type(environment).__name__}; expected an EpisodeEnvironment.",
        )
        check(
            tasks >= 2,
            f"tasks={tasks}; expected at least 2: from one task there is nothing to learn for others.",
        )
        check(episodes >= 1, f"episodes={episodes}; expected at least 1 episode of each task.")
        check(inner_steps >= 0, f"inner_steps={inner_steps}; expected 0 or more.")
        check(
            1 <= fisher_tasks <= tasks,
            f"fisher_tasks={fisher_tasks}; expected 1 to {tasks}, the tasks of a step.",
        )
        check(outer in ("trpo", "ppo"), f"outer={outer!r}; expected 'trpo' or 'ppo'.")
        for name, number in (("inner_rate", inner_rate), ("clip", clip)):
            check(0 < number < math.inf, f"{name}={number}; expected more than 0.")
        for name, number in (("discount", discount), ("gae_lambda", gae_lambda)):
            check(0 <= number <= 1, f"{name}={number}; expected a number from 0 to 1.")
        check(passes >= 1, f"passes={passes}; expected at least 1.")
        seen = environment.observation_size + (environment.task_size if sees_task else 0)
        sizes, expected = (policy.observation_size, policy.action_size), (seen, environment.action_size)
        check(
            sizes == expected,
            f"The policy takes observations and actions of sizes {sizes}, and the tasks have {expected}; build it with"
            f" GaussianPolicy{expected}.",
        )
        # XLA on a CPU makes these graphs slower.
        self.supports_jit = False
        self.environment, self.policy, self.sees_task = environment, policy, sees_task
        self.tasks, self.episodes = tasks, episodes
        self.inner_rate, self.inner_steps = inner_rate, inner_steps
        self.discount, self.gae_lambda = discount, gae_lambda
        self.outer, self.clip, self.passes, self.fisher_tasks = outer, clip, passes, fisher_tasks
        self.objective = MetaObjective(policy, [inner_rate] * inner_steps, first_order=first_order)
        self.region = TrustRegion(policy.trainable_variables, max_kl=max_kl, damping=damping)
        self.rounds = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="rounds"
        )
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("before", "after", "kl", "std")}
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.trackers.values())

    def play(
        self,
        weights: Weights,
        tasks: Any,
        seed: tf.Tensor,
        episodes: int | None = None,
        environment: EpisodeEnvironment | None = None,
    ) -> Episodes:
        """Plays episodes in each task; see `play_episodes`.

        Args:
            weights: of each task.
            tasks: what the environment drew.
            seed: two integers ``[2]``.
            episodes: of each task, `episodes` of the learner unless given.
            environment: that of the learner unless given.
        """
        return play_episodes(
            self.policy,
            weights,
            environment or self.environment,
            tasks,
            episodes=self.episodes if episodes is None else episodes,
            seed=seed,
            sees_task=self.sees_task,
        )

    def experience(self, weights: Weights, episodes: Episodes) -> Experience:
        """Returns the steps of episodes, which were played with these weights, with their advantages."""
        return experience_of(
            self.policy, weights, episodes, discount=self.discount, gae_lambda=self.gae_lambda
        )

    def adapt(
        self, weights: Weights, episodes: Episodes, rate: float | tf.Tensor | None = None
    ) -> list[tf.Tensor]:
        """Takes a policy-gradient step in each task.

        Args:
            weights: of each task, which played the episodes.
            episodes: of each task.
            rate: α; that of the training unless given.

        Returns:
            The weights of each task after the step.
        """
        rates = [self.inner_rate if rate is None else rate]
        return policy_gradient_steps(
            self.policy, weights, [self.experience(weights, episodes)], rates, first_order=True
        )

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        with odd_rewards_in_words():
            # Keras would warn that it cannot shuffle a dataset.
            return super().fit(*args, **{"shuffle": False, **kwargs})

    def train_step(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        of_tasks, *of_rounds = derived_seeds(seed, *range(self.inner_steps + 2))
        tasks = self.environment.draw(of_tasks, self.tasks)
        weights, inner, returns = self.policy.repeated(self.tasks), [], []
        for of_round in of_rounds[:-1]:
            episodes = self.play(weights, tasks, of_round)
            inner.append(self.experience(weights, episodes))
            returns.append(returns_of(episodes))
            weights = policy_gradient_steps(
                self.policy, weights, inner[-1:], [self.inner_rate], first_order=True
            )
        episodes = self.play(weights, tasks, of_rounds[-1])
        outer = self.experience(weights, episodes)
        returns.append(returns_of(episodes))
        divergence = self._move(Collected(inner, outer))
        found = {
            "before": returns[0],
            "after": returns[-1],
            "kl": divergence,
            "std": tf.exp(self.policy.log_std),
        }
        for name, number in found.items():
            self.trackers[name].update_state(number)
        self.rounds.assign_add(1)
        return self.get_metrics_result()

    def _move(self, collected: Collected) -> tf.Tensor:
        """Moves the initial weights; returns how far the adapted policies moved, in nats."""
        if self.outer == "trpo":
            few = collected.of_first(self.fisher_tasks)
            return self.region.step(
                lambda: self.objective.promise(collected), lambda: self.objective.promise(few).divergence
            ).divergence
        variables = self.policy.trainable_variables

        def climb(done: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                loss = -self.objective.clipped(collected, self.clip)
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return done + 1

        tf.while_loop(lambda done: done < self.passes, climb, [tf.constant(0)])  # traced once, however many
        return self.objective.promise(collected).divergence
