"""Cart and pole as a distribution of one task: a trial is one attempt, and yields 1 for each step before the fall."""

from typing import NamedTuple

import tensorflow as tf

from tfmeta.rl.environments import TrialEnvironment

GRAVITY, CART, POLE, HALF, FORCE, TICK = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
FAR, STEEP = 2.4, 0.2095


class CartPoleState(NamedTuple):
    at: tf.Tensor  # x, its speed, the angle, its speed: [B, 4]
    fallen: tf.Tensor


class CartPole(TrialEnvironment):
    """The equations of Barto, Sutton and Anderson 1983, as Gym has them."""

    def __init__(self, steps):
        self.actions, self.observation_size, self.trial_length = 2, 4, steps

    def reset(self, seed, batch):
        at = tf.random.stateless_uniform([batch, 4], seed, -0.05, 0.05)
        return CartPoleState(at, tf.zeros([batch], tf.bool)), at

    def step(self, state, action):
        x, v, angle, turn = tf.unstack(state.at, axis=1)
        push = tf.where(action == 1, FORCE, -FORCE)
        sine, cosine = tf.sin(angle), tf.cos(angle)
        pull = (push + POLE * HALF * turn**2 * sine) / (CART + POLE)
        twist = (GRAVITY * sine - cosine * pull) / (HALF * (4 / 3 - POLE * cosine**2 / (CART + POLE)))
        thrust = pull - POLE * HALF * twist * cosine / (CART + POLE)
        at = tf.stack([x + TICK * v, v + TICK * thrust, angle + TICK * turn, turn + TICK * twist], axis=1)
        at = tf.where(state.fallen[:, None], state.at, at)
        fallen = state.fallen | (tf.abs(at[:, 0]) > FAR) | (tf.abs(at[:, 2]) > STEEP)
        return CartPoleState(at, fallen), at, 1.0 - tf.cast(fallen, tf.float32), fallen
