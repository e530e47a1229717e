"""Layouts: which module's output goes into which, as a tree, as text and as a program for a stack machine."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from tfmeta.core.checks import TfmetaError, nearest

__all__ = ["MODULES", "Layout", "LayoutError", "ModuleType", "parse_layout"]


class ModuleType(NamedTuple):
    """What a module takes and gives.

    Attributes:
        argument: whether a word belongs to it, as in ``find[island]``.
        fewest: attentions that it takes at least.
        most: attentions that it takes at most; None where there is no limit.
        output: ``"attention"`` or ``"labels"``.
    """

    argument: bool
    fewest: int
    most: int | None
    output: str


#: The inventory, with the types of Andreas et al. 2016b: labels are an answer, and nothing takes them.
MODULES = {
    "lookup": ModuleType(True, 0, 0, "attention"),
    "find": ModuleType(True, 0, 0, "attention"),
    "relate": ModuleType(True, 1, 1, "attention"),
    "and": ModuleType(False, 2, None, "attention"),
    "describe": ModuleType(True, 1, 1, "labels"),
    "measure": ModuleType(True, 1, 1, "labels"),
    "exists": ModuleType(False, 1, 1, "labels"),
}

_HEAD = re.compile(r"([^\s()\[\]]+)(?:\[([^\s()\[\]]*)\])?")
_WORD = re.compile(r"[^\s()\[\]]+")
_DEEPEST = 64  # levels of a text; no question is so deep, and Python's own stack ends somewhere


class LayoutError(TfmetaError, ValueError):
    """A layout that cannot be read, or that breaks a type; its text points at the place."""


@dataclass(frozen=True)
class Layout:
    """A tree of modules, typed: what is built is well formed, and two trees are equal where they look the same.

    Args:
        module: a name of `MODULES`.
        argument: the word that belongs to the module, without spaces or brackets; empty where it takes none.
        children: the layouts whose attentions go in.

    Raises:
        LayoutError: where the module is unknown, its argument is missing or too many, or a type is broken.

    Example:
        >>> island = Layout("and", children=(Layout("lookup", "key-largo"), Layout("find", "island")))
        >>> print(Layout("exists", children=(island,)))
        (exists (and lookup[key-largo] find[island]))
        >>> island.output, Layout("exists", children=(island,)).output
        ('attention', 'labels')

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Learning to Compose Neural Networks for Question Answering."
        NAACL, 2016.
    """

    module: str
    argument: str = ""
    children: tuple["Layout", ...] = ()

    def __post_init__(self) -> None:
        fault = _fault(self.module, self.argument, self.children)
        if fault:
            heads = [len(f"({self.head}")]
            for child in self.children:
                heads.append(heads[-1] + 1 + len(str(child)))
            _refuse(fault.message, str(self), 0 if fault.child is None else heads[fault.child] + 1)

    @property
    def head(self) -> str:
        """The module with its argument, ``find[island]``, or bare, ``and``."""
        return f"{self.module}[{self.argument}]" if self.argument else self.module

    @property
    def output(self) -> str:
        """``"attention"`` (a set of positions) or ``"labels"`` (an answer)."""
        return MODULES[self.module].output

    def __str__(self) -> str:
        if not self.children:
            return self.head
        return f"({' '.join([self.head, *map(str, self.children)])})"

    def tokens(self) -> list[str]:
        """The program that a stack machine runs: each module after what goes into it.

        Returns:
            One token a step. The machine's ``and`` takes two attentions, so n inputs make n - 1 of them.

        Example:
            >>> parse_layout("(exists (and find[a] find[b] find[c]))").tokens()
            ['find[a]', 'find[b]', 'and', 'find[c]', 'and', 'exists']
        """
        steps: list[str] = []
        for number, child in enumerate(self.children):
            steps += child.tokens()
            if self.module == "and" and number > 0:
                steps.append("and")
        return steps if self.module == "and" else [*steps, self.head]

    @classmethod
    def from_tokens(cls, tokens: Iterable[str]) -> "Layout":
        """Reads a program back: the inverse of `tokens`.

        Args:
            tokens: one token a step; empty ones (padding) are skipped.

        Returns:
            The layout; an ``and`` whose first input is an ``and`` becomes one ``and`` of all their inputs.

        Raises:
            LayoutError: where a step lacks its input, or more than one output is left.

        Example:
            >>> print(Layout.from_tokens(["lookup[florida]", "relate[in]", "find[park]", "and", ""]))
            (and (relate[in] lookup[florida]) find[park])
        """
        steps = [token for token in tokens if token]
        program = " ".join(steps)
        stack: list[Layout] = []
        offset = 0
        for step in steps:
            found = _HEAD.fullmatch(step)
            if not found:
                _refuse(
                    f"{step!r} is no step of a program; expected module or module[word].", program, offset
                )
            module, argument = found[1], found[2] or ""
            takes = MODULES[module].fewest if module in MODULES else 0
            if takes > len(stack):
                _refuse(
                    f"{module} takes {_attentions(takes)} from the stack, which holds {len(stack)}.",
                    program, offset,
                )  # fmt: skip
            children = tuple(stack[len(stack) - takes :])
            fault = _fault(module, argument, children)
            if fault:
                _refuse(fault.message, program, offset)
            if module == "and" and children[0].module == "and":
                children = (*children[0].children, children[1])
            stack[len(stack) - takes :] = [cls(module, argument, children)]
            offset += len(step) + 1
        if len(stack) != 1:
            _refuse(
                f"A program leaves one output on the stack; this one leaves {len(stack)}.", program, offset
            )
        return stack[0]


def parse_layout(text: str) -> Layout:
    """Reads the text form of a layout; `str` writes it.

    Args:
        text: ``find[island]``, or a module and its inputs in parentheses, over any number of lines.

    Returns:
        The layout.

    Raises:
        LayoutError: where the text is no layout, or breaks a type; the message points at the place.

    Example:
        >>> layout = parse_layout("(and find[park] (relate[in] lookup[florida]))")
        >>> layout.children[1].module, layout.children[1].argument
        ('relate', 'in')
        >>> parse_layout("(exists exists)")
        Traceback (most recent call last):
        tfmeta.modules.layout.LayoutError: exists takes one attention, none came.
          (exists exists)
                  ^
    """
    layout, end = _read(text, _skip(text, 0), depth=0)
    end = _skip(text, end)
    if end < len(text):
        _refuse("The layout has ended, but its text goes on.", text, end)
    return layout


class _Fault(NamedTuple):
    """What is wrong with a module, and which of its inputs is to blame; None blames the module itself."""

    message: str
    child: int | None = None


def _fault(module: str, argument: str, children: Sequence[Layout]) -> _Fault | None:
    if module not in MODULES:
        return _Fault(f"Unknown module {module!r}. {nearest(module, MODULES)}")
    kind = MODULES[module]
    if kind.argument and not argument:
        return _Fault(f"{module} needs a word: {module}[word].")
    if argument and not kind.argument:
        return _Fault(f"{module} takes no word, but {argument!r} came: write {module}.")
    if argument and not _WORD.fullmatch(argument):
        return _Fault(f"{argument!r} is no word of a layout: join its parts by hyphens, without brackets.")
    for number, child in enumerate(children):
        if child.output != "attention":
            return _Fault(f"{module} takes attentions, but {child.module} gives {child.output}.", number)
    if len(children) < kind.fewest or (kind.most is not None and len(children) > kind.most):
        takes = _attentions(kind.fewest) + ("" if kind.most == kind.fewest else " or more")
        came = f"{len(children) or 'none'} came"
        return _Fault(f"{module} takes {takes}, {came}.", kind.most if len(children) > kind.fewest else None)
    return None


def _attentions(count: int) -> str:
    return {0: "no attention", 1: "one attention", 2: "two attentions"}[count]


def _refuse(message: str, text: str, offset: int) -> NoReturn:
    """Raises the error, with the line of the text and a caret under the place."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:].split("\n", 1)[0]
    indent = re.sub(r"[^\t]", " ", text[start:offset])
    raise LayoutError(f"{message}\n  {line}\n  {indent}^")


def _skip(text: str, at: int) -> int:
    """The place of the next character that is no white space."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _read(text: str, at: int, depth: int) -> tuple[Layout, int]:
    """Reads one layout from a place on, which is no white space; returns it and where it ends."""
    if depth > _DEEPEST:
        _refuse(f"The layout is nested deeper than {_DEEPEST} levels.", text, at)
    opened = at < len(text) and text[at] == "("
    start = _skip(text, at + 1) if opened else at
    found = _HEAD.match(text, start)
    if not found:
        came = f"{text[start]!r} came" if start < len(text) else "the text ends"
        _refuse(f"Expected a module ({', '.join(MODULES)}), but {came}.", text, start)
    children, places, end = [], [], found.end()
    if opened:
        end = _skip(text, end)
        while text[end : end + 1] != ")":
            if end == len(text):
                _refuse("This parenthesis is never closed.", text, at)
            child, after = _read(text, end, depth + 1)
            children.append(child)
            places.append(end)
            end = _skip(text, after)
        end += 1
    fault = _fault(found[1], found[2] or "", children)
    if fault:
        _refuse(fault.message, text, start if fault.child is None else places[fault.child])
    return Layout(found[1], found[2] or "", tuple(children)), end
