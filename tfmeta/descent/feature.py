"""What supervised descent sees of an instance at a point."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["Feature", "FunctionFeature"]


class Feature(keras.Layer):
    """A function φ of points and of an instance, such as descriptors of an image around landmarks.

    It need not be differentiable. A subclass defines `features`, and may move what depends on the instance alone to
    `prepare`, which is computed once for all stages.

    Args:
        width: numbers that it gives for a point, D.
    """

    def __init__(self, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        check(width >= 1, f"width={width}; expected at least 1.")
        self.width = width

    def prepare(self, instance: Any) -> Any:
        """Computes what all points of an instance share.

        Args:
            instance: tensors of B instances, in the structure that the data have.

        Returns:
            What `features` gets; the instance itself unless overridden.
        """
        return instance

    @abstractmethod
    def features(self, points: tf.Tensor, prepared: Any) -> tf.Tensor:
        """Computes φ.

        Args:
            points: M points of each of B instances, ``[B, M, P]``.
            prepared: what `prepare` returned for the B instances.

        Returns:
            ``[B, M, D]``.
        """

    def call(self, points: tf.Tensor, prepared: Any) -> tf.Tensor:
        return self.features(points, prepared)


@keras.saving.register_keras_serializable("tfmeta")
class FunctionFeature(Feature):
    """A feature that is the difference between a function at a point and its value at the optimum, ``h(x) − h(x*)``.

    The instance is ``h(x*)``, ``[B, D]``: what is seen, and to be explained by a point.

    Args:
        function: ``h``, of points ``[..., P]`` to ``[..., D]``. To be saved with a model it must be registered with
            ``keras.saving.register_keras_serializable``.
        width: D.

    Example:
        >>> feature = FunctionFeature(tf.exp, width=1)
        >>> feature(tf.zeros([1, 1, 1]), tf.constant([[3.0]])).numpy().item()
        -2.0
    """

    def __init__(self, function: Callable[[tf.Tensor], tf.Tensor], width: int, **kwargs: Any):
        super().__init__(width, **kwargs)
        self.function = function

    def features(self, points: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
        return self.function(points) - prepared[:, None]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        function = keras.saving.serialize_keras_object(self.function)
        return {**config, "function": function, "width": self.width}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FunctionFeature":
        function = keras.saving.deserialize_keras_object(config.pop("function"))
        return cls(function, **config)
