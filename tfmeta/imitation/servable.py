"""A policy that imitates as a servable: it reads a demonstration once, and acts as often as it is asked."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.imitation.demonstration import Demonstration, demonstrate
from tfmeta.imitation.policy import ImitationPolicy
from tfmeta.imitation.world import Observation, World

__all__ = ["imitation_servable"]

_FIX = "send back what embed of this model returned, unchanged"


def imitation_servable(policy: ImitationPolicy, name: str, *, world: World, card: Card) -> Servable:
    """Makes the signatures of a policy that imitates.

    ===================  ==========================================  ==========================
    signature            inputs                                      outputs
    ===================  ==========================================  ==========================
    ``embed``            demo_objects ``[B, T, N, D]``,              demo_state ``[B, S]``
                         demo_present ``[B, N]`` bool,
                         demo_body ``[B, T, E]``,
                         demo_length ``[B]`` int32
    ``act``              objects ``[B, N, D]``, present ``[B, N]``   action ``[B, A]``
                         bool, body ``[B, E]``, demo_state
                         ``[B, S]``
    ``serving_default``  as ``act``
    ===================  ==========================================  ==========================

    Rows are tasks. ``demo_length`` says how many of the T steps of a demonstration count. ``present`` says which of the
    N objects there are. The demonstration goes into a ``demo_state``, which the client keeps and sends with each
    request. So any replica can answer.

    Args:
        policy: with its trained weights.
        name: name of the model.
        world: of the sizes of the policy; it makes the warm-up requests.
        card: the model card.

    Returns:
        A servable for `tfmeta.core.export.export`.

    Example:
        >>> from tfmeta.imitation import FinalState, ReachingWorld
        >>> world = ReachingWorld(most=3)
        >>> policy = FinalState.of_world(world, units=4, seed=0)
        >>> servable = imitation_servable(policy, "imitator", world=world, card=Card("Reaches."))
        >>> [spec.name for spec in servable.signatures["act"].inputs]
        ['objects', 'present', 'body', 'demo_state']
    """
    most, object_size, body_size = policy.most_objects, policy.object_size, policy.body_size

    def embed(
        demo_objects: tf.Tensor, demo_present: tf.Tensor, demo_body: tf.Tensor, demo_length: tf.Tensor
    ) -> Mapping[str, tf.Tensor]:
        objects = check_shape("demo_objects", demo_objects, ("B", "T", most, object_size))
        body = check_shape("demo_body", demo_body, ("B", "T", body_size))
        objects, present, body, length = check_leading(
            demo_objects=check_finite("demo_objects", objects),
            demo_present=check_shape("demo_present", demo_present, ("B", most)),
            demo_body=check_finite("demo_body", body),
            demo_length=check_shape("demo_length", demo_length, ("B",)),
        )
        steps = tf.stack([tf.shape(objects)[1], tf.shape(body)[1]])
        right = tf.reduce_all((length >= 1) & (length <= steps[0]))
        objects, length = after([
            require((steps[0] == steps[1]) & (steps[0] > 0), "demo_objects and demo_body hold ", steps, " steps;"
                    " expected the same number, at least 1."),
            require(right, "demo_length holds numbers from ", tf.reduce_min(length), " to ", tf.reduce_max(length),
                    "; expected how many steps of each demonstration count, from 1 to the ", steps[0], " that were"
                    " sent."),
        ], objects, length)  # fmt: skip
        objects = _only(_checked_present("demo_present", present)[:, None], objects)
        return {"demo_state": policy.embed(Demonstration(objects, present, body, length))}

    def act(
        objects: tf.Tensor, present: tf.Tensor, body: tf.Tensor, demo_state: tf.Tensor
    ) -> Mapping[str, tf.Tensor]:
        objects = check_finite("objects", check_shape("objects", objects, ("B", most, object_size)))
        body = check_finite("body", check_shape("body", body, ("B", body_size)))
        demo_state = check_shape("demo_state", demo_state, ("B", policy.state_size), _FIX)
        objects, present, body, demo_state = check_leading(
            objects=objects,
            present=check_shape("present", present, ("B", most)),
            body=body,
            demo_state=check_finite("demo_state", demo_state),
        )
        present = _checked_present("present", present)
        return {"action": policy.act(demo_state, Observation(_only(present, objects), present, body))}

    showing = tf.function(lambda: demonstrate(world, world.draw([0, 0], 1), [0, 1]), autograph=False)
    shown = showing().demonstration()
    seen = world.observe(world.arrange(world.draw([0, 0], 1), [0, 2]))
    demo = {f"demo_{key}": x.numpy() for key, x in shown._asdict().items()}
    reading = Signature(
        embed,
        (
            tf.TensorSpec([None, None, most, object_size], name="demo_objects"),
            tf.TensorSpec([None, most], tf.bool, "demo_present"),
            tf.TensorSpec([None, None, body_size], name="demo_body"),
            tf.TensorSpec([None], tf.int32, "demo_length"),
        ),
        demo,
    )
    acting = Signature(
        act,
        (
            tf.TensorSpec([None, most, object_size], name="objects"),
            tf.TensorSpec([None, most], tf.bool, "present"),
            tf.TensorSpec([None, body_size], name="body"),
            tf.TensorSpec([None, policy.state_size], name="demo_state"),
        ),
        {
            **{key: np.asarray(x) for key, x in seen._asdict().items()},
            "demo_state": policy.embed(shown).numpy(),
        },
    )
    return Servable(name, {"serving_default": acting, "embed": reading, "act": acting}, card)


def _checked_present(name: str, present: tf.Tensor) -> tf.Tensor:
    """Checks that a scene has an object."""
    none = tf.math.count_nonzero(~tf.reduce_any(present, axis=1))
    return after(
        [
            require(
                none == 0, f"{name} says of ", none, " scenes that they have no object; expected 1 at least."
            )
        ],
        present,
    )[0]


def _only(present: tf.Tensor, objects: tf.Tensor) -> tf.Tensor:
    """Returns the objects that there are, and zeros for the others, whatever finite numbers were sent."""
    return tf.where(present[..., None], objects, tf.zeros_like(objects))
