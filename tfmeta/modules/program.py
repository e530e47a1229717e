"""Programs: layouts as padded batches of tokens, read inside the graph."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.graph_checks import after, require
from tfmeta.data.layouts import ModuleType
from tfmeta.modules.layout import pad_layouts
from tfmeta.modules.spec import kinds
from tfmeta.modules.standard import STANDARD
from tfmeta.modules.vocabulary import Vocabulary, slug

__all__ = ["NO_STEP", "Program", "check_programs", "pad_layouts", "read_programs"]

NO_STEP = -1
"""The kind of a step that is padding, or that is no step at all."""


class Program(NamedTuple):
    """Programs for the stack machine: M candidates for each of B questions, of L steps at most.

    Attributes:
        kinds: which module a step is, ``[B, M, L]`` int32: its place among the modules of the inventory; `NO_STEP`
            where there is none.
        words: the number of its argument, ``[B, M, L]`` int32; that of unknown words where it has none.
        arguments: the argument as a string, ``[B, M, L]``, spelt as by `tfmeta.modules.vocabulary.slug`.
        tokens: the steps as they came, ``[B, M, L]`` strings.
    """

    kinds: tf.Tensor
    words: tf.Tensor
    arguments: tf.Tensor
    tokens: tf.Tensor

    def is_any(self, kinds: Collection[int]) -> tf.Tensor:
        """Says which steps are of one of these kinds, ``[B, M, L]`` bool."""
        if not kinds:
            return tf.zeros_like(self.kinds, tf.bool)
        hits = [self.kinds == kind for kind in kinds]
        return tf.reduce_any(tf.stack(hits), axis=0) if len(hits) > 1 else hits[0]

    def candidates(self) -> tf.Tensor:
        """Says which candidates there are, ``[B, M]`` bool: padding has no step."""
        return tf.reduce_any(self.kinds != NO_STEP, axis=-1)

    def pick(self, choice: tf.Tensor) -> Program:
        """Keeps one candidate of each question, of numbers ``[B]``: programs ``[B, 1, L]``."""
        return Program(*(tf.gather(x, choice[:, None], axis=1, batch_dims=1) for x in self))


def read_programs(
    tokens: tf.Tensor, vocabulary: Vocabulary, modules: Sequence[ModuleType] = STANDARD
) -> Program:
    """Reads tokens such as ``find[red]``, ``and`` or ``""``.

    Args:
        tokens: strings ``[B, M, L]``.
        vocabulary: numbers the arguments, as `tfmeta.modules.inventory.Inventory` has it.
        modules: those of the inventory, in the order of their numbers.

    Returns:
        The programs, unchecked: see `check_programs`.
    """
    names = _numbers(tuple(module.name for module in modules))
    module = names.ids(tf.strings.regex_replace(tokens, r"\[.*", ""))
    argument = slug(tf.strings.regex_replace(tokens, r"^[^\[]*\[?|\]$", ""))
    known = tf.where(module == names.unknown, NO_STEP, module)
    return Program(known, vocabulary.ids(argument), argument, tokens)


@functools.cache
def _numbers(names: tuple[str, ...]) -> Vocabulary:
    with tf.init_scope():  # its constants are made once, not in each graph that reads programs
        return Vocabulary(names)


def check_programs(
    program: Program,
    modules: Sequence[ModuleType],
    *,
    there: Collection[str],
    outputs: Collection[str],
    depth: int,
    named: bool,
) -> Program:
    """Checks that the machine can run programs: that each is what `Layout.tokens` gives for some layout.

    Args:
        program: the programs.
        modules: those of the inventory, in the order of their numbers.
        there: the names of those that it has.
        outputs: what a program may end with, ``"attention"``, ``"labels"`` or both.
        depth: how many attentions the stack holds.
        named: whether positions have names, which modules of a name need.

    Returns:
        The programs, once they have passed. Where one does not, the graph fails with a message that says which step
        of which candidate is at fault, what it is, and what was expected.
    """
    faults = _faults(program, modules, there=there, outputs=outputs, depth=depth, named=named)
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
    program: Program,
    modules: Sequence[ModuleType],
    *,
    there: Collection[str],
    outputs: Collection[str],
    depth: int,
    named: bool,
) -> list[tuple[str, tf.Tensor]]:
    """What may be wrong with a step, and where it is; of two faults of a step the former is told."""
    known = [module for module in modules if module.name in there]
    step = program.tokens != ""
    counts = program.kinds != NO_STEP
    ends = program.is_any(kinds(modules, gives="labels"))
    takes = tf.gather([module.takes for module in modules], tf.maximum(program.kinds, 0))
    takes = tf.where(counts, takes, 0)
    gives = tf.where(counts, 1 - takes, 0)
    height = tf.cumsum(gives, axis=-1)
    before = height - gives
    no = tf.zeros_like(step[..., :1])
    follows = tf.concat([step[..., 1:], no], axis=-1)
    resumes = step & tf.concat([no, ~step[..., :-1]], axis=-1)
    last = step & ~follows
    spelt = ", ".join(module.spelt for module in known)
    joins = " or ".join(module.spelt for module in known if (module.takes, module.gives) == (2, "attention"))
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
        (
            f"it leaves attentions that nothing takes; expected {joins or 'a single one'} before it.",
            ends & (before > takes),
        ),
        (f"the stack holds no more than {depth} attentions.", step & (height > depth)),
        ("the program leaves more than one attention; expected one output.", last & ~ends & (height != 1)),
    ]
    if "labels" not in outputs:
        faults.append(("this model answers with positions; expected a program without it.", ends))
    if "attention" not in outputs:
        heads = ", ".join(module.name for module in known if module.gives == "labels")
        faults.append((f"this model answers with labels; expected one of {heads} at the end.", last & ~ends))
    if not named:
        words = " or ".join(
            module.spelt for module in known if not module.takes and module.argument == "word"
        )
        message = f"the positions of this world have no names; expected {words}, or the input names."
        faults.append((message, program.is_any(kinds(modules, argument="name"))))
    return faults


def _is_spelt(tokens: tf.Tensor, modules: Sequence[ModuleType]) -> tf.Tensor:
    word = r"\[[^\s()\[\]]+\]"
    spelt = [re.escape(module.name) + (word if module.argument else "") for module in modules]
    return tf.strings.regex_full_match(tokens, "|".join(spelt))
