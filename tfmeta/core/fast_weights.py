"""A Keras network as a function of its weights, for a batch of tasks at once."""

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.layer_checks import active_norms, keeping_layers, precision, random_layers
from tfmeta.core.shapes import leading, merge_tasks, split_tasks
from tfmeta.core.task_batch import Moments, chain_of, exact_moments, run_chain, treats_items_apart

__all__ = ["Engine", "FastNetwork"]

Engine = Literal["auto", "batched", "map"]


class FastNetwork:
    """Evaluates a network with weights that are arguments, different ones for every task.

    ``y = f(x; w)`` for weights ``w [B, ...]`` and inputs ``x [B, M, ...]`` is a pure function: it assigns nothing
    and differentiates to any order. Batch normalisation is explicit: its moments come from the items of the call,
    task by task, or are given.

    Two engines compute the same numbers.

    ===========  =================================  ==============================================================
    engine       how                                which networks
    ===========  =================================  ==============================================================
    ``batched``  all tasks at once                  a `keras.Sequential` of Dense, Conv2D, BatchNormalization and
                                                    layers without fast weights; see `tfmeta.core.task_batch`
    ``map``      one task after the other, slower   any
    ===========  =================================  ==============================================================

    Layers compute in the precision of their own policy, ``mixed_float16`` for example. Weights, moments and outputs
    are in float32, or in float64 where the network has such weights.

    Args:
        network: a built Keras model, sequential or functional.
        engine: ``"batched"``, ``"map"``, or ``"auto"`` for the first that can run the network.
        variables: those that are arguments; all that are trainable now unless given. Others are the network's.

    Raises:
        ValueError: if the network is not built, has layers that draw random numbers or keep some from call to call,
            or cannot run on the engine asked for.

    Example:
        >>> network = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
        >>> fast = FastNetwork(network)
        >>> weights = [tf.stack([w, 2 * w]) for w in fast.slow_weights()]  # two tasks
        >>> outputs, moments = fast(weights, tf.ones([2, 5, 2]))
        >>> outputs.shape
        TensorShape([2, 5, 3])
    """

    def __init__(
        self,
        network: keras.Model,
        engine: Engine = "auto",
        variables: Sequence[keras.Variable] | None = None,
    ):
        check(
            engine in ("auto", "batched", "map"), f"engine={engine!r}; expected 'auto', 'batched' or 'map'."
        )
        check(
            network.built,
            f"The network {network.name!r} has no weights yet; call it once, or give it a keras.Input.",
        )
        self.network = network
        self.variables = list(network.trainable_variables if variables is None else variables)
        # Frozen ones keep to their moving statistics, as they do in Keras.
        self.norms = active_norms(network)
        self.dtype = precision(network)
        # What tasks have in common is called once, with the items of all. What is frozen as a whole does not train.
        self._common = variables is not None and not self.variables and treats_items_apart(network)
        self._trains = bool(network.trainable_variables)
        random = [] if self._common else random_layers(network)
        check(
            not random,
            f"{_some(random)}: random layers cannot be adapted, since every inner step would see another network;"
            " build the network without dropout and noise, or set the rates of these layers to 0 (layer.rate = 0.0). Or"
            " freeze what stands before the head (trainable = False), and adapt only the head (adapt_only='head').",
        )
        keeping = keeping_layers(network)
        check(
            not keeping,
            f"{_some(keeping)}: such a layer depends on the calls before, which a gradient step must not; build the"
            " network without it (renorm=False, stateful=False).",
        )
        self._chain = None if engine == "map" or self._common else chain_of(network, self.variables)
        check(
            self._chain is not None or self._common or engine != "batched",
            f"The network {network.name!r} has layers that engine='batched' does not know; use engine='auto'.",
        )

    def slow_weights(self) -> list[tf.Tensor]:
        """Returns the values that the network's variables have now, without a task dimension."""
        return [tf.convert_to_tensor(variable) for variable in self.variables]

    def stored_moments(self, tasks: int | tf.Tensor) -> list[Moments]:
        """Returns the moving statistics that the network holds, the same for each of `tasks` tasks."""

        def repeated(variable: keras.Variable) -> tf.Tensor:
            value = tf.convert_to_tensor(variable)
            return tf.broadcast_to(value, [tasks, *value.shape])

        return [(repeated(norm.moving_mean), repeated(norm.moving_variance)) for norm in self.norms]

    def __call__(
        self,
        weights: Sequence[tf.Tensor],
        x: tf.Tensor,
        moments: Sequence[Moments] | None = None,
        training: bool = False,
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Evaluates the network.

        Args:
            weights: a value for each of `variables`, in order, each ``[B, ...]``.
            x: inputs, ``[B, M, ...]``.
            moments: mean and variance, each ``[B, F]``, for each batch normalisation in order; None takes those
                of the items of `x`, of each task by itself.
            training: whether dropout is active. It is ignored where variables are arguments, and where the network is
                frozen as a whole.

        Returns:
            The outputs ``[B, M, ...]``, and the moments that were used.
        """
        if self._common:
            y = self.network(merge_tasks(x), training=training and self._trains)
            return tf.cast(split_tasks(y, leading(x, 1)[0]), self.dtype), []
        if self._chain is None:
            return self._map(weights, x, moments)
        fast = dict(zip(map(id, self.variables), weights, strict=True))

        def lookup(variable: keras.Variable) -> tf.Tensor:
            value = fast.get(id(variable))
            return tf.convert_to_tensor(variable)[None] if value is None else value

        y, used = run_chain(self._chain, lookup, x, self.norms, moments)
        return tf.cast(y, self.dtype), used

    def at_slow_weights(
        self, offsets: Sequence[tf.Tensor], x: tf.Tensor, moments: Sequence[Moments] | None = None
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Evaluates the network where all tasks still share its weights, as before the first inner step.

        Equal to a call with ``slow weight + offset``, and faster, since what is shared is computed for all tasks
        together. The derivative with respect to the offsets is that of each task by itself.

        Args:
            offsets: zeros for each of `variables`, in order, each ``[B, ...]``.
            x: inputs, ``[B, M, ...]``.
            moments: as in a call.

        Returns:
            The outputs ``[B, M, ...]``, and the moments that were used.
        """
        if self._chain is None:
            weights = [slow + offset for slow, offset in zip(self.slow_weights(), offsets, strict=True)]
            return self._map(weights, x, moments)
        of = dict(zip(map(id, self.variables), offsets, strict=True))

        def lookup(variable: keras.Variable) -> tf.Tensor:
            value = tf.convert_to_tensor(variable)[None]
            return value + of[id(variable)] if id(variable) in of else value

        y, used = run_chain(self._chain, lookup, x, self.norms, moments, of)
        return tf.cast(y, self.dtype), used

    def _map(
        self, weights: Sequence[tf.Tensor], x: tf.Tensor, moments: Sequence[Moments] | None
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Evaluates task after task, as Keras does."""

        def one_task(task: tuple) -> tuple[tf.Tensor, list[Moments]]:
            weights, x, given = task
            # A moving average that starts at zero ends at (1 - momentum) times what the call has seen.
            start = given or [2 * (tf.zeros(norm.moving_mean.shape, self.dtype),) for norm in self.norms]
            values = list(zip(self.variables, weights, strict=True))
            for norm, (mean, variance) in zip(self.norms, start, strict=True):
                values += [(norm.moving_mean, mean), (norm.moving_variance, variance)]
            with _exact(self.norms) as calls, keras.StatelessScope(state_mapping=values) as scope:
                y = tf.cast(self.network(x, training=not given), self.dtype)

            def seen(norm: keras.layers.BatchNormalization) -> Moments:
                check(
                    calls[id(norm)] == 1,
                    f"{norm.name}: the network uses this batch normalisation {calls[id(norm)]} times in one call, and"
                    " each would need statistics of its own; give each place a layer of its own.",
                )
                sums = norm.moving_mean, norm.moving_variance
                mean, variance = (scope.get_current_value(v) / (1.0 - norm.momentum) for v in sums)
                return mean, variance

            return y, given or [seen(norm) for norm in self.norms]

        shape = self.network.compute_output_shape([None, *x.shape[2:]])
        features = [tf.TensorSpec(norm.moving_mean.shape, self.dtype) for norm in self.norms]
        signature = (tf.TensorSpec([x.shape[1], *shape[1:]], self.dtype), [(spec, spec) for spec in features])
        return tf.map_fn(one_task, (list(weights), x, list(moments or [])), fn_output_signature=signature)


def _some(names: Sequence[str]) -> str:
    """Lists names, but not the whole of a long list."""
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown


@contextlib.contextmanager
def _exact(norms: Sequence[keras.layers.BatchNormalization]) -> Iterator[Counter[int]]:
    """Lets batch normalisations take `exact_moments`, since Keras takes those of `tf.nn.moments`, and counts them.

    They do so even where they were frozen after all: what adapts is settled when a `FastNetwork` is built.
    """
    calls: Counter[int] = Counter()

    def moments(norm: keras.layers.BatchNormalization, x: tf.Tensor, mask: tf.Tensor | None) -> Moments:
        calls[id(norm)] += 1
        return (
            exact_moments(x, list(norm._reduction_axes))
            if mask is None
            else type(norm)._moments(norm, x, mask)
        )

    frozen = [norm for norm in norms if not norm.trainable]
    for norm in norms:
        vars(norm)["_moments"] = functools.partial(moments, norm)
    for norm in frozen:
        vars(norm)["_trainable"] = True
    try:
        yield calls
    finally:
        for norm in norms:
            del vars(norm)["_moments"]
        for norm in frozen:
            vars(norm)["_trainable"] = False
