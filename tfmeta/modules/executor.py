"""The executor: one static graph that runs any layout, as a program for a stack machine of attentions."""

from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.unroll import unroll
from tfmeta.modules.inventory import Inventory, Member
from tfmeta.modules.program import Program
from tfmeta.modules.world import World

__all__ = ["Execution", "argument_of", "execute"]

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

    What takes no attention, such as lookup and find, is computed for all steps of all programs at once. Then the steps
    are taken one by one: what takes attentions, such as relate and `and`, is computed for every program, and masks
    decide what becomes of its stack. The modules that answer come last, so that they are asked once.

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
    step = _Steps(inventory, program, world)

    stack = tf.zeros([batch, candidates, depth, positions], leaves.dtype)
    feeds = [leaves, *step.feeds]  # each [B, M, L, n]
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
    taken = program.is_any([member.kind for member in inventory.members()])[..., None]
    attentions = tf.where(taken, attentions, tf.zeros_like(attentions))
    return _answer(inventory, program, world, stack, attentions)


class _Steps:
    """Takes a step of all programs: ``stack [B, M, depth, K]``, the top first, to the next stack.

    Attributes:
        feeds: what it is given one step of at a time, besides the attentions of the leaves: which steps are leaves and
            which take two attentions, then for each module that takes attentions, which steps are it, and what it has
            prepared.
    """

    def __init__(self, inventory: Inventory, program: Program, world: World):
        members = list(inventory.members(gives="attention"))
        self.takers = [member for member in members if member.spec.takes]
        self.prepared = [
            member.layer.prepare(argument_of(member, program.words, program.arguments), world)
            for member in self.takers
        ]
        self.feeds: list[tf.Tensor] = []
        for takes in (0, 2):
            those = [member.kind for member in members if member.spec.takes == takes]
            self.feeds.append(program.is_any(those)[..., None])
        for member, (of_steps, _) in zip(self.takers, self.prepared, strict=True):
            self.feeds += [program.is_any([member.kind])[..., None], *of_steps]

    def __call__(
        self, stack: tf.Tensor, leaf: tf.Tensor, is_leaf: tf.Tensor, is_pair: tf.Tensor, *feeds: tf.Tensor
    ) -> tf.Tensor:
        top, below = stack[:, :, 0], stack[:, :, 1]
        gives, left = top, list(feeds)
        for member, (of_steps, shared) in zip(self.takers, self.prepared, strict=True):
            is_it, *of_step = left[: 1 + len(of_steps)]
            del left[: 1 + len(of_steps)]
            given = (below, top) if member.spec.takes == 2 else (top,)
            gives = tf.where(is_it, member.layer.finish(tuple(of_step), shared, *given), gives)
        top = tf.where(is_leaf, leaf, gives)[:, :, None]
        pushed, replaced = stack[:, :, :-1], stack[:, :, 1:]
        popped = tf.concat([stack[:, :, 2:], tf.zeros_like(top)], axis=2)
        is_leaf, is_pair = is_leaf[..., None], is_pair[..., None]
        rest = tf.where(is_leaf, pushed, tf.where(is_pair, popped, replaced))
        return tf.concat([top, rest], axis=2)


def argument_of(member: Member, words: tf.Tensor, names: tf.Tensor) -> tf.Tensor | None:
    """What a module's layer is given as its argument: numbers of words, or names, or nothing."""
    return {"word": words, "name": names, "": None}[member.spec.argument]


def _leaves(inventory: Inventory, program: Program, world: World) -> tf.Tensor:
    """The attentions of all steps that take none, ``[B, M, L, K]``."""
    batch, candidates, steps = tf.unstack(tf.shape(program.kinds))
    shape = [batch, candidates, steps, tf.shape(world.mask)[1]]
    words, names = (tf.reshape(x, [batch, -1]) for x in (program.words, program.arguments))
    leaves = tf.zeros(shape, world.mask.dtype)
    for member in inventory.members(takes=0):
        if member.spec.argument != "name" or world.names is not None:
            given = member.layer(argument_of(member, words, names), world)
            given = tf.broadcast_to(
                given, [batch, candidates * steps, shape[-1]]
            )  # without argument: one for all
            leaves = tf.where(program.is_any([member.kind])[..., None], tf.reshape(given, shape), leaves)
    return leaves


def _answer(
    inventory: Inventory, program: Program, world: World, stack: tf.Tensor, attentions: tf.Tensor
) -> Execution:
    h = stack[:, :, 0]
    batch, candidates = tf.unstack(tf.shape(h))[:2]
    scores = tf.zeros([batch, candidates, len(inventory.answers)], h.dtype)
    answered = tf.zeros([batch, candidates, 1], tf.bool)
    for member in inventory.members(gives="labels"):
        ends = program.is_any([member.kind])  # [B, M, L]
        # A program holds at most one of these, so that a sum picks its argument.
        words = tf.reduce_sum(tf.where(ends, program.words, 0), axis=-1)
        names = None
        if member.spec.argument == "name":
            names = tf.strings.reduce_join(tf.where(ends, program.arguments, ""), axis=-1)
        asked = tf.reduce_any(ends, axis=-1)[..., None]
        given = (stack[:, :, 1], h) if member.spec.takes == 2 else (h,)
        scores = tf.where(asked, member.layer(argument_of(member, words, names), world, *given), scores)
        answered |= asked
    labels = tf.where(answered, tf.nn.softmax(scores), tf.zeros_like(scores))
    return Execution(labels, tf.where(answered, tf.zeros_like(h), h), attentions)
