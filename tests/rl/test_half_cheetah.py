"""The cheetah beside MuJoCo's own steps, with the rules of Gymnasium's environment."""

import builtins
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.rl import CheetahTasks

mujoco = pytest.importorskip("mujoco")
pytest.importorskip("gymnasium")  # has the model of the body

from tfmeta.rl.environments import HalfCheetah  # noqa: E402
from tfmeta.rl.environments.half_cheetah import _model_file  # noqa: E402


@pytest.mark.parametrize("goal", ["direction", "velocity"])
def test_it_moves_by_the_rules_of_gymnasiums(goal):
    environment = HalfCheetah(goal, threads=1)
    tasks = environment.draw([0, 0], 2)
    state, seen = environment.begin(tasks, [0, 1])
    model = mujoco.MjModel.from_xml_path(str(_model_file()))
    data, physics = mujoco.MjData(model), state.physics[1].numpy()
    data.qpos[:], data.qvel[:] = physics[1:10], physics[10:]
    random = np.random.default_rng(0)
    for _ in range(5):
        action = random.uniform(-1.5, 1.5, [2, 6]).astype(np.float32)
        state, seen, reward, ended = environment.step(state, tf.constant(action))
        clipped, before = np.clip(action[1], -1, 1), data.qpos[0]
        data.ctrl[:] = clipped
        mujoco.mj_step(model, data, nstep=5)
        np.testing.assert_allclose(seen[1], [*data.qpos[1:], *data.qvel], atol=1e-3)
        speed, task = (data.qpos[0] - before) / 0.05, float(tasks[1])
        wanted = task * speed if goal == "direction" else -abs(speed - task)
        assert float(reward[1]) == pytest.approx(wanted - 0.05 * (clipped**2).sum(), abs=1e-3)
        assert not ended.numpy().any()


def test_a_state_can_be_stepped_again_and_threads_change_nothing():
    found = []
    for threads in (1, 3):
        environment = HalfCheetah(threads=threads)
        state, _ = environment.reset([0, 0], 5)
        action = tf.random.stateless_uniform([5, 6], [0, 2], -1, 1)
        found += [environment.step(state, action)[1] for _ in range(2)]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_both_directions_are_drawn_and_speeds_are_up_to_two():
    assert sorted(HalfCheetah().draw([0, 1], 4).numpy()) == [-1, -1, 1, 1]
    firsts = {float(HalfCheetah().draw([0, seed], 1)[0]) for seed in range(9)}
    assert firsts == {-1.0, 1.0}
    speeds = HalfCheetah("velocity").draw([0, 1], 500).numpy()
    assert 0 <= speeds.min() < 0.1 and 1.9 < speeds.max() <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": "up"}, "goal='up'; expected 'direction' or 'velocity'"),
        ({"horizon": 0}, "horizon=0"),
        ({"threads": 0}, "threads=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        HalfCheetah(**options)


def test_without_mujoco_it_is_said_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "mujoco":
            raise ImportError(name="mujoco")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "tfmeta.rl.environments.half_cheetah")
    with pytest.raises(TfmetaError, match=r"mujoco is missing; install it: pip install 'tfmeta\[sim\]'"):
        CheetahTasks().load("train")
