"""Some of all coordinates, in place of all, for the gradient of a rule that every coordinate shares."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfmeta.core.shapes import leading
from tfmeta.optimizers.learned_rule import LearnedRule

__all__ = ["CoordinateSample"]


@dataclasses.dataclass(frozen=True)
class CoordinateSample:
    """Which coordinates were drawn, and how many each of them stands for.

    Attributes:
        places: for each network of a rule, the places of its coordinates in `LearnedRule.flatten`, ``[S]``.
        scales: of how many coordinates each is one, ``[S]``: a sum over the sample with these as factors is in the mean
            over samples the sum over all.
    """

    places: list[tf.Tensor]
    scales: list[tf.Tensor]

    @classmethod
    def draw(
        cls, rule: LearnedRule, parameters: Sequence[tf.Tensor], most: int, seed: tf.Tensor
    ) -> "CoordinateSample":
        """Draws coordinates of each tensor, so that small tensors, which are as important as large ones, are whole.

        Args:
            rule: says which network a tensor belongs to.
            parameters: tensors ``[B, ...]`` of known shapes but for B.
            most: coordinates of a tensor that are drawn for each problem, with replacement; where it has no more, all
                are taken.
            seed: two integers ``[2]``.

        Returns:
            The sample; S is at most `most` times the tensors of a network and the problems.

        Example:
            >>> from tfmeta.optimizers import CoordinatewiseLSTM
            >>> rule = LearnedRule(CoordinatewiseLSTM(seed=0))
            >>> theta = [tf.zeros([2, 50, 4]), tf.zeros([2, 4])]
            >>> sample = CoordinateSample.draw(rule, theta, most=10, seed=[0, 7])
            >>> sample.scales[0].numpy().round().astype(int).tolist()
            [20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 1, 1, 1, 1, 1, 1, 1, 1]
        """
        count = leading(parameters[0], 1)[0]
        seeds = tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int64), len(parameters)))
        places, scales = [], []
        for group in rule.groups([parameter.shape[1:] for parameter in parameters]):
            begin = tf.constant(0)
            places.append([tf.zeros([0], tf.int32)])
            scales.append([tf.zeros([0])])
            for i in group:
                size = parameters[i].shape[1:].num_elements()
                drawn = min(most, size)
                first = begin + size * tf.range(count)[:, None]  # [B, 1]
                if drawn < size:
                    own = tf.random.stateless_uniform([count, drawn], seeds[i], maxval=size, dtype=tf.int32)
                else:
                    own = tf.range(size)[None]
                places[-1].append(tf.reshape(first + own, [-1]))
                scales[-1].append(tf.fill([count * drawn], size / drawn))
                begin += count * size
        return cls([tf.concat(x, axis=0) for x in places], [tf.concat(x, axis=0) for x in scales])

    def of(self, vectors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Picks the drawn coordinates, ``[S]``, out of each network's vector ``[P]``."""
        return [tf.gather(vector, place) for vector, place in zip(vectors, self.places, strict=True)]

    def states(self, state: Sequence[Sequence[tf.Tensor]]) -> list[list[tf.Tensor]]:
        """Picks their states, ``[units, S]``, out of those of all coordinates, ``[units, P]``."""
        return [
            [tf.gather(x, place, axis=1) for x in network]
            for network, place in zip(state, self.places, strict=True)
        ]
