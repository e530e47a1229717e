"""The evaluator: composes the modules of one layout as its tree says, eagerly, for looking into."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tfmeta.modules.executor import argument_of
from tfmeta.modules.inventory import Inventory
from tfmeta.modules.layout import Layout
from tfmeta.modules.vocabulary import slug
from tfmeta.modules.world import World

__all__ = ["Evaluation", "evaluate"]


class Evaluation(NamedTuple):
    """What one module gave, and the modules below it.

    Attributes:
        layout: the module with what goes into it.
        value: its attentions ``[B, K]``, or probabilities of the labels ``[B, A]``.
        inputs: the evaluations of what goes into it.
    """

    layout: Layout
    value: tf.Tensor
    inputs: tuple["Evaluation", ...]


def evaluate(inventory: Inventory, layout: Layout, world: World) -> Evaluation:
    """Evaluates a layout in a batch of worlds.

    It is the definition of what `tfmeta.modules.executor.execute` computes for many layouts at once, module by module,
    as the tree of the layout says.

    Args:
        inventory: the modules.
        layout: what is asked.
        world: B worlds, of which each is asked the same.

    Returns:
        The value of the layout and of all below it.

    Raises:
        ValueError: for a layout with a module that the inventory has not.

    Example:
        >>> from tfmeta.modules.layout import parse_layout
        >>> inventory = Inventory(["red", "above"], features=8, answers=["yes", "no"])
        >>> world = World(tf.random.normal([1, 9, 8]), tf.ones([1, 9]))
        >>> found = evaluate(inventory, parse_layout("(exists (relate[above] find[red]))"), world)
        >>> found.value.shape, str(found.inputs[0].layout), found.inputs[0].value.shape
        (TensorShape([1, 2]), '(relate[above] find[red])', TensorShape([1, 9]))
    """
    inputs = tuple(evaluate(inventory, child, world) for child in layout.children)
    attentions = [below.value[:, None] for below in inputs]  # [B, 1, K], one instance
    member = inventory.member(layout.type.name)
    asked = slug(tf.fill([tf.shape(world.mask)[0], 1], layout.argument))
    argument = argument_of(member, inventory.vocabulary.ids(asked), asked)
    if member.spec.many:
        value = functools.reduce(lambda *pair: member.layer(argument, world, *pair), attentions)
    else:
        value = member.layer(argument, world, *attentions)
    if member.spec.gives == "labels":
        value = tf.nn.softmax(value)
    return Evaluation(layout, value[:, 0], inputs)
