"""The inventory: one set of parameters for each kind of module."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check, nearest
from tfmeta.modules.layer import Attention, Form, ModuleLayer, ModuleSettings
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.standard import STANDARD
from tfmeta.modules.vocabulary import Vocabulary, slug

__all__ = ["Inventory", "Member"]


class Member(NamedTuple):
    """A module that an inventory has.

    Attributes:
        kind: its number, by which `tfmeta.modules.program.Program` knows it.
        spec: what it takes and gives.
        layer: computes it.
    """

    kind: int
    spec: ModuleSpec
    layer: ModuleLayer


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
        modules: those that there may be. One that needs what is not given, answers or positions, is left out.
        seed: of the initial weights.

    Raises:
        ValueError: for words or modules that come twice, or for a module whose name the layer uses for itself.

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
        modules: Sequence[ModuleSpec] = STANDARD,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        # However they come to be spelt: one side's left_of must not be the other's unknown word.
        spelt = slug(tf.constant(list(words), tf.string, [len(words)]))
        self.vocabulary = Vocabulary([word.decode() for word in spelt.numpy()])
        self.answers = tuple(answers)
        settings = ModuleSettings(
            self.vocabulary.size, features, self.answers, pairs, positions, hidden, attention, form
        )
        self.settings, self.specs = settings, tuple(modules)
        names = [spec.name for spec in self.specs]
        twice = sorted({name for name in names if names.count(name) > 1})
        check(not twice, f"these modules come twice: {', '.join(twice)}; expected each name once.")
        taken = sorted({*names} & {*dir(self)})
        check(not taken, f"a module cannot be called {' or '.join(taken)}, as the layer uses that name.")
        there = [spec for spec in self.specs if self._has(spec)]
        self.modules = tuple(spec.name for spec in there)
        for spec in sorted(there, key=lambda spec: spec.draw):
            seeds = None if seed is None else 5 * seed + spec.draw
            layer = spec.layer(settings, seed=seeds, dtype=self.dtype_policy, name=spec.name)
            setattr(
                self, spec.name, layer
            )  # by name, so that a file of weights does not depend on their order
        self.built = True

    def members(self, **traits: Any) -> Iterator[Member]:
        """Goes through the modules that there are, of those with these traits: see `tfmeta.modules.spec.kinds`."""
        for kind, spec in enumerate(self.specs):
            if spec.name in self.modules and all(
                getattr(spec, key) == value for key, value in traits.items()
            ):
                yield Member(kind, spec, getattr(self, spec.name))

    def member(self, name: str) -> Member:
        """Returns a module.

        Raises:
            ValueError: where there is none of that name.
        """
        found = next((member for member in self.members() if member.spec.name == name), None)
        if found is None:
            raise ValueError(f"The inventory has no module {name!r}. {nearest(name, self.modules)}")
        return found

    def _has(self, spec: ModuleSpec) -> bool:
        """Whether all is given that a module needs."""
        needs = {*spec.needs, *(["answers"] if spec.gives == "labels" else [])}
        return all(getattr(self.settings, name) for name in needs)
