"""The executor: one static graph that runs any layout, as a program for a stack machine of attentions."""

from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.unroll import unroll
from tfmeta.modules.attention_modules import intersect, lookup
from tfmeta.modules.inventory import Inventory
from tfmeta.modules.program import Program
from tfmeta.modules.world import World

__all__ = ["Execution", "execute"]

_UNROLLED_STEPS = 32  # beyond which a loop of the graph is better than a graph of that length


class Execution(NamedTuple):
    """What came of running programs.

    Attributes:
        labels: probabilities of the labels, ``[B, M, A]``; zero for programs that end with an attention.
        positions: the last attention, ``[B, M, K]``; zero for programs that end with labels.
        attentions: of every step, ``[B, M, L, K]``: what it gave, or, if it answers, what it looked at; zero where
            there is no step.
    """

    labels: tf.Tensor
    positions: tf.Tensor
    attentions: tf.Tensor


def execute(inventory: Inventory, program: Program, world: World, *, depth: int = 8) -> Execution:
    """Runs programs, a different one for each question of the batch, and differentiably.

    What takes no attention, lookup and find, is computed for all steps of all programs at once. Then the steps are
    taken one by one: relate and `and` are computed for every program, and masks decide what becomes of its stack.
    The modules that answer come last, so that they are asked once.

    Args:
        inventory: the modules.
        program: what `tfmeta.modules.program.check_programs` has passed; what it has not gives no error, but an
            answer without a meaning.
        world: a world for each question.
        depth: how many attentions the stack holds.

    Returns:
        Answers and attentions.

    Example:
        >>> from tfmeta.modules.program import read_programs
        >>> inventory = Inventory(["red", "above"], features=8, answers=["yes", "no"])
        >>> program = read_programs(tf.constant([[["find[red]", "relate[above]", "exists"]]]), inventory.vocabulary)
        >>> world = World(tf.random.normal([1, 9, 8]), tf.ones([1, 9]))
        >>> execution = execute(inventory, program, world)
        >>> execution.labels.shape, execution.attentions.shape
        (TensorShape([1, 1, 2]), TensorShape([1, 1, 3, 9]))
    """
    batch, candidates, steps = tf.unstack(tf.shape(program.kinds))
    positions = tf.shape(world.mask)[1]
    leaves = _leaves(inventory, program, world)
    prepared = inventory.relate.prepare(program.words, world)
    masks = [program.is_any(*names)[..., None] for names in (("lookup", "find"), ("relate",), ("and",))]
    step = _Steps(inventory, prepared, depth)

    stack = tf.zeros([batch, candidates, depth, positions], leaves.dtype)
    feeds = [leaves, *masks, *prepared.words]  # each [B, M, L, ...]
    known = program.kinds.shape[2]
    if known is not None and known <= _UNROLLED_STEPS:
        given = []
        for feed in zip(*(tf.unstack(x, known, axis=2) for x in feeds), strict=True):
            stack = step(stack, *feed)
            given.append(stack[:, :, 0])
        attentions = tf.stack(given, axis=2)
    else:
        arrays = [
            tf.TensorArray(x.dtype, steps).unstack(tf.transpose(x, [2, 0, 1, 3])) for x in feeds
        ]  # indexing a tensor in a loop would cost a gradient of its whole size at every step

        def body(stack: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            stack = step(stack, *(array.read(number) for array in arrays))
            return stack, stack[:, :, 0]

        stack, given = unroll(body, stack, steps, output=tf.TensorSpec(None, leaves.dtype))
        attentions = tf.transpose(given, [1, 2, 0, 3])
    taken = program.is_any(*inventory.modules)[..., None]
    attentions = tf.where(taken, attentions, tf.zeros_like(attentions))
    return _answer(inventory, program, world, stack[:, :, 0], attentions)


class _Steps:
    """Takes a step of all programs: ``stack [B, M, depth, K]``, the top first, to the next stack."""

    def __init__(self, inventory: Inventory, prepared: tuple, depth: int):
        self.relate, self.prepared, self.depth = inventory.relate, prepared, depth

    def __call__(
        self, stack: tf.Tensor, leaf: tf.Tensor, is_leaf: tf.Tensor, is_relate: tf.Tensor, is_and: tf.Tensor,
        *words: tf.Tensor,
    ) -> tf.Tensor:  # fmt: skip
        top, below = stack[:, :, 0], stack[:, :, 1]
        related = self.relate.attend(words, top, self.prepared)
        taken = tf.where(is_relate, related, tf.where(is_and, intersect(below, top), top))
        top = tf.where(is_leaf, leaf, taken)[:, :, None]
        pushed, replaced = stack[:, :, :-1], stack[:, :, 1:]
        popped = tf.concat([stack[:, :, 2:], tf.zeros_like(top)], axis=2)
        is_leaf, is_and = is_leaf[..., None], is_and[..., None]
        rest = tf.where(is_leaf, pushed, tf.where(is_and, popped, replaced))
        return tf.concat([top, rest], axis=2)


def _leaves(inventory: Inventory, program: Program, world: World) -> tf.Tensor:
    """The attentions of all steps that take none, ``[B, M, L, K]``."""
    batch, candidates, steps = tf.unstack(tf.shape(program.kinds))
    shape = [batch, candidates, steps, tf.shape(world.mask)[1]]
    found = tf.reshape(inventory.find(tf.reshape(program.words, [batch, -1]), world), shape)
    if world.names is None:
        return found
    looked_up = tf.reshape(lookup(tf.reshape(program.arguments, [batch, -1]), world), shape)
    return tf.where(program.is_any("lookup")[..., None], looked_up, found)


def _answer(
    inventory: Inventory, program: Program, world: World, h: tf.Tensor, attentions: tf.Tensor
) -> Execution:
    batch, candidates = tf.unstack(tf.shape(h))[:2]
    scores = tf.zeros([batch, candidates, len(inventory.answers)], h.dtype)
    answered = tf.zeros([batch, candidates, 1], tf.bool)
    for module in ("describe", "measure", "exists"):
        if module in inventory.modules:
            ends = program.is_any(module)  # [B, M, L]
            # A program holds at most one of these, so that a sum picks its argument.
            words = tf.reduce_sum(tf.where(ends, program.words, 0), axis=-1)
            asked = tf.reduce_any(ends, axis=-1)[..., None]
            scores = tf.where(asked, inventory.label_scores(module, words, h, world), scores)
            answered |= asked
    labels = tf.where(answered, tf.nn.softmax(scores), tf.zeros_like(scores))
    return Execution(labels, tf.where(answered, tf.zeros_like(h), h), attentions)
