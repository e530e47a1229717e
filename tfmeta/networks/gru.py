"""A gated recurrent unit that is quick over whole sequences."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["GRU"]


class GRU(keras.layers.Layer):
    r"""A gated recurrent unit, time first:

    .. math::
        z_t = \sigma(W_z x_t + U_z h_{t-1} + b_z), \quad r_t = \sigma(W_r x_t + U_r h_{t-1} + b_r), \\
        c_t = \tanh(W_c x_t + b_c + r_t (U_c h_{t-1} + b'_c)), \quad h_t = z_t h_{t-1} + (1 - z_t) c_t

    What depends on the inputs alone is one matrix product for the whole sequence, so that a step of the loop is one
    product of the state. The gradient is written out: these products are kept, the gates of all steps are computed
    anew of them at once, the loop back is again one product a step, and the weights' gradient is one product for the
    whole sequence. It can be differentiated again.

    Args:
        features: numbers of an input, F.
        units: numbers of the state, H.
        seed: of the initial weights.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> states = GRU(3, 8)(tf.zeros([10, 2, 3]))
        >>> states.shape
        TensorShape([10, 2, 8])

    Reference:
        Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation.
    """

    def __init__(self, features: int, units: int, *, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        check(min(features, units) >= 1, f"features={features}, units={units}: each must be at least 1.")
        self.features, self.units = features, units
        seeds = keras.random.SeedGenerator(seed)
        glorot = keras.initializers.GlorotUniform(seed=seeds)
        orthogonal = keras.initializers.Orthogonal(seed=seeds)
        self.kernel = self.add_weight(shape=(features, 3 * units), initializer=glorot, name="kernel")
        self.recurrent = self.add_weight(shape=(units, 3 * units), initializer=orthogonal, name="recurrent")
        self.bias = self.add_weight(shape=(3 * units,), initializer="zeros", name="bias")
        self.candidate_bias = self.add_weight(shape=(units,), initializer="zeros", name="candidate_bias")
        self.built = True

    def initial_state(self, batch: int | tf.Tensor) -> tf.Tensor:
        """Returns the state before the first step, zeros ``[B, H]``."""
        return tf.zeros([batch, self.units], self.compute_dtype)

    def step(self, x: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """Takes one step.

        Args:
            x: ``[B, F]``.
            state: ``[B, H]``.

        Returns:
            The next state, ``[B, H]``.
        """
        _, recurrent, bias = self._weights()
        return _step(self._project(x), state, tf.matmul(state, recurrent), bias)

    def call(self, x: tf.Tensor, state: tf.Tensor | None = None) -> tf.Tensor:
        """Takes all steps.

        Args:
            x: ``[T, B, F]``.
            state: ``[B, H]``; zeros unless given.

        Returns:
            The states after each step, ``[T, B, H]``.
        """
        state = self.initial_state(tf.shape(x)[1]) if state is None else state
        _, recurrent, bias = self._weights()
        return _scan(self._project(x), state, recurrent, bias)

    def _project(self, x: tf.Tensor) -> tf.Tensor:
        kernel, _, _ = self._weights()
        flat = tf.matmul(tf.reshape(x, [-1, self.features]), kernel) + tf.convert_to_tensor(self.bias)
        shape = tf.concat([tf.shape(x)[:-1], [3 * self.units]], axis=0)
        return tf.ensure_shape(tf.reshape(flat, shape), [*x.shape[:-1], 3 * self.units])

    def _weights(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return tuple(tf.convert_to_tensor(w) for w in (self.kernel, self.recurrent, self.candidate_bias))


def _gates(
    projected: tf.Tensor, moved: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns z, r, ``U_c h + b'_c`` and c, of ``moved``, U h; of any leading dimensions."""
    units = bias.shape[0]
    gates = tf.sigmoid(projected[..., : 2 * units] + moved[..., : 2 * units])
    z, r = gates[..., :units], gates[..., units:]
    memory = moved[..., 2 * units :] + bias
    return z, r, memory, tf.tanh(projected[..., 2 * units :] + r * memory)


def _step(projected: tf.Tensor, state: tf.Tensor, moved: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    z, _, _, candidate = _gates(projected, moved, bias)
    return candidate + z * (state - candidate)


@tf.autograph.experimental.do_not_convert  # which would look through the decorator below
@tf.custom_gradient
def _scan(projected: tf.Tensor, state: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor) -> Any:
    states, moved = _loop(projected, state, recurrent, bias)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
        before = tf.concat([state[None], states[:-1]], axis=0)  # [T, B, H]
        units = recurrent.shape[0]
        flat = tf.reshape(before, [-1, units])
        z, r, memory, candidate = _gates(
            tf.reshape(projected, [-1, 3 * units]), tf.reshape(moved, [-1, 3 * units]), bias
        )  # [T * B, H]
        # What a change of h_t by d does to the sums inside of z, r and c, and to U_c h: d times these.
        to_candidate = (1.0 - z) * (1.0 - candidate**2)
        to_z = (flat - candidate) * z * (1.0 - z)
        to_r = to_candidate * memory * r * (1.0 - r)
        shape = tf.shape(before)
        tall = tf.concat([shape[:2], [3 * units]], axis=0)
        through = tf.concat([to_z, to_r, to_candidate * r], axis=1)  # [T * B, 3H]
        changes, first = _loop_back(
            upstream, tf.reshape(through, tall), tf.reshape(z, shape), tf.transpose(recurrent)
        )
        changes = tf.reshape(changes, [-1, units])
        inside = tf.concat([to_z * changes, to_r * changes, to_candidate * changes], axis=1)
        to_moved = through * tf.tile(changes, [1, 3])
        return (
            tf.reshape(inside, tall),
            first,
            tf.matmul(flat, to_moved, transpose_a=True),
            tf.reduce_sum(to_moved[:, 2 * units :], axis=0),
        )

    return states, gradient


def _loop(
    projected: tf.Tensor, state: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns all states ``[T, B, H]``, and ``U h_{t-1}`` before each, ``[T, B, 3H]``."""
    length = tf.shape(projected)[0]
    inputs = tf.TensorArray(projected.dtype, length, element_shape=projected.shape[1:]).unstack(projected)
    outputs = tuple(
        tf.TensorArray(projected.dtype, length, element_shape=shape)
        for shape in (state.shape, projected.shape[1:])
    )

    def body(t: tf.Tensor, state: tf.Tensor, outputs: tuple) -> tuple:
        moved = tf.matmul(state, recurrent)
        state = _step(inputs.read(t), state, moved, bias)
        states, products = outputs
        return t + 1, state, (states.write(t, state), products.write(t, moved))

    *_, outputs = tf.while_loop(
        lambda t, *_: t < length, body, (tf.constant(0), state, outputs), maximum_iterations=length
    )
    states, products = outputs
    steps = projected.shape[:2]
    return (
        tf.ensure_shape(states.stack(), [*steps, recurrent.shape[0]]),
        tf.ensure_shape(products.stack(), [*steps, recurrent.shape[1]]),
    )


def _loop_back(
    upstream: tf.Tensor, through: tf.Tensor, z: tf.Tensor, recurrent: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the gradient with respect to each ``h_t`` that all of what follows makes, and to ``h_0``."""
    length = tf.shape(upstream)[0]
    arrays = [
        tf.TensorArray(x.dtype, length, element_shape=x.shape[1:]).unstack(x) for x in (upstream, through, z)
    ]
    outputs = tf.TensorArray(z.dtype, length, element_shape=z.shape[1:])

    def body(i: tf.Tensor, carry: tf.Tensor, outputs: tf.TensorArray) -> tuple:
        t = length - 1 - i
        given, factors, kept = (array.read(t) for array in arrays)
        change = given + carry
        carry = change * kept + tf.matmul(factors * tf.tile(change, [1, 3]), recurrent)
        return i + 1, carry, outputs.write(t, change)

    start = (tf.constant(0), tf.zeros_like(z[0]), outputs)
    _, carry, outputs = tf.while_loop(lambda i, *_: i < length, body, start, maximum_iterations=length)
    return outputs.stack(), carry
