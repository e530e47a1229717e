"""Keras 3 layers as networks of TF-Agents."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.rl.agents.legacy_keras import require_tf_agents
from tfmeta.rl.trial_network import Step, TrialNetwork
from tfmeta.rl.trial_value import TrialValue

require_tf_agents()

import tensorflow_probability as tfp  # noqa: E402
from tf_agents.networks import network  # noqa: E402

__all__ = ["PolicyNetwork", "ValueNetwork"]


def _variables(layer: keras.layers.Layer) -> list[tf.Variable]:
    """The variables below Keras 3's: a network of TF-Agents, which is a layer of Keras 2, finds those in a list."""
    return [variable.value for variable in layer.trainable_variables]


class PolicyNetwork(network.Network):
    """The distribution of the next action, from a `TrialNetwork`.

    Takes one step of each trial with its state, or whole trials from their first step on; these need no state.

    Args:
        spec: of what a step tells.
        trial_network: of one output an action, its logit.

    Example:
        >>> from tfmeta.rl.agents.trial_environment import step_spec
        >>> from tfmeta.rl.environments import BanditEnvironment
        >>> spec = step_spec(BanditEnvironment(arms=5, pulls=10))
        >>> PolicyNetwork(spec, TrialNetwork(5, 0, 5, units=16)).state_spec.shape
        TensorShape([16])
    """

    def __init__(self, spec: dict[str, tf.TensorSpec], trial_network: TrialNetwork):
        super().__init__(spec, state_spec=tf.TensorSpec([trial_network.state_size]), name="policy")
        self._trial_network = trial_network
        self._weights_below = _variables(trial_network)

    def call(
        self, inputs: Step, step_type: Any = None, network_state: Any = (), training: bool = False
    ) -> tuple[tfp.distributions.Categorical, Any]:
        """Returns the distribution and the next state."""
        if inputs["done"].shape.rank == 1:
            logits, state = self._trial_network.step(inputs, network_state)
        else:
            logits = self._trial_network(inputs)
            state = self._trial_network.initial_state(
                tf.shape(logits)[0]
            )  # of no use, but a network returns one
        return tfp.distributions.Categorical(logits=logits, dtype=tf.int32), state


class ValueNetwork(network.Network):
    """The value of each step of whole trials, from a `TrialValue`.

    Args:
        spec: of what a step tells.
        trial_value: the value function.
    """

    def __init__(self, spec: dict[str, tf.TensorSpec], trial_value: TrialValue):
        super().__init__(spec, name="value")
        self._trial_value = trial_value
        self._weights_below = _variables(trial_value)

    def call(
        self, inputs: Step, step_type: Any = None, network_state: Any = (), training: bool = False
    ) -> tuple[tf.Tensor, Any]:
        """Returns the values, and the state as it came."""
        if inputs["done"].shape.rank == 1:  # the first step of a trial
            values = self._trial_value({key: x[:, None] for key, x in inputs.items()})[:, 0]
        else:
            values = self._trial_value(inputs)
        return values, network_state
