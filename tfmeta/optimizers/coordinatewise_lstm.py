"""The learnt update rule of a single coordinate: a small recurrent network, the same for all coordinates."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading

__all__ = ["CoordinatewiseLSTM", "log_and_sign"]

Preprocessing = Literal["log_and_sign", "none"]


def log_and_sign(gradient: tf.Tensor, p: float = 10.0, axis: int = -1) -> tf.Tensor:
    """Splits numbers of all magnitudes into a logarithm and a sign, both about as large as 1.

        ∇ -> (log|∇| / p, sgn ∇)   where |∇| >= e^-p,   and   (-1, e^p ∇)   elsewhere.

    Args:
        gradient: ``[...]``.
        p: how small a gradient is told from zero.
        axis: where the two of them lie.

    Returns:
        ``[..., 2]``, or with another `axis` ``[2, ...]``.

    Example:
        >>> log_and_sign(tf.constant([1.0, 0.0])).numpy().tolist()
        [[0.0, 1.0], [-1.0, 0.0]]

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, appendix A.
    """
    threshold = tf.exp(tf.constant(-p, gradient.dtype))
    size = tf.abs(gradient)
    large = size >= threshold
    log = tf.where(large, tf.math.log(tf.maximum(size, threshold)) / p, -1.0)
    return tf.stack([log, tf.where(large, tf.sign(gradient), gradient / threshold)], axis=axis)


@keras.saving.register_keras_serializable("tfmeta")
class CoordinatewiseLSTM(keras.layers.Layer):
    """Maps the gradient of each coordinate to its update, by an LSTM whose weights all coordinates share.

        [g_t, h_{t+1}] = m(∇_t, h_t; φ),        θ_{t+1} = θ_t + g_t.

    Only the state ``h`` is a coordinate's own, so a rule that was learnt on one network updates any other, whatever
    its size. All coordinates are computed as one matrix product; they lie along the last axis, where a gate is a block
    of rows that is cut out in one piece.

    With `advised`, each coordinate sees besides its gradient a move that is proposed to it; `LearnedRule` has a memory
    that proposes.

    Args:
        units: sizes of the layers.
        advised: whether there is such a proposal. A fresh network then puts out zero.
        preprocessing: of the gradients: ``"log_and_sign"``, or ``"none"``.
        p: of `log_and_sign`.
        output_scale: factor on the updates, so that the first ones of a fresh rule are small.
        seed: of the initial weights ``φ``; without it they differ at every call.

    Raises:
        ValueError: for no layer, or an unknown preprocessing.

    Example:
        >>> lstm = CoordinatewiseLSTM(seed=0)
        >>> update, state = lstm(tf.constant([0.1, -3.0, 0.0]), lstm.initial_state(3))
        >>> update.shape, [tensor.shape for tensor in state]
        (TensorShape([3]), [TensorShape([20, 3]), TensorShape([20, 3]), TensorShape([20, 3]), TensorShape([20, 3])])

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, section 2.1.
    """

    def __init__(
        self,
        units: Sequence[int] = (20, 20),
        *,
        advised: bool = False,
        preprocessing: Preprocessing = "log_and_sign",
        p: float = 10.0,
        output_scale: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})  # whatever the precision of what is optimised
        check(
            len(units) >= 1 and min(units) >= 1,
            f"units={list(units)}; expected a size for at least one layer.",
        )
        check(
            preprocessing in ("log_and_sign", "none"),
            f"preprocessing={preprocessing!r}; expected 'log_and_sign' or 'none'.",
        )
        self.units = tuple(units)
        self.advised = advised
        self.preprocessing = preprocessing
        self.p = p
        self.output_scale = output_scale
        self.seed = seed
        initial = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(seed))
        features = (2 if preprocessing == "log_and_sign" else 1) * (1 + advised)
        self.layers = []
        for number, (below, size) in enumerate(zip((features, *units), units, strict=False)):
            # Input and state side by side, so that each layer is one product.
            kernel = self.add_weight(
                shape=[below + size, 4 * size], initializer=initial, name=f"kernel_{number}"
            )
            bias = self.add_weight(shape=[4 * size], initializer="zeros", name=f"bias_{number}")
            bias.assign(tf.repeat([0.0, 1.0, 0.0, 0.0], size))  # what is not forgotten at first can be learnt
            self.layers.append((kernel, bias))
        begin = "zeros" if advised else initial
        self.head = self.add_weight(shape=[units[-1], 1], initializer=begin, name="head")
        self.built = True

    def initial_state(self, count: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns the state ``h_0`` of `count` coordinates.

        Returns:
            Output and memory of each layer in turn, each ``[units, count]``, zero.
        """
        return [tf.zeros([size, count]) for size in self.units for _ in range(2)]

    def call(
        self, gradient: tf.Tensor, state: Sequence[tf.Tensor], advice: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes the updates of coordinates.

        Args:
            gradient: ``[P]``, a number for each coordinate.
            state: their states, as `initial_state` or the last call gave them.
            advice: ``[P]``, the move that is proposed to each, where they are `advised`.

        Returns:
            The updates ``[P]``, to be added to the parameters, and the next states.

        Raises:
            ValueError: for advice to a network that takes none, or none to one that does.
        """
        check(
            (advice is not None) == self.advised,
            f"the rule of a coordinate was made with advised={self.advised}; give it advice if so, and only then.",
        )
        whole = self.preprocessing == "log_and_sign"
        told = [gradient] if advice is None else [gradient, advice]
        seen = [log_and_sign(x, self.p, axis=0) if whole else x[None] for x in told]
        x = tf.concat(seen, axis=0)  # [features, P]
        after: list[tf.Tensor] = []
        for (kernel, bias), output, memory in zip(self.layers, state[::2], state[1::2], strict=True):
            # sigmoid(z) = (1 + tanh(z / 2)) / 2, so that all gates are one call of tanh; and the bias is a row of the
            # kernel, since another pass over all gates takes longer than a row more.
            half = tf.repeat([0.5, 0.5, 0.5, 1.0], output.shape[0])
            weights = half * tf.concat([kernel, bias[None]], axis=0)
            inputs = tf.concat([x, output, tf.ones_like(x[:1])], axis=0)
            gates = tf.tanh(tf.matmul(weights, inputs, transpose_a=True))  # [4 * units, P]
            write, keep, show, new = tf.split(gates, 4, axis=0)
            # Not a sum of four: TensorFlow would add those up in a temporary variable, and where two networks share a
            # loop, as in `MetaTrainer` with a sample of coordinates, the second finds it there already and fails.
            memory = 0.5 * ((1.0 + keep) * memory + (1.0 + write) * new)
            shown = tf.tanh(memory)
            x = (0.5 + 0.5 * show) * shown
            after += [x, memory]
        output = tf.reshape(tf.matmul(self.head, x, transpose_a=True), leading(gradient, 1))
        return self.output_scale * output, after

    def get_config(self) -> dict[str, Any]:
        names = ("advised", "preprocessing", "p", "output_scale", "seed")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "units": list(self.units), **own}
