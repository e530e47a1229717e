"""Environments in the graph, beside the NumPy tasks that the baselines play: the same distribution of everything."""

import inspect
import pkgutil
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
import tensorflow as tf

import tfmeta.rl.environments
from tfmeta.core.tasks import PARTS
from tfmeta.core.unroll import unroll
from tfmeta.recipes.registry import TASKS
from tfmeta.rl.baselines import BanditTask, MDPTask
from tfmeta.rl.control_tasks import ControlTasks
from tfmeta.rl.environment_tasks import EnvironmentTasks
from tfmeta.rl.environments import (
    BanditEnvironment,
    GymnasiumEnvironment,
    MazeEnvironment,
    PointNavigation,
    TabularMDPEnvironment,
    TrialEnvironment,
)

ENVIRONMENTS = {
    "bandit": BanditEnvironment(arms=5, pulls=12),
    "mdp": TabularMDPEnvironment(episodes=3, states=6, actions=3, horizon=4),
    "maze": MazeEnvironment(size=3, horizon=6, width=4, height=4),
    "navigation": PointNavigation(horizon=6),
}
if find_spec("gymnasium"):
    from tests.rl.corridor import Corridor

    ENVIRONMENTS["gymnasium"] = GymnasiumEnvironment(Corridor, trial_length=7)
# The environments of all tasks that the command line knows, of plug-ins too.
REGISTERED = {
    name: kind() for name, kind in TASKS.items() if issubclass(kind, (EnvironmentTasks, ControlTasks))
}
if find_spec("mujoco"):
    from tfmeta.rl.environments import HalfCheetah

    ENVIRONMENTS["cheetah"] = HalfCheetah(horizon=3)
else:
    REGISTERED.pop("cheetah")
CASES = {
    **ENVIRONMENTS,
    **{f"tasks {name}": tasks.environment("train") for name, tasks in REGISTERED.items()},
}
each = pytest.mark.parametrize("name", CASES)


def any_action(environment, batch, seed):
    """Random actions: of the discrete ones, or from -1 to 1."""
    if environment.actions:
        return tf.random.stateless_uniform([batch], seed, 0, environment.actions, tf.int32)
    return tf.random.stateless_uniform([batch, environment.action_size], seed, -1.0, 1.0)


def trial(environment):
    """A graph that plays random actions, and gives out every step."""

    @tf.function(input_signature=[tf.TensorSpec([2], tf.int64), tf.TensorSpec([], tf.int32)])
    def play(seed, batch):
        state, first = environment.reset(seed, batch)

        def step(state, number):
            action_seed = tf.random.fold_in(tf.constant([11, 13], tf.int64), number)
            action = any_action(environment, batch, action_seed)
            after, observation, reward, done = environment.step(state, action)
            return after, (action, observation, reward, done)

        output = (
            tf.TensorSpec([None], tf.int32)
            if environment.actions
            else tf.TensorSpec([None, environment.action_size]),
            tf.TensorSpec([None, environment.observation_size], tf.float32),
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([None], tf.bool),
        )
        last, steps = unroll(step, state, environment.trial_length, output=output)
        return state, first, last, steps

    return lambda seed, batch: tf.nest.map_structure(lambda x: x.numpy(), play(seed, batch))


@pytest.fixture(scope="module")
def plays():
    return {name: trial(environment) for name, environment in CASES.items()}


def test_every_environment_is_held_to_the_contract():
    """Each class of the package is among those above, and so is each that is registered."""
    if "gymnasium" not in ENVIRONMENTS:
        pytest.skip("the extra 'rl' is not installed")
    for package in (tfmeta.rl, tfmeta.rl.environments):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    ours = {
        kind
        for kind in descendants(TrialEnvironment)
        if kind.__module__.startswith("tfmeta.") and not inspect.isabstract(kind)
    }
    held = {type(environment) for environment in ENVIRONMENTS.values()}
    assert ours == held, f"not in ENVIRONMENTS: {ours - held}"
    assert {"bandit", "maze", "mdp"} <= set(REGISTERED)
    bases = descendants(EnvironmentTasks) | descendants(ControlTasks)
    of_package = {kind for kind in bases if kind.__module__.startswith("tfmeta.rl.")}
    assert of_package <= set(TASKS.values()), "tasks that are not registered"


def descendants(kind):
    return {kind for below in kind.__subclasses__() for kind in (below, *descendants(below))}


@each
def test_what_is_seen_and_earned_is_a_function_of_the_seed(plays, name):
    # The actions are the same each time, and states that are tickets may differ.
    (_, first, _, steps), (_, first_again, _, again), (_, first_other, _, other) = (
        plays[name]([3, seed], 16) for seed in (1, 1, 2)
    )
    for x, y in zip((first, *steps), (first_again, *again), strict=True):
        np.testing.assert_array_equal(x, y)
    assert any(not np.array_equal(x, y) for x, y in zip((first, *steps), (first_other, *other), strict=True))


@each
def test_one_step_out_of_the_graph(name):
    environment = CASES[name]
    state, observation = environment.reset([0, 0], 7)
    assert observation.shape == (7, environment.observation_size)
    after, observation, reward, done = environment.step(state, any_action(environment, 7, [0, 1]))
    assert observation.shape == (7, environment.observation_size)
    assert (reward.shape, reward.dtype) == ([7], tf.float32)
    assert (done.shape, done.dtype) == ([7], tf.bool)
    tf.nest.assert_same_structure(state, after)
    before, later = tf.nest.flatten(state), tf.nest.flatten(after)
    assert [x.dtype for x in before] == [x.dtype for x in later]
    if name in ENVIRONMENTS and environment.actions:
        assert int(after.steps) == 1


@pytest.mark.parametrize("name", REGISTERED)
def test_the_parts_of_registered_tasks_fit_the_same_policy(name):
    tasks = REGISTERED[name]
    sizes = {
        (of.actions, of.observation_size, of.trial_length)
        for of in (tasks.environment(part) for part in PARTS)
    }
    assert len(sizes) == 1
    eyes = tasks.eyes(0) if isinstance(tasks, EnvironmentTasks) else None
    assert eyes is None or np.prod(eyes.input_shape[1:]) == tasks.environment("test").observation_size
    assert tasks.name in tasks.model_name and tasks.words and tasks.items and tasks.source


def test_bandits_are_those_of_the_baselines(plays):
    state, _, last, (actions, observations, rewards, done) = plays["bandit"]([0, 0], 4000)
    theirs = BanditTask.draw(4000, 5, np.random.default_rng(0)).means
    quantiles = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(np.quantile(state.means, quantiles), np.quantile(theirs, quantiles), atol=0.02)
    np.testing.assert_allclose(state.means.max(1).mean(), theirs.max(1).mean(), atol=0.01)
    np.testing.assert_array_equal(last.means, state.means)
    means = np.take_along_axis(state.means.T, actions, axis=0)  # [T, B]
    assert set(np.unique(rewards)) == {0, 1}
    for low in (0.0, 0.4, 0.8):
        among = (means >= low) & (means < low + 0.2)
        np.testing.assert_allclose(rewards[among].mean(), low + 0.1, atol=0.02)
    # Luck is new at every step and for every bandit.
    surprise = rewards - means
    assert abs(np.mean(surprise[1:] * surprise[:-1])) < 0.005
    assert abs(np.mean(surprise[:, 1:] * surprise[:, :-1])) < 0.005
    assert done.all()
    assert observations.shape == (12, 4000, 0)


def test_the_priors_of_mdps_are_those_of_the_baselines(plays):
    state, *_ = plays["mdp"]([0, 0], 2000)
    theirs = MDPTask.draw(2000, 6, 3, np.random.default_rng(0))
    quantiles = np.linspace(0.02, 0.98, 13)
    np.testing.assert_allclose(state.transitions.sum(-1), 1, atol=1e-5)
    for mine, other in ((state.transitions, theirs.transitions), (state.rewards, theirs.rewards)):
        np.testing.assert_allclose(np.quantile(mine, quantiles), np.quantile(other, quantiles), atol=0.02)
    # Neither depends on the other.
    assert abs(np.corrcoef(state.transitions[..., 0].ravel(), state.rewards.ravel())[0, 1]) < 0.02


def test_mdps_move_and_pay_as_their_tables_say(plays):
    state, first, _, (actions, observations, rewards, done) = plays["mdp"]([1, 0], 6000)
    seen = np.concatenate([first[None], observations])  # [T+1, B, S]
    np.testing.assert_array_equal(seen.sum(-1), 1)
    at = seen.argmax(-1)
    assert np.all(at[::4] == 0)  # each episode begins in state 0, where the one before ended
    np.testing.assert_array_equal(done, np.repeat((np.arange(12) % 4 == 3)[:, None], 6000, axis=1))
    rows = np.arange(6000)
    means = np.stack([state.rewards[rows, at[t], actions[t]] for t in range(12)])
    noise = rewards - means
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 1], atol=0.02)
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.02
    # The chances that were given to what then happened, against those given to each state: calibrated.
    inside = [t for t in range(12) if t % 4 != 3]
    chances = np.stack([state.transitions[rows, at[t], actions[t]] for t in inside])
    landed = np.stack([seen[t + 1] for t in inside])
    for low in (0.0, 0.1, 0.3):
        among = (chances >= low) & (chances < low + 0.1)
        np.testing.assert_allclose(landed[among].mean(), chances[among].mean(), atol=0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BanditEnvironment(arms=0, pulls=10), "arms=0"),
        (lambda: BanditEnvironment(arms=5, pulls=0), "pulls=0"),
        (lambda: TabularMDPEnvironment(episodes=0), "episodes=0"),
        (lambda: TabularMDPEnvironment(episodes=1, horizon=0), "horizon=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_lengths_and_sizes():
    bandit, mdp = BanditEnvironment(arms=5, pulls=10), TabularMDPEnvironment(episodes=25)
    assert (bandit.actions, bandit.observation_size, bandit.trial_length) == (5, 0, 10)
    assert (mdp.actions, mdp.observation_size, mdp.trial_length) == (5, 10, 250)
