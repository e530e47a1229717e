"""What the modules of a layout take and give, and the errors of layouts that break these types."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, NoReturn, Protocol

from tfmeta.core.checks import TfmetaError, check, nearest

__all__ = ["MODULES", "Argument", "LayoutError", "ModuleType", "Output", "fault_of", "refuse"]

Output = Literal["attention", "labels"]
Argument = Literal["", "word", "name"]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_WORD = re.compile(r"[^\s()\[\]]+")
_COUNTS = ("no attention", "one attention", "two attentions")


class LayoutError(TfmetaError, ValueError):
    """A layout that cannot be read, or that breaks a type; its text points at the place."""


@dataclass(frozen=True)
class ModuleType:
    """What a module of a layout takes and gives.

    Args:
        name: as it stands in layouts: lower-case letters, digits, ``_`` and ``-``.
        takes: how many attentions it takes: 0, 1 or 2.
        gives: ``"attention"`` (a set of positions) or ``"labels"`` (an answer, which no module takes).
        argument: what stands in its brackets: a ``"word"``, for which it may have parameters, the ``"name"`` of a
            position, or nothing.
        many: whether it takes more than two attentions, two at a time: ``(and a b c)`` is ``(and (and a b) c)``.
        cues: words of a question that ask for it. It is then put above the word that follows, see
            `tfmeta.modules.layout_candidates`.

    Raises:
        ValueError: for a type that no layout can have.

    Example:
        >>> ModuleType("not", takes=1).spelt, ModuleType("count", takes=1, gives="labels", argument="word").spelt
        ('not', 'count[word]')
    """

    name: str
    takes: int = 0
    gives: Output = "attention"
    argument: Argument = ""
    many: bool = False
    cues: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        told = f"module {self.name!r}:"
        check(
            _NAME.fullmatch(self.name) is not None,
            f"{told} expected a name of lower-case letters, digits, _ and -.",
        )
        check(self.takes in (0, 1, 2), f"{told} takes={self.takes}; expected 0, 1 or 2 attentions.")
        check(
            self.gives in ("attention", "labels"),
            f"{told} gives={self.gives!r}; expected 'attention' or 'labels'.",
        )
        check(
            self.argument in ("", "word", "name"),
            f"{told} argument={self.argument!r}; expected '', 'word' or 'name'.",
        )
        check(
            self.gives == "attention" or self.takes > 0,
            f"{told} it gives labels and takes nothing; expected takes=1 or 2.",
        )
        check(
            not self.many or (self.takes, self.gives) == (2, "attention"),
            f"{told} many=True; expected a module that takes two attentions and gives one.",
        )
        check(
            not self.cues or (self.takes, self.gives, self.argument) == (1, "attention", ""),
            f"{told} cues={self.cues}; expected a module without argument that takes one attention and gives one.",
        )

    @property
    def spelt(self) -> str:
        """How a step of it is written: ``and``, ``find[word]``."""
        return f"{self.name}[word]" if self.argument else self.name


class _Given(Protocol):
    """What a module is given: a layout, of which only this is looked at."""

    @property
    def type(self) -> ModuleType:
        """The type of the layout's topmost module."""


MODULES = {
    kind.name: kind
    for kind in (
        ModuleType("lookup", argument="name"),
        ModuleType("find", argument="word"),
        ModuleType("relate", takes=1, argument="word"),
        ModuleType("and", takes=2, many=True),
        ModuleType("describe", takes=1, gives="labels", argument="word"),
        ModuleType("measure", takes=1, gives="labels", argument="word"),
        ModuleType("exists", takes=1, gives="labels"),
    )
}
"""The modules of the papers by name: the language in which data sets write down layouts, and networks read them."""


class Fault(NamedTuple):
    """What is wrong with a module, and which of its inputs is to blame; None blames the module itself."""

    message: str
    child: int | None = None


def unknown(name: str, known: Collection[str]) -> str:
    """Says that there is no such module."""
    return f"Unknown module {name!r}. {nearest(name, known)}"


def fault_of(kind: ModuleType, argument: str, children: Sequence[_Given]) -> Fault | None:
    """Finds what is wrong with a module that is given these, if anything is."""
    if kind.argument and not argument:
        return Fault(f"{kind.name} needs a word: {kind.name}[word].")
    if argument and not kind.argument:
        return Fault(f"{kind.name} takes no word, but {argument!r} came: write {kind.name}.")
    if argument and not _WORD.fullmatch(argument):
        return Fault(f"{argument!r} is no word of a layout: join its parts by hyphens, without brackets.")
    for number, child in enumerate(children):
        if child.type.gives != "attention":
            return Fault(
                f"{kind.name} takes attentions, but {child.type.name} gives {child.type.gives}.", number
            )
    count = len(children)
    if count < kind.takes or (count > kind.takes and not kind.many):
        takes = attentions(kind.takes) + (" or more" if kind.many else "")
        return Fault(
            f"{kind.name} takes {takes}, {count or 'none'} came.", kind.takes if count > kind.takes else None
        )
    return None


def attentions(count: int) -> str:
    """Says how many attentions: no, one or two."""
    return _COUNTS[count]


def refuse(message: str, text: str, offset: int) -> NoReturn:
    """Raises the error, with the line of the text and a caret under the place."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:].split("\n", 1)[0]
    indent = re.sub(r"[^\t]", " ", text[start:offset])
    raise LayoutError(f"{message}\n  {line}\n  {indent}^")
