"""What a module is: its type in layouts, and the layer that computes it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from tfmeta.core.checks import TfmetaError
from tfmeta.data.layouts import ModuleType

if TYPE_CHECKING:
    from tfmeta.modules.layer import ModuleLayer

__all__ = ["ModuleSpec", "kinds"]


@dataclass(frozen=True)
class ModuleSpec(ModuleType):
    """A module: all that the inventory, the machine, the evaluator, the candidates and the pictures know of it.

    Its file holds the spec and the layer, and nothing else need be told: pass it to a network as one of its
    ``modules``, and to `tfmeta.modules.parse_layout` likewise.

    Args:
        name: as it stands in layouts. This and what follows is the module's `tfmeta.modules.ModuleType`.
        takes: how many attentions it takes: 0, 1 or 2.
        gives: ``"attention"`` or ``"labels"``.
        argument: ``"word"``, ``"name"`` or nothing.
        many: whether it takes more than two attentions, two at a time.
        cues: words of a question that ask for it.
        layer: computes it. Registered with Keras, so that a network can be loaded from its file.
        needs: settings of the inventory without which there is no such module, such as ``("positions",)``. What
            gives labels needs answers.
        seed: tells its initial weights from those of the other modules; by default it is made of the name.

    Example:
        >>> import keras
        >>> from tfmeta.modules import STANDARD, ModuleLayer, ModuleNetwork, parse_layout
        >>> @keras.saving.register_keras_serializable("doctest")
        ... class Not(ModuleLayer):
        ...     def call(self, argument, world, h):
        ...         return (1.0 - h) * world.mask[:, None]
        >>> NOT = ModuleSpec("not", takes=1, layer=Not)
        >>> network = ModuleNetwork(["red"], ["is"], ["yes", "no"], features=3, modules=(*STANDARD, NOT))
        >>> print(parse_layout("(exists (not find[red]))", network.modules))
        (exists (not find[red]))
    """

    layer: type[ModuleLayer] = field(kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    seed: int | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, kind: ModuleType, layer: type[ModuleLayer], **others: Any) -> ModuleSpec:
        """Gives a layer to a module of the papers, whose type is known already."""
        return cls(**{each.name: getattr(kind, each.name) for each in fields(kind)}, layer=layer, **others)

    @property
    def draw(self) -> int:
        """Which of an inventory's random numbers are its own; the modules are built in this order."""
        return zlib.crc32(self.name.encode()) % 2**31 if self.seed is None else self.seed

    def get_config(self) -> dict[str, Any]:
        """Returns the module as JSON, the layer by its registered name.

        Raises:
            TfmetaError: where the layer is not registered.
        """
        import keras

        name = keras.saving.get_registered_name(self.layer)
        if keras.saving.get_registered_object(name) is not self.layer:
            raise TfmetaError(
                f"The layer {self.layer.__name__} of the module {self.name!r} is not registered, so that the network"
                " could not be loaded again: decorate it with @keras.saving.register_keras_serializable()."
            )
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**told, "cues": list(self.cues), "needs": list(self.needs), "layer": name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ModuleSpec:
        """The inverse of `get_config`.

        Raises:
            TfmetaError: where the layer is not registered here.
        """
        import keras

        layer = keras.saving.get_registered_object(config["layer"])
        if layer is None:
            raise TfmetaError(
                f"The network has a module {config['name']!r}, whose layer {config['layer']} is not known here:"
                " import the file that registers it first."
            )
        return cls(
            **{**config, "cues": tuple(config["cues"]), "needs": tuple(config["needs"]), "layer": layer}
        )


def kinds(modules: Iterable[ModuleType], **traits: Any) -> list[int]:
    """Numbers the modules that have these traits, by their places.

    Example:
        >>> from tfmeta.data.layouts import MODULES
        >>> kinds(MODULES.values(), takes=0), kinds(MODULES.values(), gives="labels", argument="")
        ([0, 1], [6])
    """
    return [
        number
        for number, module in enumerate(modules)
        if all(getattr(module, trait) == value for trait, value in traits.items())
    ]
