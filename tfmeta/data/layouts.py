"""Layouts: which module's output goes into which, as a tree, as text and as a program for a stack machine."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import check
from tfmeta.data.layout_types import MODULES, LayoutError, ModuleType, attentions, fault_of, refuse, unknown

__all__ = ["MODULES", "Layout", "LayoutError", "ModuleType", "Step", "pad_layouts", "parse_layout"]

_HEAD = re.compile(r"([^\s()\[\]]+)(?:\[([^\s()\[\]]*)\])?")
_DEEPEST = 64  # levels of a text; no question is so deep, and Python's own stack ends somewhere


class Step(NamedTuple):
    """A step of a program: the module with its argument, as text, and its type."""

    token: str
    type: ModuleType


@dataclass(frozen=True)
class Layout:
    """A tree of modules, typed: what is built is well formed, and two trees are equal where they look the same.

    Args:
        module: the name of a module of `MODULES`, or the `ModuleType` of any other; afterwards its name.
        argument: the word that belongs to the module, without spaces or brackets; empty where it takes none.
        children: the layouts whose attentions go in.

    Attributes:
        type: what the module takes and gives.

    Raises:
        LayoutError: where the module is unknown, its argument is missing or too many, or a type is broken.

    Example:
        >>> island = Layout("and", children=(Layout("lookup", "key-largo"), Layout("find", "island")))
        >>> print(Layout("exists", children=(island,)))
        (exists (and lookup[key-largo] find[island]))
        >>> island.output, Layout("exists", children=(island,)).output
        ('attention', 'labels')
        >>> print(Layout(ModuleType("not", takes=1), children=(Layout("find", "island"),)))
        (not find[island])

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Learning to Compose Neural Networks for Question Answering."
        NAACL, 2016.
    """

    module: str | ModuleType
    argument: str = ""
    children: tuple["Layout", ...] = ()
    type: ModuleType = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kind = MODULES.get(self.module) if isinstance(self.module, str) else self.module
        if kind is None:
            refuse(unknown(str(self.module), MODULES), str(self), 0)
        object.__setattr__(self, "module", kind.name)
        object.__setattr__(self, "type", kind)
        fault = fault_of(kind, self.argument, self.children)
        if fault:
            heads = [len(f"({self.head}")]
            for child in self.children:
                heads.append(heads[-1] + 1 + len(str(child)))
            refuse(fault.message, str(self), 0 if fault.child is None else heads[fault.child] + 1)

    @property
    def head(self) -> str:
        """The module with its argument, ``find[island]``, or bare, ``and``."""
        return f"{self.module}[{self.argument}]" if self.argument else str(self.module)

    @property
    def output(self) -> str:
        """``"attention"`` (a set of positions) or ``"labels"`` (an answer)."""
        return self.type.gives

    def __str__(self) -> str:
        if not self.children:
            return self.head
        return f"({' '.join([self.head, *map(str, self.children)])})"

    def steps(self) -> list[Step]:
        """The program that a stack machine runs: each module after what goes into it.

        Returns:
            The steps. The machine's ``and`` takes two attentions, so n inputs make n - 1 of them.
        """
        steps: list[Step] = []
        for number, child in enumerate(self.children):
            steps += child.steps()
            if self.type.many and number > 0:
                steps.append(Step(self.head, self.type))
        return steps if self.type.many else [*steps, Step(self.head, self.type)]

    def tokens(self) -> list[str]:
        """The program as text, one token a step.

        Example:
            >>> parse_layout("(exists (and find[a] find[b] find[c]))").tokens()
            ['find[a]', 'find[b]', 'and', 'find[c]', 'and', 'exists']
        """
        return [step.token for step in self.steps()]

    @classmethod
    def from_tokens(cls, tokens: Iterable[str], modules: Iterable[ModuleType] = MODULES.values()) -> "Layout":
        """Reads a program back: the inverse of `tokens`.

        Args:
            tokens: one token a step; empty ones (padding) are skipped.
            modules: those that there are.

        Returns:
            The layout; an ``and`` whose first input is an ``and`` becomes one ``and`` of all their inputs.

        Raises:
            LayoutError: where a step lacks its input, or more than one output is left.

        Example:
            >>> print(Layout.from_tokens(["lookup[florida]", "relate[in]", "find[park]", "and", ""]))
            (and (relate[in] lookup[florida]) find[park])
        """
        known = {kind.name: kind for kind in modules}
        steps = [token for token in tokens if token]
        program = " ".join(steps)
        stack: list[Layout] = []
        offset = 0
        for step in steps:
            found = _HEAD.fullmatch(step)
            if not found:
                refuse(f"{step!r} is no step of a program; expected module or module[word].", program, offset)
            kind, argument = known.get(found[1]), found[2] or ""
            if kind is None:
                refuse(unknown(found[1], known), program, offset)
            if kind.takes > len(stack):
                holds = (
                    f"{kind.name} takes {attentions(kind.takes)} from the stack, which holds {len(stack)}."
                )
                refuse(holds, program, offset)
            children = tuple(stack[len(stack) - kind.takes :])
            fault = fault_of(kind, argument, children)
            if fault:
                refuse(fault.message, program, offset)
            if kind.many and children[0].type == kind and children[0].argument == argument:
                children = (*children[0].children, children[1])
            stack[len(stack) - kind.takes :] = [cls(kind, argument, children)]
            offset += len(step) + 1
        if len(stack) != 1:
            refuse(
                f"A program leaves one output on the stack; this one leaves {len(stack)}.", program, offset
            )
        return stack[0]


def parse_layout(text: str, modules: Iterable[ModuleType] = MODULES.values()) -> Layout:
    """Reads the text form of a layout; `str` writes it.

    Args:
        text: ``find[island]``, or a module and its inputs in parentheses, over any number of lines.
        modules: those that there are: `MODULES`, or those of one network.

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
        tfmeta.data.layout_types.LayoutError: exists takes one attention, none came.
          (exists exists)
                  ^
    """
    reader = _Reader(text, {kind.name: kind for kind in modules})
    layout, end = reader.read(reader.skip(0), depth=0)
    end = reader.skip(end)
    if end < len(text):
        refuse("The layout has ended, but its text goes on.", text, end)
    return layout


class _Reader:
    """Reads one text."""

    def __init__(self, text: str, known: dict[str, ModuleType]) -> None:
        self.text, self.known = text, known

    def skip(self, at: int) -> int:
        """The place of the next character that is no white space."""
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        return at

    def read(self, at: int, depth: int) -> tuple[Layout, int]:
        """Reads one layout from a place on, which is no white space; returns it and where it ends."""
        text = self.text
        if depth > _DEEPEST:
            refuse(f"The layout is nested deeper than {_DEEPEST} levels.", text, at)
        opened = at < len(text) and text[at] == "("
        start = self.skip(at + 1) if opened else at
        found = _HEAD.match(text, start)
        if not found:
            came = f"{text[start]!r} came" if start < len(text) else "the text ends"
            refuse(f"Expected a module ({', '.join(self.known)}), but {came}.", text, start)
        children, places, end = [], [], found.end()
        if opened:
            end = self.skip(end)
            while text[end : end + 1] != ")":
                if end == len(text):
                    refuse("This parenthesis is never closed.", text, at)
                child, after = self.read(end, depth + 1)
                children.append(child)
                places.append(end)
                end = self.skip(after)
            end += 1
        kind, argument = self.known.get(found[1]), found[2] or ""
        if kind is None:
            refuse(unknown(found[1], self.known), text, start)
        fault = fault_of(kind, argument, children)
        if fault:
            refuse(fault.message, text, start if fault.child is None else places[fault.child])
        return Layout(kind, argument, tuple(children)), end


def pad_layouts(layouts: Sequence[Sequence[Layout]], steps: int | None = None) -> np.ndarray:
    """Writes layouts as the programs that a model is asked with.

    Args:
        layouts: the candidates of each question, at least one question and one candidate.
        steps: L; the longest program decides where it is None.

    Returns:
        Tokens ``[B, M, L]``, strings, filled up with empty ones.

    Raises:
        ValueError: where a program is longer than `steps`, or there is none.

    Example:
        >>> pad_layouts([[parse_layout("find[a]"), parse_layout("(relate[in] find[a])")]]).tolist()
        [[['find[a]', ''], ['find[a]', 'relate[in]']]]
    """
    programs = [[layout.tokens() for layout in candidates] for candidates in layouts]
    lengths = [len(tokens) for candidates in programs for tokens in candidates]
    check(bool(lengths), "there is no layout; expected one candidate at least.")
    steps = max(lengths) if steps is None else steps
    check(max(lengths) <= steps, f"a program has {max(lengths)} steps; expected at most steps={steps}.")
    padded = np.full([len(programs), max(map(len, programs)), steps], "", object)
    for row, candidates in enumerate(programs):
        for column, tokens in enumerate(candidates):
            padded[row, column, : len(tokens)] = tokens
    return padded
