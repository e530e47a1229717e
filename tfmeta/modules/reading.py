"""How a model reads questions: what its artefact and its server say of that, so that a client reads them alike."""

import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.modules.candidates import layout_candidates
from tfmeta.modules.layout import MODULES, Layout, ModuleType, parse_layout
from tfmeta.modules.parse import DependencyParse

__all__ = ["CANDIDATES_FILE", "QuestionReading"]

CANDIDATES_FILE = "candidates.json"
"""Where an exported model says, in ``assets.extra/``, how its candidates are made of a parse."""

_SETTINGS = {*inspect.signature(layout_candidates).parameters} - {"parse", "modules"}


@dataclass(frozen=True)
class QuestionReading:
    """How layouts are made of a question.

    Args:
        settings: arguments of `tfmeta.modules.layout_candidates`, as JSON has them.
        modules: those that the model's layouts may hold.
        words: of questions that the model has learned; empty where it does not say them.

    Example:
        >>> reading = QuestionReading({"tops": ["exists"]}, (*MODULES.values(), ModuleType("not", takes=1)))
        >>> again = QuestionReading.from_json(reading.to_json(), "here")
        >>> print(again == reading, again.parse_layout("(exists (not find[red]))"))
        True (exists (not find[red]))
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[ModuleType, ...] = tuple(MODULES.values())
    words: tuple[str, ...] = ()

    def candidates(self, parse: DependencyParse, **others: Any) -> list[Layout]:
        """Makes the candidates of a question.

        Args:
            parse: the question.
            others: arguments of `tfmeta.modules.layout_candidates` that hold where this says nothing.

        Raises:
            QuestionError: for a question that cannot be answered as it stands.
        """
        return layout_candidates(parse, **{**others, **self.settings}, modules=self.modules)

    def parse_layout(self, text: str) -> Layout:
        """Reads a layout of these modules.

        Raises:
            LayoutError: where it is none.
        """
        return parse_layout(text, self.modules)

    def to_json(self) -> str:
        """Writes it down; the modules of the papers are understood."""
        told = dict(self.settings)
        if self.modules != tuple(MODULES.values()):
            told["modules"] = [
                {each.name: getattr(module, each.name) for each in fields(ModuleType)}
                for module in self.modules
            ]
        if self.words:
            told["words"] = list(self.words)
        return json.dumps(told, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "QuestionReading":
        """The inverse of `to_json`.

        Args:
            text: JSON.
            where: what it was read from, for errors.

        Raises:
            TfmetaError: where the text is damaged.
        """
        try:
            told = dict(json.loads(text))
            given = told.pop("modules", None)
            modules = cls.modules if given is None else tuple(map(_type_of, given))
            words = tuple(map(str, told.pop("words", ())))
        except (TypeError, ValueError) as error:
            raise TfmetaError(f"{where} is damaged: {error}; export the model again.") from error
        unknown = sorted({*told} - _SETTINGS)
        if unknown:
            raise TfmetaError(
                f"{where} is damaged: it says {unknown[0]!r}. {nearest(unknown[0], _SETTINGS)} Export the model again."
            )
        return cls(told, modules, words)

    @classmethod
    def of(
        cls, settings: Mapping[str, Any], modules: Iterable[ModuleType], words: Iterable[str]
    ) -> "QuestionReading":
        """Makes it of the modules of a network, whose layers it does not keep, and of the words that it tells apart."""
        plain = [{each.name: getattr(module, each.name) for each in fields(ModuleType)} for module in modules]
        return cls(settings, tuple(map(_type_of, plain)), tuple(words))


def _type_of(told: Mapping[str, Any]) -> ModuleType:
    return ModuleType(**{**told, "cues": tuple(told.get("cues", ()))})
