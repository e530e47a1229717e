"""A Keras network as a function of its weights, for a batch of tasks at once."""

from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading
from tfmeta.core.task_batch import Moments, chain_of, run_chain

__all__ = ["Engine", "FastNetwork"]

Engine = Literal["auto", "batched", "map"]


class FastNetwork:
    """Evaluates a network with weights that are arguments, different ones for every task.

    ``y = f(x; w)`` for weights ``w [B, ...]`` and inputs ``x [B, M, ...]`` is a pure function: it assigns nothing
    and differentiates to any order. Batch normalisation is explicit: its moments come from the items of the call,
    task by task, or are given.

    Two engines compute the same numbers. ``"batched"`` works on all tasks at once (`tfmeta.core.task_batch`) and
    knows Dense, Conv2D, BatchNormalization and layers without variables in a `keras.Sequential`. ``"map"``
    takes any network, one task after the other, at about twice the time.

    Args:
        network: a built Keras model.
        engine: ``"batched"``, ``"map"``, or ``"auto"`` for the first that can run the network.

    Raises:
        ValueError: if the network is not built, has random layers, or cannot run on the engine asked for.

    Example:
        >>> network = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
        >>> fast = FastNetwork(network)
        >>> weights = [tf.stack([w, 2 * w]) for w in fast.slow_weights()]  # two tasks
        >>> outputs, moments = fast(weights, tf.ones([2, 5, 2]))
        >>> outputs.shape
        TensorShape([2, 5, 3])
    """

    def __init__(self, network: keras.Model, engine: Engine = "auto"):
        check(engine in ("auto", "batched", "map"), f"engine={engine!r}; expected 'auto', 'batched' or 'map'.")
        check(network.built, f"The network {network.name!r} has no weights yet; call it once, or give it a keras.Input.")
        layers = list(network._flatten_layers(include_self=False))
        random = [layer.name for layer in layers if getattr(layer, "seed_generator", None) is not None]
        check(not random,
              f"{', '.join(random)}: random layers cannot be adapted, since every inner step would see another "
              "network; build the network without dropout and noise.")
        self._chain = None if engine == "map" else chain_of(network)
        check(self._chain is not None or engine != "batched",
              f"The network {network.name!r} has layers that engine='batched' does not know; use engine='auto'.")
        self.network = network
        self.variables = network.trainable_variables
        self.norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]

    def slow_weights(self) -> list[tf.Tensor]:
        """Returns the values that the network's trainable variables have now, without a task dimension."""
        return [tf.convert_to_tensor(variable) for variable in self.variables]

    def stored_moments(self, tasks: int | tf.Tensor) -> list[Moments]:
        """Returns the moving statistics that the network holds, the same for each of `tasks` tasks."""
        def repeated(variable: keras.Variable) -> tf.Tensor:
            value = tf.convert_to_tensor(variable)
            return tf.broadcast_to(value, [tasks, *value.shape])

        return [(repeated(norm.moving_mean), repeated(norm.moving_variance)) for norm in self.norms]

    def __call__(
        self, weights: Sequence[tf.Tensor], x: tf.Tensor, moments: Sequence[Moments] | None = None
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Evaluates the network.

        Args:
            weights: a value for each trainable variable, in order, each ``[B, ...]``.
            x: inputs, ``[B, M, ...]``.
            moments: mean and variance, each ``[B, F]``, for each batch normalisation in order; None takes those
                of the items of `x`, of each task by itself.

        Returns:
            The outputs ``[B, M, ...]``, and the moments that were used.
        """
        if self._chain is None:
            return self._map(weights, x, moments)
        fast = {id(variable): value for variable, value in zip(self.variables, weights, strict=True)}

        def lookup(variable: keras.Variable) -> tf.Tensor:
            value = fast.get(id(variable))
            return tf.convert_to_tensor(variable)[None] if value is None else value

        return run_chain(self._chain, lookup, x, moments)

    def _map(
        self, weights: Sequence[tf.Tensor], x: tf.Tensor, moments: Sequence[Moments] | None
    ) -> tuple[tf.Tensor, list[Moments]]:
        moving = [(id(norm.moving_mean), id(norm.moving_variance)) for norm in self.norms]

        def one_task(task):
            weights, x, moments = task
            # A moving average that starts at zero ends at (1 - momentum) times what the call has seen.
            start = moments or [(tf.zeros_like(n.moving_mean), tf.zeros_like(n.moving_variance)) for n in self.norms]
            values = {key: value for keys, pair in zip(moving, start, strict=True) for key, value in zip(keys, pair)}
            state = [values.get(id(v), tf.convert_to_tensor(v)) for v in self.network.non_trainable_variables]
            y, state = self.network.stateless_call(weights, state, x, training=not moments)
            if moments:
                return y, moments
            after = {id(v): s for v, s in zip(self.network.non_trainable_variables, state, strict=True)}
            return y, [
                tuple(after[key] / (1.0 - norm.momentum) for key in keys)
                for norm, keys in zip(self.norms, moving, strict=True)
            ]

        task = (list(weights), x, list(moments or []))
        signature = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape[1:], t.dtype), task[:2])
        del signature
        return tf.map_fn(one_task, task, fn_output_signature=self._signature(x), parallel_iterations=leading(x, 1)[0])

    def _signature(self, x: tf.Tensor):
        output = self.network.compute_output_shape([None, *x.shape[2:]])
        moments = [(tf.TensorSpec(n.moving_mean.shape), tf.TensorSpec(n.moving_variance.shape)) for n in self.norms]
        return tf.TensorSpec([x.shape[1], *output[1:]]), moments
