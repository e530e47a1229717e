"""Programs: layouts as padded batches of tokens, read inside the graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.graph_checks import after, require
from tfmeta.modules.layout import MODULES, Layout
from tfmeta.modules.vocabulary import Vocabulary, slug

__all__ = ["NO_STEP", "Program", "check_programs", "kind_of", "pad_layouts", "read_programs"]

NO_STEP = len(MODULES)
"""The kind of a step that is padding, or that is no step at all."""

_KINDS = Vocabulary(list(MODULES))


def kind_of(module: str) -> int:
    """The number of a module in `Program.kinds`.

    Example:
        >>> kind_of("lookup")
        0
    """
    return list(MODULES).index(module)


class Program(NamedTuple):
    """Programs for the stack machine: M candidates for each of B questions, of L steps at most.

    Attributes:
        kinds: which module a step is, ``[B, M, L]`` int32, by `kind_of`; `NO_STEP` where there is none.
        words: the number of its argument, ``[B, M, L]`` int32; that of unknown words where it has none.
        arguments: the argument as a string, ``[B, M, L]``, spelt as by `tfmeta.modules.vocabulary.slug`.
        tokens: the steps as they came, ``[B, M, L]`` strings.
    """

    kinds: tf.Tensor
    words: tf.Tensor
    arguments: tf.Tensor
    tokens: tf.Tensor

    def is_any(self, *modules: str) -> tf.Tensor:
        """Says which steps are one of the modules, ``[B, M, L]`` bool."""
        hits = [self.kinds == kind_of(module) for module in modules]
        return tf.reduce_any(tf.stack(hits), axis=0) if len(hits) > 1 else hits[0]

    def named(self) -> tf.Tensor:
        """Says which steps have an argument, ``[B, M, L]`` bool."""
        return self.is_any(*(name for name in MODULES if MODULES[name].argument))

    def candidates(self) -> tf.Tensor:
        """Says which candidates there are, ``[B, M]`` bool: padding has no step."""
        return tf.reduce_any(self.kinds != NO_STEP, axis=-1)

    def pick(self, choice: tf.Tensor) -> Program:
        """Keeps one candidate of each question, of numbers ``[B]``: programs ``[B, 1, L]``."""
        return Program(*(tf.gather(x, choice[:, None], axis=1, batch_dims=1) for x in self))


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
        >>> from tfmeta.modules.layout import parse_layout
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


def read_programs(tokens: tf.Tensor, vocabulary: Vocabulary) -> Program:
    """Reads tokens such as ``find[red]``, ``and`` or ``""``.

    Args:
        tokens: strings ``[B, M, L]``.
        vocabulary: numbers the arguments, as `tfmeta.modules.inventory.Inventory` has it.

    Returns:
        The programs, unchecked: see `check_programs`.
    """
    module = tf.strings.regex_replace(tokens, r"\[.*", "")
    argument = slug(tf.strings.regex_replace(tokens, r"^[^\[]*\[?|\]$", ""))
    return Program(_KINDS.ids(module), vocabulary.ids(argument), argument, tokens)


def check_programs(
    program: Program, *, modules: Sequence[str], outputs: Sequence[str], depth: int, named: bool
) -> Program:
    """Checks that the machine can run programs: that each is what `Layout.tokens` gives for some layout.

    Args:
        program: the programs.
        modules: those that there are.
        outputs: what a program may end with, ``"attention"``, ``"labels"`` or both.
        depth: how many attentions the stack holds.
        named: whether positions have names, which lookup needs.

    Returns:
        The programs, once they have passed. Where one does not, the graph fails with a message that says which step
        of which candidate is at fault, what it is, and what was expected.
    """
    faults = _faults(program, modules=modules, outputs=outputs, depth=depth, named=named)
    messages = ["fits", *(message for message, _ in faults)]
    code = tf.zeros_like(program.kinds)
    for number, (_, wrong) in reversed(list(enumerate(faults, start=1))):  # so that the first one counts
        code = tf.where(wrong, number, code)
    shape = tf.shape(code)
    flat = tf.reshape(code, [-1])
    first = tf.argmax(flat > 0, output_type=tf.int32)
    place = tf.unravel_index(first, shape)
    token = tf.reshape(program.tokens, [-1])[first]
    fits = require(
        tf.reduce_all(flat == 0), "layouts", place, " is ", tf.where(token == "", "empty", token), ", but ",
        tf.gather(tf.constant(messages), flat[first]),
    )  # fmt: skip
    some = tf.reduce_any(program.candidates(), axis=-1)
    missing = tf.argmax(~some, output_type=tf.int32)
    asked = require(
        tf.reduce_all(some), "layouts[", missing, "] has no candidate; expected a program at least."
    )
    return Program(*after([fits, asked], *program))


def _faults(
    program: Program, *, modules: Sequence[str], outputs: Sequence[str], depth: int, named: bool
) -> list[tuple[str, tf.Tensor]]:
    """What may be wrong with a step, and where it is; of two faults of a step the former is told."""
    step = program.tokens != ""
    ends = tf.reduce_any([program.kinds == kind_of(m) for m in MODULES if MODULES[m].output == "labels"], 0)
    takes = tf.gather([module.fewest for module in MODULES.values()] + [0], program.kinds)
    gives = 1 - takes
    height = tf.cumsum(tf.where(program.kinds == NO_STEP, 0, gives), axis=-1)
    before = height - tf.where(program.kinds == NO_STEP, 0, gives)
    no = tf.zeros_like(step[..., :1])
    follows = tf.concat([step[..., 1:], no], axis=-1)
    resumes = step & tf.concat([no, ~step[..., :-1]], axis=-1)
    last = step & ~follows
    known = [name for name in MODULES if name in modules]
    spelt = ", ".join(f"{name}[word]" if MODULES[name].argument else name for name in known)
    faults = [
        (
            f"a step is one of {spelt}, and padding comes at the end.",
            step & ~_is_spelt(program.tokens, known) | resumes,
        ),
        (
            "the stack holds fewer attentions than it takes; expected those before it.",
            step & (before < takes),
        ),
        ("a program ends with it; expected padding after it.", ends & follows),
        ("it leaves attentions that nothing takes; expected and before it.", ends & (before > takes)),
        (f"the stack holds no more than {depth} attentions.", step & (height > depth)),
        ("the program leaves more than one attention; expected one output.", last & ~ends & (height != 1)),
    ]
    if "labels" not in outputs:
        faults.append(("this model answers with positions; expected a program without it.", ends))
    if "attention" not in outputs:
        heads = ", ".join(name for name in known if MODULES[name].output == "labels")
        faults.append((f"this model answers with labels; expected one of {heads} at the end.", last & ~ends))
    if not named:
        message = "the positions of this world have no names; expected find, or the input names."
        faults.append((message, program.is_any("lookup")))
    return faults


def _is_spelt(tokens: tf.Tensor, modules: Sequence[str]) -> tf.Tensor:
    word = r"\[[^\s()\[\]]+\]"
    kinds = [re.escape(name) + (word if MODULES[name].argument else "") for name in modules]
    return tf.strings.regex_full_match(tokens, "|".join(kinds))
