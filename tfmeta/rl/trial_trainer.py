"""Learning over trials under Keras's `fit`."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check, nearest
from tfmeta.rl.environments.environment import TrialEnvironment
from tfmeta.rl.trial_network import TrialNetwork
from tfmeta.rl.trial_value import TrialValue

__all__ = ["AGENTS", "TrialTrainer"]

AGENTS = {"ppo": "ppo.TrialPPOAgent", "trpo": "trpo.TRPOAgent"}
"""What may train, and where it is in `tfmeta.rl.agents`."""


class TrialTrainer(keras.Model):
    r"""Trains a policy for the reward of whole trials, in tasks that it has never seen:

    .. math:: \max_\theta \; E_{\text{task}}\, E_{\pi_\theta} \Big[\sum_{t=1}^{T} \gamma^{t-1} r_t\Big],

    where what the policy remembers goes on from episode to episode of a trial. A training step plays one trial in each
    of `trials` fresh tasks with TF-Agents' driver, and lets an agent of TF-Agents learn from them.

    ``fit`` and callbacks are Keras's own. The metrics are ``return``, the mean reward of a whole trial, ``kl``, how far
    the policy moved, ``entropy``, and ``explained``, the part of the returns' variance that the value function foresaw.
    A run resumes at batch number `rounds` of `batch_seeds`, which ``save_weights`` keeps together with the networks and
    the optimizer. TF-Agents is needed from `compile` on, and not before.

    Args:
        environment: the distribution of tasks.
        policy: of one output an action.
        value: foresees what is left of a trial.
        trials: tasks of a training step, B.
        agent: ``"trpo"`` or ``"ppo"``.
        options: further arguments of the agent; see `tfmeta.rl.agents`.

    Raises:
        ValueError: for an unknown agent, or a network that does not fit the environment.

    Example:
        >>> from tfmeta.rl.environments import BanditEnvironment
        >>> policy = TrialNetwork(5, 0, outputs=5, units=64, head_scale=0.1, seed=0)
        >>> value = TrialValue(TrialNetwork(5, 0, outputs=1, units=64, seed=1), trial_length=10)
        >>> trainer = TrialTrainer(BanditEnvironment(arms=5, pulls=10), policy, value, trials=2500)
        >>> trainer.compile(keras.optimizers.Adam(1e-3))                    # doctest: +SKIP
        >>> from tfmeta.core.batch_seeds import batch_seeds
        >>> trainer.fit(batch_seeds(0), epochs=10, steps_per_epoch=10)      # doctest: +SKIP

    Reference:
        Duan et al. 2016, RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, section 2.
    """

    def __init__(
        self,
        environment: TrialEnvironment,
        policy: TrialNetwork,
        value: TrialValue,
        *,
        trials: int,
        agent: str = "trpo",
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(agent in AGENTS, f"There is no agent {agent!r}. {nearest(agent, AGENTS)}")
        check(trials >= 1, f"trials={trials}; expected at least 1.")
        check(
            policy.outputs == environment.actions,
            f"The policy has {policy.outputs} outputs, and the tasks {environment.actions} actions; expected as many.",
        )
        check(
            value.trial_length == environment.trial_length,
            f"The value function is for trials of {value.trial_length} steps, and these have"
            f" {environment.trial_length}; build it with trial_length={environment.trial_length}.",
        )
        for name, network in (("policy", policy), ("value function", value.network)):
            sizes = (network.actions, network.observation_size)
            expected = (environment.actions, environment.observation_size)
            check(
                sizes == expected,
                f"The {name} takes actions and observations of sizes {sizes}, not {expected}.",
            )
        # XLA on a CPU makes these graphs slower.
        self.supports_jit = False
        self.environment, self.policy, self.value = environment, policy, value
        self.trials, self.agent_name, self.options = trials, agent, dict(options or {})
        self.rounds = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="rounds"
        )
        names = ("return", "kl", "entropy", "explained")
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}
        self.built = True

    def compile(self, optimizer: keras.optimizers.Optimizer, **kwargs: Any) -> None:
        """Chooses the optimizer, and builds the agent and the driver.

        Args:
            optimizer: of the value function, and with PPO of the policy too.
            **kwargs: see `keras.Model.compile`.

        Raises:
            TfmetaError: where TF-Agents cannot be used.
        """
        from tfmeta.rl.agents import PolicyNetwork, TFTrialEnvironment, TrialDriver, TrialPolicy, ValueNetwork

        super().compile(optimizer=optimizer, **kwargs)
        optimizer.build(self.trainable_variables)
        environment = TFTrialEnvironment(self.environment, self.trials)
        specs = environment.time_step_spec(), environment.action_spec()
        policy = PolicyNetwork(environment.observation_spec(), self.policy)
        value = ValueNetwork(environment.observation_spec(), self.value)
        module, _, name = AGENTS[self.agent_name].partition(".")
        agent = getattr(import_module(f"tfmeta.rl.agents.{module}"), name)
        self.agent = agent(*specs, actor_net=policy, value_net=value, optimizer=optimizer, **self.options)
        self.driver = TrialDriver(environment, TrialPolicy(*specs, policy))

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.trackers.values())

    def train_step(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        trials = self.driver.collect(seed)
        progress = self.agent.train(trials).extra
        self.trackers["return"].update_state(tf.reduce_sum(trials.reward[:, :-1], axis=1))
        for name, number in progress._asdict().items():
            self.trackers[name].update_state(number)
        self.rounds.assign_add(1)
        return self.get_metrics_result()
