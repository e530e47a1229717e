"""A policy that learns within a trial as a servable: whoever holds its state asks for the next action."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.core.row_checks import check_most_rows
from tfmeta.rl.choice import choose
from tfmeta.rl.trial_network import TrialNetwork

__all__ = ["policy_servable"]

_FIX = "send back what act or initial_state of this model returned, unchanged"


def policy_servable(policy: TrialNetwork, name: str, *, card: Card) -> Servable:
    """Makes the signatures of a policy.

    ===================  ============================================  ==================================
    signature            inputs                                        outputs
    ===================  ============================================  ==================================
    ``initial_state``    batch ``[B]`` int64, any number for a trial   state ``[B, H]``, before its first step
    ``act``              observation ``[B, D]``, unless there is       action ``[B]`` int32,
                         nothing to see; previous_action ``[B]``       probabilities ``[B, A]``,
                         int32, -1 at first; previous_reward           state ``[B, H]``
                         ``[B]``; done ``[B]`` bool, whether that
                         ended an episode; seed ``[B]`` int64;
                         state ``[B, H]``
    ``serving_default``  as ``act``
    ===================  ============================================  ==================================

    Rows are trials in tasks of their own. What the policy has learnt of a task is in its state, which goes in and
    comes out under the same name, so that any replica can answer. The action is drawn by the seed of its row and
    nothing else: equal requests are answered alike. Ask with another seed at every step.

    Args:
        policy: of one output an action, with its trained weights.
        name: name of the model.
        card: the model card.

    Returns:
        A servable for `tfmeta.core.export.export`.

    Example:
        >>> policy = TrialNetwork(actions=5, observation_size=0, outputs=5, units=8, seed=0)
        >>> servable = policy_servable(policy, "policy", card=Card("Plays bandits."))
        >>> [spec.name for spec in servable.signatures["act"].inputs]
        ['previous_action', 'previous_reward', 'done', 'seed', 'state']
    """

    def initial_state(batch: tf.Tensor) -> Mapping[str, tf.Tensor]:
        (batch,) = check_leading(batch=check_most_rows(check_shape("batch", batch, ("B",)), "batch"))
        return {"state": policy.initial_state(tf.shape(batch)[0])}

    def act(**inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        inputs = _checked(policy, inputs)
        seed, state = inputs.pop("seed"), inputs.pop("state")
        logits, state = policy.step({**inputs, "done": tf.cast(inputs["done"], tf.float32)}, state)
        probabilities = tf.nn.softmax(logits)
        return {"action": choose(probabilities, seed), "probabilities": probabilities, "state": state}

    seen = (
        [tf.TensorSpec([None, policy.observation_size], name="observation")]
        if policy.observation_size
        else []
    )
    specs = (
        *seen,
        tf.TensorSpec([None], tf.int32, "previous_action"),
        tf.TensorSpec([None], tf.float32, "previous_reward"),
        tf.TensorSpec([None], tf.bool, "done"),
        tf.TensorSpec([None], tf.int64, "seed"),
        tf.TensorSpec([None, policy.state_size], name="state"),
    )
    asked = Signature(act, specs, _example(policy))
    begin = Signature(
        initial_state, (tf.TensorSpec([None], tf.int64, "batch"),), {"batch": np.zeros([1], np.int64)}
    )
    return Servable(name, {"serving_default": asked, "initial_state": begin, "act": asked}, card)


def _checked(policy: TrialNetwork, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the inputs, once it is sure that they fit each other and the policy."""
    widths: Mapping[str, tuple[int | None, str]] = {
        "observation": (policy.observation_size, ""),
        "state": (policy.state_size, _FIX),
    }
    checked = {}
    for name, x in inputs.items():
        width, fix = widths.get(name, (None, ""))
        shape: list[int | str] = ["B"] if width is None else ["B", width]
        checked[name] = check_shape(name, x, shape, fix)
    checked = dict(zip(checked, check_leading(**checked), strict=True))
    for name, x in checked.items():
        if x.dtype.is_floating:
            checked[name] = check_finite(name, x)
    action, last = checked["previous_action"], policy.actions - 1
    known = tf.reduce_all((action >= -1) & (action <= last))
    message = f"previous_action must be from 0 to {last}, or -1 at the first step of a trial; it holds "
    (checked["previous_action"],) = after([require(known, message, action)], action)
    return checked


def _example(policy: TrialNetwork) -> dict[str, np.ndarray]:
    """Returns a request in the midst of a trial."""
    first = {
        "previous_action": np.array([-1], np.int32),
        "previous_reward": np.zeros([1], np.float32),
        "done": np.zeros([1], bool),
    }
    if policy.observation_size:
        first["observation"] = np.eye(1, policy.observation_size, dtype=np.float32)
    told = {name: tf.constant(x, tf.float32 if x.dtype == bool else x.dtype) for name, x in first.items()}
    _, state = policy.step(told, policy.initial_state(1))
    second = {
        **first,
        "previous_action": np.array([0], np.int32),
        "previous_reward": np.ones([1], np.float32),
    }
    return {**second, "seed": np.array([7], np.int64), "state": state.numpy()}
