"""Learnt update rules as servables: whoever holds the gradients and the state asks for the next update."""

import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.checks import check
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.optimizers.learned_rule import LearnedRule, RuleState
from tfmeta.optimizers.rule_file import RULE_FILE, describe_rule

__all__ = ["MOST_COORDINATES", "rule_servable"]

MOST_COORDINATES = 500_000
"""How many coordinates a request may ask a state for: 160 MB for two layers of 20. All states begin with zeros."""

_EXAMPLE = np.array([[0.5, -2.0, 1e-3, 0.0, -1e-6, 30.0]], np.float32)


def rule_servable(rule: LearnedRule, name: str, *, card: Card) -> Servable:
    """Makes the signatures of a learnt rule.

    ===================  ==========================================  =======================================
    signature            inputs                                      outputs
    ===================  ==========================================  =======================================
    ``initial_state``    count ``[B]`` int64, P in each row          the state before the first step
    ``update``           gradient ``[B, P]`` float32, the state      update ``[B, P]``, the state afterwards
    ``serving_default``  as ``update``
    ===================  ==========================================  =======================================

    Rows are separate models of equally many parameters, and ``update`` is to be added to the parameters. These tensors
    are the state:

    ====================================  ===================  =======================================
    names                                 shape of each        of which rules
    ====================================  ===================  =======================================
    ``hidden_0, cell_0, hidden_1, …``     ``[B, P, units]``    all; two for each layer
    ``changes, answers``                  ``[B, P, K]``        with a memory of K slots
    ``last_gradient, last_move``          ``[B, P, 1]``        the same
    ====================================  ===================  =======================================

    They have the same names where they go in and come out, so that a client can loop without knowing what they are. A
    request that does not fit fails with a message that says what came, what was expected, and how to mend it.

    A rule with a network of its own for convolution kernels has each signature for those coordinates too:
    ``convolution_initial_state`` and ``convolution_update``, with the state ``convolution_hidden_0, …``.

    Args:
        rule: the rule, with its trained weights.
        name: name of the model.
        card: the model card.

    Returns:
        A servable for `tfmeta.core.export.export`.

    Raises:
        ValueError: for a memory and a network for convolution kernels: it ties both together, and signatures part them.

    Example:
        >>> from tfmeta.optimizers import CoordinatewiseLSTM
        >>> servable = rule_servable(LearnedRule(CoordinatewiseLSTM(seed=0)), "rule", card=Card("A rule."))
        >>> sorted(servable.signatures)
        ['initial_state', 'serving_default', 'update']
    """
    check(
        rule.memory is None or rule.convolution is None,
        "a rule with a memory and a network for convolution kernels cannot be served; leave one of them out.",
    )
    signatures = _signatures(LearnedRule(rule.network) if rule.convolution else rule, "")
    if rule.convolution:
        signatures |= _signatures(LearnedRule(rule.convolution), "convolution_")
    signatures["serving_default"] = signatures["update"]
    extras = {RULE_FILE: json.dumps(describe_rule(rule)) + "\n"}
    return Servable(name, signatures, card, extras)


def _signatures(rule: LearnedRule, prefix: str) -> dict[str, Signature]:
    """Makes the signatures of a rule of one network."""
    # A state of one coordinate says what that of any number looks like.
    widths = [tf.size(tensor).numpy() for tensor in tf.nest.flatten(rule.initial_state([tf.zeros([1])]))]
    names = [f"{prefix}{('hidden', 'cell')[i % 2]}_{i // 2}" for i in range(2 * len(rule.network.units))]
    of_network = len(names)
    names += ["changes", "answers", "last_gradient", "last_move"] if rule.memory else []
    fix = f"send back what {prefix}update or {prefix}initial_state returned, unchanged"

    def initial_state(count: tf.Tensor) -> dict[str, tf.Tensor]:
        (count,) = check_leading(count=check_shape("count", count, ("B",)))
        low, high = tf.reduce_min(count), tf.reduce_max(count)
        count = after([
            require(low == high, "count holds ", low, " to ", high,
                    "; expected the same number in each row: ask for models of other sizes one by one."),
            require((low >= 1) & (high <= MOST_COORDINATES // tf.size(count, tf.int64)), "count holds ", high,
                    f"; expected at least 1, and at most {MOST_COORDINATES} in all rows together."),
        ], count)[0]  # fmt: skip
        rows, each = tf.shape(count, tf.int64)[0], count[0]
        return _named(names, [tf.zeros([rows, each, width]) for width in widths])

    def update(gradient: tf.Tensor, **state: tf.Tensor) -> dict[str, tf.Tensor]:
        gradient = check_finite("gradient", check_shape("gradient", gradient, ("B", "P")))
        checked = {
            key: check_finite(key, check_shape(key, state[key], ("B", "P", width), fix))
            for key, width in zip(names, widths, strict=True)
        }
        gradient, *tensors = check_leading(gradient=gradient, **checked)
        counts = tf.stack([tf.shape(tensor)[1] for tensor in (gradient, *tensors)])
        gradient, *tensors = after([
            require(tf.reduce_all(counts == counts[0]), f"gradient, {', '.join(names)} hold ", counts,
                    f" coordinates; expected one state for each coordinate of the gradient: {fix}."),
        ], gradient, *tensors)  # fmt: skip
        (answer,), new = rule.update([gradient], as_rule_has_it(tensors), batched=True)
        return {"update": answer, **_named(names, as_clients_have_it(new, tensors))}

    def as_rule_has_it(tensors: Sequence[tf.Tensor]) -> RuleState:
        # Clients count by rows [B, P, width]; the network has all coordinates side by side, [width, B * P], and the
        # memory those of each row, [B, K, P] and [B, P].
        each = zip(tensors[:of_network], widths, strict=False)
        own = [tf.transpose(tf.reshape(x, [-1, width])) for x, width in each]
        if rule.memory is None:
            return [own]
        *slots, gradient, move = tensors[of_network:]
        return [own, [*(tf.transpose(x, [0, 2, 1]) for x in slots), gradient[..., 0], move[..., 0]]]

    def as_clients_have_it(state: RuleState, like: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        own, *rest = state
        told = [tf.reshape(tf.transpose(x), tf.shape(old)) for x, old in zip(own, like, strict=False)]
        for *slots, gradient, move in rest:
            told += [*(tf.transpose(x, [0, 2, 1]) for x in slots), gradient[..., None], move[..., None]]
        return told

    begun = rule.initial_state([tf.constant(_EXAMPLE)], batched=True)
    moved = rule.update([tf.constant(_EXAMPLE)], begun, batched=True)[1]
    like = [tf.zeros([*_EXAMPLE.shape, width]) for width in widths]
    example = {key: x.numpy() for key, x in zip(names, as_clients_have_it(moved, like), strict=True)}
    specs = [tf.TensorSpec([None, None, width], name=key) for key, width in zip(names, widths, strict=True)]
    count = np.array([_EXAMPLE.size], np.int64)
    return {
        f"{prefix}initial_state": Signature(
            initial_state, (tf.TensorSpec([None], tf.int64, "count"),), {"count": count}
        ),
        f"{prefix}update": Signature(
            update,
            (tf.TensorSpec([None, None], name="gradient"), *specs),
            {"gradient": _EXAMPLE, **example},
        ),
    }


def _named(names: Sequence[str], tensors: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
    # Identities, since a signature must not hand out the same tensor under two names.
    return {name: tf.identity(tensor) for name, tensor in zip(names, tensors, strict=True)}
