"""What a question is about: a set of positions, and what is known of each."""

from typing import NamedTuple

import tensorflow as tf

__all__ = ["World"]


class World(NamedTuple):
    """Positions of a world, cells of an image or entities of a database: B worlds of K positions.

    Attributes:
        features: ``w``, ``[B, K, D]``.
        mask: ``[B, K]``, 1 where there is a position and 0 where there is none, since worlds differ in size.
        pairs: ``[B, K, K, R]``: ``pairs[b, k, j]`` says how position k stands to position j. None where nothing is
            known of pairs.
        names: ``[B, K]`` strings, by which `lookup` finds positions, spelt as by `tfmeta.modules.vocabulary.slug`.
            None where positions have no names.
    """

    features: tf.Tensor
    mask: tf.Tensor
    pairs: tf.Tensor | None = None
    names: tf.Tensor | None = None
