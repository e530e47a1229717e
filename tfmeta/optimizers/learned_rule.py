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
        updates: dict[int, tf.Tensor] = {}
        after: RuleState = []
        groups = self.groups([gradient.shape[int(batched) :] for gradient in gradients])
        for network, group, old in zip(self.networks, groups, state, strict=True):
            flat = [tf.reshape(gradients[i], [-1]) for i in group]
            update, new = network(tf.concat(flat, axis=0) if flat else tf.zeros([0]), old)
            parts = tf.split(update, [tf.size(part) for part in flat]) if flat else []
            updates |= {
                i: tf.reshape(part, tf.shape(gradients[i])) for i, part in zip(group, parts, strict=True)
            }
            after.append(new)
        return [tf.ensure_shape(updates[i], gradients[i].shape) for i in range(len(gradients))], after

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
