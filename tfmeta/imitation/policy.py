"""The contract of a policy that imitates: one function reads the demonstration, another one acts."""

from abc import ABC, abstractmethod
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.imitation.demonstration import Demonstration
from tfmeta.imitation.world import Observation, World

__all__ = ["ImitationPolicy", "for_scenes"]


class ImitationPolicy(keras.Model, ABC):
    """A policy that is conditioned on a demonstration.

    A subclass reads the demonstration once, and acts from what it has read as often as is needed:

    ``read(demonstration) -> demo_state [B, S]``, ``act(demo_state, observation) -> action [B * M, A]``

    Args:
        most_objects: objects of a scene at most, N.
        object_size: numbers of an object, D.
        body_size: numbers of the body, E.
        action_size: numbers of an action, A.
        units: of the hidden layers.
        seed: of the initial weights.

    Raises:
        ValueError: if a size is below 1.
    """

    def __init__(
        self,
        most_objects: int,
        object_size: int,
        body_size: int,
        action_size: int,
        *,
        units: int = 64,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        sizes = {
            "most_objects": most_objects, "object_size": object_size, "body_size": body_size,
            "action_size": action_size, "units": units,
        }  # fmt: skip
        check(
            min(sizes.values()) >= 1,
            f"{', '.join(f'{name}={size}' for name, size in sizes.items())}: each must be at least 1.",
        )
        self.most_objects, self.object_size, self.body_size = most_objects, object_size, body_size
        self.action_size, self.units, self.seed = action_size, units, seed
        self.seeds = keras.random.SeedGenerator(seed)

    @classmethod
    def of_world(cls, world: World, **options: Any) -> "ImitationPolicy":
        """Builds a policy for the sizes of a world."""
        return cls(world.most_objects, world.object_size, world.body_size, world.action_size, **options)

    @property
    @abstractmethod
    def state_size(self) -> int:
        """Numbers of a ``demo_state``, S."""

    def embed(self, demonstration: Demonstration) -> tf.Tensor:
        """Chooses steps of demonstrations and reads them; returns ``demo_state [B, S]``."""
        return self.read(self.chosen(demonstration))

    def chosen(self, demonstration: Demonstration, seed: tf.Tensor | None = None) -> Demonstration:
        """Returns the part of demonstrations that is read: here all of it.

        Args:
            demonstration: B of them.
            seed: two integers ``[2]`` in training, where steps may be chosen at random.
        """
        return demonstration

    @abstractmethod
    def read(self, demonstration: Demonstration) -> tf.Tensor:
        """Reads what was chosen of demonstrations; returns ``demo_state [B, S]``."""

    @abstractmethod
    def act(self, demo_state: tf.Tensor, observation: Observation) -> tf.Tensor:
        """Acts in M scenes for each demonstration.

        Args:
            demo_state: what `read` returned, ``[B, S]``.
            observation: of B * M scenes; the M scenes of a demonstration follow each other.

        Returns:
            The actions ``[B * M, A]``, each from -1 to 1 where it was trained on such ones.
        """

    def dense(self, size: int, activation: str | None = None) -> keras.layers.Dense:
        """Makes a layer whose initial weights depend on the seed of the policy."""
        return keras.layers.Dense(
            size, activation, kernel_initializer=keras.initializers.GlorotUniform(self.seeds)
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "most_objects": self.most_objects,
            "object_size": self.object_size,
            "body_size": self.body_size,
            "action_size": self.action_size,
            "units": self.units,
            "seed": self.seed,
        }


def for_scenes(demo_state: tf.Tensor, observation: Observation) -> tf.Tensor:
    """Repeats what was read of each demonstration for each of its scenes: ``[B, S] -> [B * M, S]``."""
    scenes = tf.shape(observation.body)[0] // tf.shape(demo_state)[0]
    return tf.repeat(demo_state, scenes, axis=0)
