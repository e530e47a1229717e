"""What the coordinates of a problem remember together: which moves changed the gradient, and how."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["SharedMemory"]

_SEEN = 1e-10  # the square of a change of the gradient that is no rounding error


@dataclasses.dataclass(frozen=True)
class SharedMemory:
    """Remembers what moves did to the gradient, and tells the move that would bring it to zero.

    A coordinatewise rule cannot know that coordinates pull at each other. Here they share a memory ``M``, which
    answers a change ``y`` of the gradient with the move ``s`` that went with it. Where it answered wrongly, the delta
    rule writes the difference; what it is then asked for is the move that undoes the gradient:

        s = θ_t - θ_{t-1},        y = ∇f(θ_t) - ∇f(θ_{t-1}),
        M_t = M_{t-1} + (s - M_{t-1} y) yᵀ / yᵀy,        r_t = -M_t ∇f(θ_t).

    This is Broyden's second update, begun at ``M_0 = ρI``: as long as nothing is written it advises a step of gradient
    descent, and later one in the directions of which nothing is known. A write is of rank one and takes a slot,
    ``M = ρI + Σ_k a_k y_kᵀ``; the oldest goes when all are full. So the memory grows with the number of coordinates and
    not with its square.

    Args:
        slots: writes that are kept, K.
        prior: ``ρ``, a safe learning rate for gradient descent.

    Raises:
        ValueError: for less than one slot.

    Example:
        >>> memory, curvature = SharedMemory(slots=2, prior=0.1), tf.constant([2.0, 6.0])
        >>> theta, state = tf.zeros([1, 2]), memory.initial_state(1, 2)
        >>> for move in ([[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]):
        ...     told, state = memory.read(curvature * theta, state)
        ...     theta, state = theta + move, memory.moved(tf.constant(move), state)
        >>> told.numpy().round(4).tolist()  # at (1, 1), where two moves have led: straight to the minimum
        [[-1.0, -1.0]]

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." arXiv:1606.04474, on what
        coordinates share (NTM-BFGS): a memory of low-rank writes. Broyden. "A class of methods for solving nonlinear
        simultaneous equations." Mathematics of Computation 1965: what is written here.
    """

    slots: int
    prior: float = 0.02

    def __post_init__(self) -> None:
        check(self.slots >= 1, f"slots={self.slots}; a memory needs at least 1.")

    def state_shapes(self, problems: int | tf.Tensor, coordinates: int | tf.Tensor) -> list[list]:
        """Returns the shapes of a state: ``y_k`` and ``a_k`` ``[B, K, P]``, ``∇f(θ_t)`` and ``s`` ``[B, P]``."""
        one = [problems, coordinates]
        slots = [problems, self.slots, coordinates]
        return [slots, slots, one, one]

    def initial_state(self, problems: int | tf.Tensor, coordinates: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns the state before the first step: nothing was written, and nobody has moved.

        Args:
            problems: how many have a memory each, B.
            coordinates: of a problem, P.
        """
        return [tf.zeros(shape) for shape in self.state_shapes(problems, coordinates)]

    def read(self, gradient: tf.Tensor, state: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Writes what the last move did, and tells the next.

        Args:
            gradient: ``∇f(θ_t)``, ``[B, P]``.
            state: as `initial_state` or `moved` gave it.

        Returns:
            The move ``r_t`` that would bring the gradient to zero, as far as is known, ``[B, P]``; and the state, for
            `moved`.
        """
        keys, values, before, move = state
        change = gradient - before
        size = tf.reduce_sum(tf.square(change), axis=1, keepdims=True)
        # Who has not moved has nothing to tell, and neither has who moved by less than can be seen.
        telling = tf.reduce_any(move != 0.0, axis=1, keepdims=True) & (size > _SEEN)
        wrong = (move - self._answer(keys, values, change)) / tf.where(telling, size, 1.0)
        wrong = tf.where(telling, wrong, 0.0)
        keys = tf.concat([change[:, None], keys[:, :-1]], axis=1)
        values = tf.concat([wrong[:, None], values[:, :-1]], axis=1)
        return -self._answer(keys, values, gradient), [keys, values, gradient, tf.zeros_like(move)]

    @staticmethod
    def moved(move: tf.Tensor, state: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Keeps the move ``[B, P]`` that was made, until the next gradient tells what it did."""
        return [*state[:-1], move]

    def _answer(self, keys: tf.Tensor, values: tf.Tensor, question: tf.Tensor) -> tf.Tensor:
        """ρ q + Σ_k a_k (y_kᵀ q), ``[B, P]``."""
        likeness = tf.linalg.matvec(keys, question)  # [B, K]
        return self.prior * question + tf.linalg.matvec(values, likeness, transpose_a=True)
