"""A Keras network as a function of its weights, for a batch of tasks at once."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.task_batch import Moments, chain_of, exact_moments, run_chain

__all__ = ["Engine", "FastNetwork"]

Engine = Literal["auto", "batched", "map"]


class FastNetwork:
    """Evaluates a network with weights that are arguments, different ones for every task.

    ``y = f(x; w)`` for weights ``w [B, ...]`` and inputs ``x [B, M, ...]`` is a pure function: it assigns nothing
    and differentiates to any order. Batch normalisation is explicit: its moments come from the items of the call,
    task by task, or are given.

    Two engines compute the same numbers. ``"batched"`` works on all tasks at once (`tfmeta.core.task_batch`) and
    knows Dense, Conv2D, BatchNormalization and layers without variables in a `keras.Sequential`. ``"map"``
    takes any network, one task after the other, which is slower.

    Args:
        network: a built Keras model.
        engine: ``"batched"``, ``"map"``, or ``"auto"`` for the first that can run the network.
        variables: those that are arguments; all that are trainable now unless given. Others are the network's.

    Raises:
        ValueError: if the network is not built, has random layers or batch renormalisation, or cannot run on the
            engine asked for.

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
        layers = list(network._flatten_layers(include_self=False))
        random = [layer.name for layer in layers if _is_random(layer)]
        check(
            not random,
            f"{', '.join(random)}: random layers cannot be adapted, since every inner step would see another "
            "network; build the network without dropout and noise.",
        )
        renorm = [layer.name for layer in layers if getattr(layer, "renorm", False)]
        check(
            not renorm,
            f"{', '.join(renorm)}: batch renormalisation depends on the calls before; use renorm=False.",
        )
        self._chain = None if engine == "map" else chain_of(network)
        check(
            self._chain is not None or engine != "batched",
            f"The network {network.name!r} has layers that engine='batched' does not know; use engine='auto'.",
        )
        self.network = network
        self.variables = list(network.trainable_variables if variables is None else variables)
        # Frozen ones keep to their moving statistics, as they do in Keras.
        self.norms = [
            layer
            for layer in layers
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        ]

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
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Evaluates the network.

        Args:
            weights: a value for each of `variables`, in order, each ``[B, ...]``.
            x: inputs, ``[B, M, ...]``.
            moments: mean and variance, each ``[B, F]``, for each batch normalisation in order; None takes those
                of the items of `x`, of each task by itself.

        Returns:
            The outputs ``[B, M, ...]``, and the moments that were used.
        """
        if self._chain is None:
            return self._map(weights, x, moments)
        fast = dict(zip(map(id, self.variables), weights, strict=True))

        def lookup(variable: keras.Variable) -> tf.Tensor:
            value = fast.get(id(variable))
            return tf.convert_to_tensor(variable)[None] if value is None else value

        return run_chain(self._chain, lookup, x, self.norms, moments)

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
            return tf.convert_to_tensor(variable)[None] + of.get(id(variable), 0.0)

        return run_chain(self._chain, lookup, x, self.norms, moments, of)

    def _map(
        self, weights: Sequence[tf.Tensor], x: tf.Tensor, moments: Sequence[Moments] | None
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Evaluates task after task, as Keras does."""

        def one_task(task: tuple) -> tuple[tf.Tensor, list[Moments]]:
            weights, x, given = task
            # A moving average that starts at zero ends at (1 - momentum) times what the call has seen.
            start = given or [2 * (tf.zeros(norm.moving_mean.shape, x.dtype),) for norm in self.norms]
            values = list(zip(self.variables, weights, strict=True))
            for norm, (mean, variance) in zip(self.norms, start, strict=True):
                values += [(norm.moving_mean, mean), (norm.moving_variance, variance)]
            with _exact(self.norms), keras.StatelessScope(state_mapping=values) as scope:
                y = self.network(x, training=not given)

            def seen(norm: keras.layers.BatchNormalization) -> Moments:
                sums = norm.moving_mean, norm.moving_variance
                mean, variance = (scope.get_current_value(v) / (1.0 - norm.momentum) for v in sums)
                return mean, variance

            return y, given or [seen(norm) for norm in self.norms]

        shape = self.network.compute_output_shape([None, *x.shape[2:]])
        features = [tf.TensorSpec(norm.moving_mean.shape, x.dtype) for norm in self.norms]
        signature = (tf.TensorSpec([x.shape[1], *shape[1:]], x.dtype), [(spec, spec) for spec in features])
        return tf.map_fn(one_task, (list(weights), x, list(moments or [])), fn_output_signature=signature)


def _is_random(layer: keras.Layer) -> bool:
    return any(isinstance(value, keras.random.SeedGenerator) for value in vars(layer).values())


@contextlib.contextmanager
def _exact(norms: Sequence[keras.layers.BatchNormalization]) -> Iterator[None]:
    """Lets batch normalisations take `exact_moments`, since Keras takes those of `tf.nn.moments`.

    They do so even where they were frozen after all: what adapts is settled when a `FastNetwork` is built.
    """

    def moments(norm: keras.layers.BatchNormalization, x: tf.Tensor, mask: tf.Tensor | None) -> Moments:
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
        yield
    finally:
        for norm in norms:
            del vars(norm)["_moments"]
        for norm in frozen:
            vars(norm)["_trainable"] = False
