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
        (
            spaces.MultiDiscrete([2, 3]),
            spaces.Discrete(2),
            r"The actions are MultiDiscrete.*expected Discrete",
        ),
        (spaces.MultiBinary(2), spaces.Discrete(2), r"The actions are MultiBinary.*expected Discrete"),
        (spaces.Discrete(2), spaces.MultiDiscrete([2, 3]), "expected Box or Discrete. .*FlattenObservation"),
        (spaces.Discrete(2), spaces.MultiBinary(2), "expected Box or Discrete. .*FlattenObservation"),
    ],
)
def test_other_spaces_are_told(actions, observations, words):
    with pytest.raises(TfmetaError, match=words):
        GymnasiumEnvironment(lambda seed: Other(actions, observations), trial_length=3)
    with pytest.raises(ValueError, match="trial_length=0; expected at least 1 step"):
        GymnasiumEnvironment(Corridor, trial_length=0)


class Told(gymnasium.Env):
    """Tells the last action, in whatever spaces it is given; it never ends."""

    def __init__(self, actions, observations, first=0, reward=0.0):
        self.action_space, self.observation_space = actions, observations
        self.first, self.reward = first, reward

    def reset(self, *, seed=None, options=None):
        return self.first, {}

    def step(self, action):
        assert self.action_space.contains(action), f"{action} is not in {self.action_space}"
        return action, self.reward, False, False, {}


def test_actions_and_observations_may_start_elsewhere():
    space = spaces.Discrete(3, start=-1)
    environment = GymnasiumEnvironment(lambda seed: Told(space, space), trial_length=3)
    state, observation = environment.reset([0, 0], 3)
    assert observation.numpy().tolist() == [[0, 1, 0]] * 3
    _, observation, _, _ = environment.step(state, tf.constant([0, 1, 2]))
    assert observation.numpy().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("action", [-1, 3])
def test_an_action_that_is_not_there_is_told(action):
    space = spaces.Discrete(3, start=1)
    environment = GymnasiumEnvironment(lambda seed: Told(space, space, first=1), trial_length=3)
    state, _ = environment.reset([0, 0], 1)
    with pytest.raises(ValueError, match=f"The action {action} is not there; expected numbers from 0 to 2"):
        environment.step(state, tf.constant([action]))


def test_bytes_are_scaled():
    space = spaces.Box(0, 255, [1, 2], np.uint8)
    environment = GymnasiumEnvironment(
        lambda seed: Told(spaces.Discrete(2), space, np.array([[0, 51]], np.uint8)), trial_length=3
    )
    _, observation = environment.reset([0, 0], 1)
    np.testing.assert_allclose(observation, [[0, 0.2]])


@pytest.mark.parametrize(
    ("space", "first", "words"),
    [
        (
            spaces.Box(-np.inf, np.inf, [1]),
            [np.nan],
            "holds NaN or infinite numbers; expected finite ones of Box",
        ),
        (spaces.Box(-1, 1, [1]), [0, 0], "has 2 numbers; expected 1, as Box"),
        (spaces.Discrete(3), -1, r"An observation is -1; expected one of Discrete\(3\)"),
    ],
)
def test_observations_that_are_not_in_their_space_are_told(space, first, words):
    environment = GymnasiumEnvironment(lambda seed: Told(spaces.Discrete(2), space, first), trial_length=3)
    with pytest.raises(ValueError, match=words):
        environment.reset([0, 0], 1)


def test_a_reward_that_is_no_number_is_told():
    environment = GymnasiumEnvironment(
        lambda seed: Told(spaces.Discrete(2), spaces.Discrete(2), reward=np.nan), trial_length=3
    )
    state, _ = environment.reset([0, 0], 1)
    with pytest.raises(ValueError, match="Task 0 gave the reward nan; expected a finite number"):
        environment.step(state, tf.constant([0]))
