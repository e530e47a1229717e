"""The memory as the last layer of any Keras classifier."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.shapes import leading
from tfmeta.fewshot.memory import Memory, check_memory, empty_memory, memory_losses, recall

__all__ = ["MemoryLayer"]


@keras.saving.register_keras_serializable("tfmeta")
class MemoryLayer(keras.layers.Layer):
    """A classifier's last layer that remembers: it learns a new class from one example, and keeps it.

    Called with features alone, it recalls. Called in training with their labels too, it also presents them to its
    memory, one after the other, and adds the mean of their memory losses to the model's. What it remembers are
    weights that no gradient trains. They are assigned in training alone, are kept from one batch and one task to the
    next, and are saved with the model.

    Args:
        classes: number of labels, N.
        size: slots of the memory, M.
        neighbours: ``k``, how many keys are compared.
        margin: ``α`` of the memory loss.
        temperature: the paper's inverse temperature.
        age_noise: ages are compared after adding uniform noise between plus and minus this.
        seed: of that noise.

    Example:
        >>> features, labels = keras.Input([64]), keras.Input([], dtype="int64")
        >>> logits = MemoryLayer(classes=10, size=32, neighbours=8)(features, labels)
        >>> keras.Model([features, labels], logits).output_shape
        (None, 10)

    Reference:
        Kaiser, Nachum, Roy, Bengio. "Learning to Remember Rare Events." ICLR 2017.
    """

    def __init__(
        self,
        classes: int,
        *,
        size: int = 1024,
        neighbours: int = 256,
        margin: float = 0.1,
        temperature: float = 40.0,
        age_noise: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check_memory(size, neighbours)
        # Memories are in float32, whatever the precision of the layers before.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.classes = classes
        self.size = size
        self.neighbours = neighbours
        self.margin = margin
        self.temperature = temperature
        self.age_noise = age_noise
        self.seed = seed
        self.noise_seeds = keras.random.SeedGenerator(seed)

    def build(self, input_shape: tuple[int, ...]) -> None:
        empty = empty_memory(1, self.size, input_shape[-1])
        self.memory = [
            self.add_weight(
                name=name,
                shape=value.shape,
                dtype=value.dtype.name,
                initializer=keras.initializers.Constant(-1 if name == "values" else 0),
                trainable=False,
            )
            for name, value in empty._asdict().items()
        ]

    def call(self, features: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Recalls, and in training remembers.

        Args:
            features: ``[M, D]``, of any length.
            labels: ``[M]`` in ``0..N-1``.
            training: whether to remember.

        Returns:
            Logits ``[M, N]``, from the memory as it was before.
        """
        queries = tf.math.l2_normalize(features, axis=-1)[None]  # [1, M, D]
        before = Memory(*map(tf.convert_to_tensor, self.memory))
        logits = recall(before, queries, neighbours=self.neighbours, temperature=self.temperature)[0]
        if training and labels is not None:
            losses, after = memory_losses(
                before,
                queries,
                tf.cast(labels, tf.int64)[None],
                margin=self.margin,
                neighbours=self.neighbours,
                noise=self._noise(leading(features, 1)[0]),
            )
            self.add_loss(tf.reduce_mean(losses))
            for variable, value in zip(self.memory, after, strict=True):
                variable.assign(value)
        room = self.classes - leading(logits, 2)[1]
        return tf.ensure_shape(
            tf.pad(logits, [[0, 0], [0, room]], constant_values=_NO_VOTE), [None, self.classes]
        )

    def get_config(self) -> dict[str, Any]:
        names = ("classes", "size", "neighbours", "margin", "temperature", "age_noise", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _noise(self, presentations: int | tf.Tensor) -> tf.Tensor | None:
        if not self.age_noise:
            return None
        shape = [1, presentations, self.size]
        seed = self.noise_seeds.next()
        return tf.random.stateless_uniform(shape, tf.cast(seed, tf.int64), -self.age_noise, self.age_noise)


_NO_VOTE = -69.0  # as `recall` answers for a value that no key has
