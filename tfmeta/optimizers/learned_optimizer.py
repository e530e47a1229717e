"""A learnt update rule where Keras expects an optimizer."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.graph_checks import after, require
from tfmeta.optimizers.learned_rule import LearnedRule, RuleState
from tfmeta.optimizers.rule_file import describe_rule, read_rule, restore_rule

__all__ = ["LearnedOptimizer"]

_GIGABYTE = 2**30


@keras.saving.register_keras_serializable("tfmeta")
class LearnedOptimizer(keras.optimizers.Optimizer):
    """Trains a Keras model by a learnt rule, ``θ ← θ + η g_t(∇f(θ), h_t; φ)``.

    It goes where any optimizer goes: into ``compile``, with gradient clipping and weight decay, and its state is saved
    and restored with the model's. The rule itself never changes here, and is part of the configuration.

    The state is 80 numbers, 320 bytes, for each parameter (with two layers of 20; a memory of K slots is 2 K + 2 more).
    All parameters of a model are
    updated by one matrix product for each layer of the rule. A gradient that is sparse, as an embedding's is, is
    made dense, since every coordinate's state moves at every step. Where Keras compiles with XLA, as it does on GPUs,
    the check of `on_nonfinite` ``"raise"`` is left out: ask for ``jit_compile=False`` to keep it, or for ``"skip"``.

    Args:
        rule: the learnt rule.
        learning_rate: ``η``, a factor on the updates; 1.0 takes them as they were learnt.
        on_nonfinite: where a gradient holds NaN or infinity, ``"raise"`` ends training with a message, and ``"skip"``
            leaves out that step.
        max_state_bytes: refuses a model whose state would be larger.
        **kwargs: what every optimizer of Keras takes: `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`,
            `use_ema`, `gradient_accumulation_steps`, `name`, ...

    Raises:
        ValueError: for an unknown option.

    Example:
        >>> from tfmeta.optimizers import CoordinatewiseLSTM
        >>> optimizer = LearnedOptimizer(LearnedRule(CoordinatewiseLSTM(seed=0)))
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> model.compile(optimizer, loss="mse")
        >>> history = model.fit(np.ones([8, 2]), np.ones([8, 1]), verbose=0)

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016.
    """

    def __init__(
        self,
        rule: LearnedRule,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 1.0,
        *,
        on_nonfinite: Literal["raise", "skip"] = "raise",
        max_state_bytes: int = 4 * _GIGABYTE,
        name: str = "learned_optimizer",
        **kwargs: Any,
    ):
        check(
            on_nonfinite in ("raise", "skip"), f"on_nonfinite={on_nonfinite!r}; expected 'raise' or 'skip'."
        )
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.rule = rule
        self.on_nonfinite = on_nonfinite
        self.max_state_bytes = max_state_bytes

    @classmethod
    def from_saved(cls, name: str | Path, version: int | None = None, **kwargs: Any) -> "LearnedOptimizer":
        """Takes the rule of an artefact.

        Args:
            name: name of a model in the search path, or a folder; see `tfmeta.load`.
            version: its version; the highest unless given.
            **kwargs: further arguments of the optimizer.

        Raises:
            TfmetaError: if there is no such artefact, or it holds no update rule.

        Example:
            >>> optimizer = LearnedOptimizer.from_saved("lstm_optimizer_mnist")  # doctest: +SKIP
            >>> model.compile(optimizer, loss="sparse_categorical_crossentropy")  # doctest: +SKIP
        """
        return cls(read_rule(name, version), **kwargs)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        shapes = [tuple(variable.shape) for variable in variables]
        groups = self.rule.groups(shapes)
        counts = [sum(int(np.prod(shapes[i])) for i in group) for group in groups]
        # A network's state of no coordinate says what that of one needs.
        templates: list[Sequence[Sequence[Any]]] = [
            [(tensor.shape[0], count) for tensor in network.initial_state(0)]
            for network, count in zip(self.rule.networks, counts, strict=True)
        ]
        if self.rule.memory is not None:
            templates.append(self.rule.memory.state_shapes(1, sum(counts)))
        needed = 4 * sum(int(np.prod(shape)) for shape in itertools.chain(*templates))
        check(
            needed <= self.max_state_bytes,
            f"the model has {sum(counts):,} parameters, for which {type(self).__name__} would keep"
            f" {needed / 1e9:.2f} GB of state; max_state_bytes allows {self.max_state_bytes / 1e9:.2f} GB."
            " Raise it, freeze layers, or train a smaller model.",
        )
        self._state = [
            [
                self.add_variable(shape, name=f"state_{group}_{i}", aggregation="only_first_replica")
                for i, shape in enumerate(template)
            ]
            for group, template in enumerate(templates)
        ]

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: tf.Tensor
    ) -> None:
        # Keras's hook for backends. Its own version goes from variable to variable; here all are one vector.
        plain = [v.value if isinstance(v, keras.Variable) else v for v in trainable_variables]
        pairs = self._all_reduce_sum_gradients(list(zip(grads, plain, strict=True)))
        gradients = [tf.cast(tf.convert_to_tensor(gradient), tf.float32) for gradient, _ in pairs]
        updates, state = self._updates(gradients, trainable_variables)
        for variable, value in zip(tf.nest.flatten(self._state), tf.nest.flatten(state), strict=True):
            variable.assign(value)
        rate = tf.cast(learning_rate, tf.float32)
        tf.__internal__.distribute.interim.maybe_merge_call(
            _add, self._distribution_strategy, plain, [rate * update for update in updates]
        )

    def _updates(
        self, gradients: list[tf.Tensor], variables: Sequence[Any]
    ) -> tuple[list[tf.Tensor], RuleState]:
        """What the rule wants added to the variables, and its next state."""
        fine = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
        if self.on_nonfinite == "raise":
            # The text holds no number, since XLA cannot write one.
            message = (
                "the gradients hold NaN or infinite numbers; scale the loss down, or use on_nonfinite=skip."
            )
            gradients = list(after([require(fine, message)], *gradients))
        # Variables without a gradient keep their place in the state.
        positions = [self._get_variable_index(variable) for variable in variables]
        everything = [tf.zeros(variable.shape) for variable in self._trainable_variables]
        for position, gradient in zip(positions, gradients, strict=True):
            everything[position] = gradient
        state = [[tf.convert_to_tensor(tensor) for tensor in network] for network in self._state]
        updates, next_state = self.rule.update(everything, state)
        updates = [updates[position] for position in positions]
        if self.on_nonfinite == "skip":
            updates = [tf.where(fine, update, tf.zeros_like(update)) for update in updates]
            next_state = tf.nest.map_structure(lambda new, old: tf.where(fine, new, old), next_state, state)
        return updates, next_state

    def load_own_variables(self, store: Any) -> None:
        if self.built:
            found = [tuple(store[str(i)].shape) for i in range(len(store.keys()))]
            expected = [tuple(variable.shape) for variable in self.variables]
            check(
                found == expected,
                f"the saved state of {self.name} is that of another model, or of another rule: it has the shapes"
                f" {found}, expected {expected}. Build the model that it was saved with.",
            )
        super().load_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rule": describe_rule(self.rule),
            "on_nonfinite": self.on_nonfinite,
            "max_state_bytes": self.max_state_bytes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LearnedOptimizer":
        return super().from_config({**config, "rule": restore_rule(config["rule"])}, custom_objects)


def _add(strategy: tf.distribute.Strategy, variables: list[tf.Variable], updates: list[tf.Tensor]) -> None:
    for variable, update in zip(variables, updates, strict=True):
        strategy.extended.update(
            variable, lambda v, u: v.assign_add(tf.cast(u, v.dtype)), args=(update,), group=False
        )
