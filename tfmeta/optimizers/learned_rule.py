"""A learnt update rule for a whole set of parameters: which coordinate goes to which network."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading
from tfmeta.optimizers.coordinatewise_lstm import CoordinatewiseLSTM
from tfmeta.optimizers.shared_memory import SharedMemory

__all__ = ["LearnedRule", "RuleState"]

RuleState = list[list[tf.Tensor]]
"""For each group of coordinates, the state of its network; and where they share a memory, that of it."""

_KERNEL_RANK = 3  # of the smallest convolution's kernel


@keras.saving.register_keras_serializable("tfmeta")
class LearnedRule(keras.layers.Layer):
    """Updates parameters of any number and shapes by coordinatewise networks.

    All coordinates of a group are gathered into one vector, whichever tensor they are from: a step is one matrix
    product a layer, and not a loop over tensors.

    With `slots`, a `SharedMemory` proposes a move ``r_t`` for all coordinates of a problem, and what the networks put
    out is how far to follow it, on which the coordinates agree by their mean:

        θ_{t+1} = θ_t + 2 σ(mean_i c_i) r_t,        [c_i, h_i] = m(∇_i, r_i, h_i; φ).

    Args:
        network: the update rule of a coordinate.
        convolution: a rule of its own for the coordinates of convolution kernels (tensors of rank 3 and more),
            whose gradients are of another kind; `network` is theirs too unless given.
        slots: of the memory; without it no coordinate knows of another, and each moves by what its network puts out.

    Raises:
        ValueError: where there is a memory and a network that takes no advice, or the other way round.

    Example:
        >>> rule = LearnedRule(CoordinatewiseLSTM(seed=0))
        >>> theta = [tf.ones([3, 2]), tf.ones([2])]
        >>> updates, state = rule.update(theta, rule.initial_state(theta))
        >>> [update.shape for update in updates]
        [TensorShape([3, 2]), TensorShape([2])]

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016; arXiv:1606.04474
        lets coordinates share a memory (NTM-BFGS), and means over coordinates (GAC).
    """

    def __init__(
        self,
        network: CoordinatewiseLSTM,
        convolution: CoordinatewiseLSTM | None = None,
        *,
        slots: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.network = network
        self.convolution = convolution
        self.slots = slots
        self.memory = SharedMemory(slots) if slots else None
        for of in self.networks:
            check(
                of.advised == bool(slots),
                f"slots={slots}, but the network has advised={of.advised}; a memory advises, and nothing else does:"
                " give both or neither.",
            )
        self.built = True

    @property
    def networks(self) -> list[CoordinatewiseLSTM]:
        """The network of each group."""
        return [self.network, *([self.convolution] if self.convolution else [])]

    def groups(self, shapes: Sequence[Sequence[int]]) -> list[list[int]]:
        """Says which tensors belong to which network.

        Args:
            shapes: of the parameter tensors of one problem.

        Returns:
            For each of `networks`, the positions of its tensors.
        """
        group_of = [int(self.convolution is not None and len(shape) >= _KERNEL_RANK) for shape in shapes]
        return [[i for i, of in enumerate(group_of) if of == group] for group in range(len(self.networks))]

    def initial_state(self, parameters: Sequence[tf.Tensor], batched: bool = False) -> RuleState:
        """Returns the state before the first step.

        Args:
            parameters: tensors of any shapes.
            batched: whether they have a leading dimension of problems, ``[B, ...]``.
        """
        groups = self.groups([parameter.shape[int(batched) :] for parameter in parameters])
        sizes = [sum((tf.size(parameters[i]) for i in group), start=tf.constant(0)) for group in groups]
        state = [network.initial_state(size) for network, size in zip(self.networks, sizes, strict=True)]
        if self.memory is not None:
            problems = leading(parameters[0], 1)[0] if batched else 1
            state.append(self.memory.initial_state(problems, sum(sizes) // problems))
        return state

    def update(
        self, gradients: Sequence[tf.Tensor], state: RuleState, batched: bool = False
    ) -> tuple[list[tf.Tensor], RuleState]:
        """Computes the updates of all parameters.

        Args:
            gradients: tensors of any shapes.
            state: as `initial_state` or the last call gave it.
            batched: whether they have a leading dimension of problems, ``[B, ...]``.

        Returns:
            What is to be added to each parameter, and the next state.
        """
        told: list = [None] * len(self.networks)
        if self.memory is not None:
            *state, remembered = state
            advice, remembered = self.memory.read(_as_rows(gradients, batched), remembered)
            told = self.flatten(_as_tensors(advice, gradients), batched)
        outputs, after = [], []
        seen = self.flatten(gradients, batched)
        for network, vector, old, move in zip(self.networks, seen, state, told, strict=True):
            output, new = network(vector, old, move)
            outputs.append(output)
            after.append(new)
        updates = self._unflatten(outputs, gradients, batched)
        if self.memory is not None:
            far = tf.reduce_mean(_as_rows(updates, batched), axis=1, keepdims=True)
            move = 2.0 * tf.sigmoid(far) * advice
            updates = _as_tensors(move, gradients)
            after.append(self.memory.moved(move, remembered))
        return updates, after

    def flatten(self, tensors: Sequence[tf.Tensor], batched: bool = False) -> list[tf.Tensor]:
        """Lays the coordinates of all tensors side by side.

        Args:
            tensors: of any shapes.
            batched: whether they have a leading dimension of problems, ``[B, ...]``.

        Returns:
            A vector for each of `networks`: its tensors one after the other, each with those of all problems.
        """
        groups = self.groups([tensor.shape[int(batched) :] for tensor in tensors])
        flat = [[tf.reshape(tensors[i], [-1]) for i in group] for group in groups]
        return [tf.concat(parts, axis=0) if parts else tf.zeros([0]) for parts in flat]

    def _unflatten(
        self, vectors: Sequence[tf.Tensor], like: Sequence[tf.Tensor], batched: bool
    ) -> list[tf.Tensor]:
        found: dict[int, tf.Tensor] = {}
        groups = self.groups([tensor.shape[int(batched) :] for tensor in like])
        for vector, group in zip(vectors, groups, strict=True):
            parts = tf.split(vector, [tf.size(like[i]) for i in group]) if group else []
            found |= {i: tf.reshape(part, tf.shape(like[i])) for i, part in zip(group, parts, strict=True)}
        return [tf.ensure_shape(found[i], tensor.shape) for i, tensor in enumerate(like)]

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "network": serialize(self.network),
            "convolution": self.convolution and serialize(self.convolution),
            "slots": self.slots,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LearnedRule":
        deserialize = keras.saving.deserialize_keras_object
        networks = {name: config[name] and deserialize(config[name]) for name in ("network", "convolution")}
        return cls(**{**config, **networks})


def _as_rows(tensors: Sequence[tf.Tensor], batched: bool) -> tf.Tensor:
    """All coordinates of a problem as a row, ``[B, P]``, with one problem where there is no batch."""
    rows = leading(tensors[0], 1)[0] if batched else 1
    return tf.concat([tf.reshape(tensor, [rows, -1]) for tensor in tensors], axis=1)


def _as_tensors(rows: tf.Tensor, like: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Undoes `_as_rows`: the tensors, in the shapes of others, of rows ``[B, P]``."""
    sizes = [tf.size(tensor) // leading(rows, 1)[0] for tensor in like]
    parts = tf.split(rows, sizes, axis=1)
    return [tf.reshape(part, tf.shape(tensor)) for part, tensor in zip(parts, like, strict=True)]
