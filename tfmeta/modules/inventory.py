"""The inventory: one set of parameters for each kind of module."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.modules.answer_modules import Describe, Exists, Measure
from tfmeta.modules.attention_modules import Attention, Find, Form, Relate
from tfmeta.modules.layout import MODULES
from tfmeta.modules.vocabulary import Vocabulary, slug

__all__ = ["Inventory"]


@keras.saving.register_keras_serializable("tfmeta")
class Inventory(keras.layers.Layer):
    """The modules from which layouts of one model are composed, and the words that they take.

    Args:
        words: arguments that have parameters of their own, e.g. ``["red", "above"]``; all others share a set.
        features: D, features of a position.
        answers: the labels; where there are none, there is no module that answers with labels.
        pairs: R, features of a pair of positions, which relate looks at; 0 where there are none.
        positions: K, where all worlds have as many; None where they differ, and then nothing can be measured.
        hidden: units of hidden layers.
        attention: ``"softmax"`` or ``"sigmoid"``, of find and relate.
        form: ``"perceptron"`` or ``"product"``, of find and relate.
        seed: of the initial weights.

    Example:
        >>> inventory = Inventory(["red", "above"], features=8, answers=["yes", "no"])
        >>> inventory.modules
        ('lookup', 'find', 'relate', 'and', 'describe', 'exists')
    """

    def __init__(
        self,
        words: Sequence[str],
        features: int,
        answers: Sequence[str] = (),
        *,
        pairs: int = 0,
        positions: int | None = None,
        hidden: int = 64,
        attention: Attention = "softmax",
        form: Form = "perceptron",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        # However they come to be spelt: one side's left_of must not be the other's unknown word.
        spelt = slug(tf.constant(list(words), tf.string, [len(words)]))
        self.vocabulary = Vocabulary([word.decode() for word in spelt.numpy()])
        self.features, self.pairs, self.positions = features, pairs, positions
        self.answers = tuple(answers)
        count = self.vocabulary.size
        seeds = iter([None] * 5 if seed is None else range(5 * seed, 5 * seed + 5))
        kinds = {"hidden": hidden, "attention": attention, "form": form, "dtype": self.dtype_policy}
        of_labels = {"hidden": hidden, "dtype": self.dtype_policy}
        self.find = Find(count, features, **kinds, seed=next(seeds), name="find")
        self.relate = Relate(count, features, pairs=pairs, **kinds, seed=next(seeds), name="relate")
        self.describe = self.measure = self.exists = None
        if answers:
            self.describe = Describe(
                count, features, len(answers), **of_labels, seed=next(seeds), name="describe"
            )
            self.exists = Exists(answers, dtype=self.dtype_policy, seed=next(seeds), name="exists")
            if positions is not None:
                self.measure = Measure(
                    count, positions, len(answers), **of_labels, seed=next(seeds), name="measure"
                )
        self.built = True

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of the modules that a layout may hold."""
        missing = {name for name in ("describe", "measure", "exists") if getattr(self, name) is None}
        return tuple(name for name in MODULES if name not in missing)

    def label_scores(self, module: str, words: tf.Tensor, h: tf.Tensor, world: Any) -> tf.Tensor:
        """Asks one of the modules that answer with labels.

        Args:
            module: ``"describe"``, ``"measure"`` or ``"exists"``.
            words: arguments, integers ``[B, S]``.
            h: attentions ``[B, S, K]``.
            world: the world.

        Returns:
            Scores ``[B, S, A]``, of which the softmax is to be taken.
        """
        if module == "describe":
            return self.describe(words, h, world)
        return self.measure(words, h) if module == "measure" else self.exists(h)
