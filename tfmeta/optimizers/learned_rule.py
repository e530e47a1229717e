"""A learnt update rule for a whole set of parameters: which coordinate goes to which network."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.optimizers.coordinatewise_lstm import CoordinatewiseLSTM

__all__ = ["LearnedRule", "RuleState"]

RuleState = list[list[tf.Tensor]]
"""For each group of coordinates, the state of its network."""

_KERNEL_RANK = 3  # of the smallest convolution's kernel


@keras.saving.register_keras_serializable("tfmeta")
class LearnedRule(keras.layers.Layer):
    """Updates parameters of any number and shapes by coordinatewise networks.

    All coordinates of a group are gathered into one vector, whichever tensor they are from: a step is one matrix
    product a layer, and not a loop over tensors.

    Args:
        network: the update rule of a coordinate.
        convolution: a rule of its own for the coordinates of convolution kernels (tensors of rank 3 and more),
            whose gradients are of another kind; `network` is theirs too unless given.

    Example:
        >>> rule = LearnedRule(CoordinatewiseLSTM(seed=0))
        >>> theta = [tf.ones([3, 2]), tf.ones([2])]
        >>> updates, state = rule.update(theta, rule.initial_state(theta))
        >>> [update.shape for update in updates]
        [TensorShape([3, 2]), TensorShape([2])]
    """

    def __init__(
        self, network: CoordinatewiseLSTM, convolution: CoordinatewiseLSTM | None = None, **kwargs: Any
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.network = network
        self.convolution = convolution
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
        return [
            network.initial_state(sum((tf.size(parameters[i]) for i in group), start=tf.constant(0)))
            for network, group in zip(self.networks, groups, strict=True)
        ]

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
        flat = self.flatten(gradients, batched)
        updates, after = [], []
        for network, vector, old in zip(self.networks, flat, state, strict=True):
            update, new = network(vector, old)
            updates.append(update)
            after.append(new)
        return self._unflatten(updates, gradients, batched), after

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
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LearnedRule":
        deserialize = keras.saving.deserialize_keras_object
        networks = {name: config[name] and deserialize(config[name]) for name in ("network", "convolution")}
        return cls(**{**config, **networks})
