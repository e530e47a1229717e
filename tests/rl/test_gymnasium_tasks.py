"""Gymnasium environments as tasks of trials: a corridor of its own length in each task, and CartPole."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.unroll import unroll
from tfmeta.rl.environments import GymnasiumEnvironment

gymnasium = pytest.importorskip("gymnasium", reason="the extra 'rl' is not installed")
from gymnasium import spaces  # noqa: E402

from tests.rl.corridor import Corridor  # noqa: E402


def test_a_trial_goes_on_where_episodes_end():
    environment = GymnasiumEnvironment(Corridor, trial_length=7)
    assert (environment.actions, environment.observation_size) == (2, 5)

    @tf.function
    def play(seed):
        state, first = environment.reset(seed, 40)

        def step(state, _):
            state, *told = environment.step(state, tf.ones([40], tf.int32))
            return state, tuple(told)

        output = (
            tf.TensorSpec([40, 5], tf.float32), tf.TensorSpec([40], tf.float32), tf.TensorSpec([40], tf.bool)
        )  # fmt: skip
        return first, *unroll(step, state, 7, output=output)

    first, state, (seen, rewards, done) = play(tf.constant([0, 1], tf.int64))
    assert (first.numpy().argmax(1) == 0).all() and int(state.steps) == 7
    assert (rewards.numpy() == -1).all()
    ends = {tuple(row) for row in done.numpy().T.astype(int).tolist()}
    assert ends == {(0, 1, 0, 1, 0, 1, 0), (0, 0, 1, 0, 0, 1, 0)}, "tasks of both lengths"
    np.testing.assert_array_equal(seen.numpy().argmax(-1) == 0, done)  # what is seen is the next beginning
    again = play(tf.constant([0, 1], tf.int64))[2][2]
    np.testing.assert_array_equal(again, done)
    assert not np.array_equal(play(tf.constant([0, 2], tf.int64))[2][2], done)


def test_boxes_are_flattened():
    environment = GymnasiumEnvironment(lambda seed: gymnasium.make("CartPole-v1"), trial_length=3)
    state, observation = environment.reset([0, 0], 2)
    assert environment.actions == 2 and observation.shape == (2, 4) and np.ptp(observation) > 0
    _, observation, reward, done = environment.step(state, tf.constant([0, 1]))
    assert reward.numpy().tolist() == [1, 1] and not done.numpy().any()


def test_a_state_is_stepped_once():
    environment = GymnasiumEnvironment(Corridor, trial_length=3)
    state, _ = environment.reset([0, 0], 1)
    environment.step(state, tf.constant([1]))
    with pytest.raises(ValueError, match="This state was stepped before"):
        environment.step(state, tf.constant([1]))


def test_spaces_that_change_between_tasks_are_told():
    environment = GymnasiumEnvironment(lambda seed: Corridor(seed, places=5 + seed % 2), trial_length=3)
    with pytest.raises(ValueError, match=r"has the observations Discrete\(6\) .* pad what is seen"):
        environment.reset([0, 0], 20)


class Other(Corridor):
    """A corridor of other spaces."""

    def __init__(self, actions, observations):
        self.action_space, self.observation_space = actions, observations


@pytest.mark.parametrize(
    ("actions", "observations", "words"),
    [
        (
            spaces.Box(-1, 1, [2]),
            spaces.Discrete(2),
            "expected Discrete. Wrap the environment so that a number",
        ),
        (
            spaces.Discrete(2),
            spaces.Dict(a=spaces.Discrete(2)),
            "expected Box or Discrete. .*FlattenObservation",
        ),
    ],
)
def test_other_spaces_are_told(actions, observations, words):
    with pytest.raises(TfmetaError, match=words):
        GymnasiumEnvironment(lambda seed: Other(actions, observations), trial_length=3)
    with pytest.raises(ValueError, match="trial_length=0; expected at least 1 step"):
        GymnasiumEnvironment(Corridor, trial_length=0)
