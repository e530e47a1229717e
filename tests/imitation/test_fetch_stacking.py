"""Block stacking on the Fetch arm: the expert, the tasks of the kinematic world, and what is refused."""

import importlib.util

import numpy as np
import pytest

from tfmeta.core import installed, mujoco_pictures
from tfmeta.core.checks import TfmetaError
from tfmeta.core.mujoco_pictures import MujocoPictures
from tfmeta.imitation.fetch_arm import FetchArm
from tfmeta.imitation.fetch_play import demonstrate_fetch, imitate_fetch
from tfmeta.imitation.fetch_scene import fetch_scene
from tfmeta.imitation.fetch_stacking import FetchStacking
from tfmeta.imitation.layouts import LayoutError
from tfmeta.imitation.stacking import StackingWorld
from tfmeta.imitation.stacking_rules import SIDE, STRIDE, WIDEST

for needed in ("mujoco", "gymnasium_robotics"):
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is missing: pip install 'tfmeta[sim]'", allow_module_level=True)

WORLD = StackingWorld(["abc"])
LAYOUTS = ["ab c", "abc", "cab", "ba"]
KINDS = ["gripper", "joints"]


@pytest.fixture(scope="module")
def fetches() -> dict[str, FetchStacking]:
    """One of each kind, as to trace the functions of a world takes time."""
    return {actions: FetchStacking(WORLD, actions=actions, threads=2) for actions in KINDS}


@pytest.fixture(params=KINDS)
def fetch(request, fetches) -> FetchStacking:
    return fetches[request.param]


# What happens in it.


def test_the_expert_builds_layouts_of_different_sizes(fetch):
    seen = fetch.reset(LAYOUTS, 0)
    assert not fetch.succeeded().any()
    for _ in range(fetch.horizon):
        seen = fetch.step(fetch.expert())
        if fetch.succeeded().all():
            break
    assert fetch.succeeded().all()
    np.testing.assert_array_equal(seen.present.sum(axis=1), [3, 3, 3, 2])
    for _ in range(5):  # the towers stand, and the expert leaves them alone
        fetch.step(fetch.expert())
    assert fetch.succeeded().all()


def test_a_model_reads_a_demonstration_and_then_acts_in_another_scene(fetches):
    fetch = fetches["gripper"]
    shown = demonstrate_fetch(fetch, ["ab c", "ba"], 3)
    assert shown.objects.shape[:1] == shown.length.shape == (2,)
    assert all(5 < length <= shown.body.shape[1] for length in shown.length)
    asked = []

    def ask(signature, inputs):  # does what the expert would do, but never in the second scene
        asked.append({"signature": signature, **inputs})
        if signature == "embed":
            return {"demo_state": np.array([[1.0], [2.0]])}
        return {"action": fetch.expert() * [[1.0], [0.0]]}

    assert imitate_fetch(ask, fetch, shown, ["ab c", "ba"], 4).tolist() == [True, False]
    assert [row["signature"] for row in asked[:2]] == ["embed", "act"]
    np.testing.assert_array_equal(asked[0]["demo_body"], shown.body)
    np.testing.assert_array_equal(asked[-1]["demo_state"], [[1.0], [2.0]])
    assert np.abs(asked[1]["objects"] - shown.objects[:, 0]).max() > 0.5  # another scene
    with pytest.raises(ValueError, match="2 demonstrations came for 1 layout; expected one"):
        imitate_fetch(ask, fetch, shown, ["ab c"], 4)


def test_the_expert_copes_with_errors_of_its_hand(fetches):
    fetch, random = fetches["gripper"], np.random.default_rng(0)
    fetch.reset(["abc"] * 6, 2)
    for _ in range(fetch.horizon):
        fetch.step(fetch.expert() + 0.1 * random.normal(size=[6, 4]))
        if fetch.succeeded().all():
            break
    assert fetch.succeeded().all()


def test_it_is_observed_in_the_units_of_the_kinematic_world(fetch):
    seen = fetch.reset(["abc", "ba"], [3, 4])
    fetch.step(np.full([2, fetch.action_size], 0.2))
    seen = fetch.step(np.full([2, fetch.action_size], -0.2))
    for row, arm in enumerate(fetch._arms):
        gripper = arm.data.site("gripper").xpos
        cubes = np.array([arm.data.body(f"cube{number}").xpos for number in range(len(arm.cubes))])
        np.testing.assert_allclose(seen.objects[row, : len(cubes)], (cubes - gripper) / SIDE, atol=0.02)
        fingers = [arm.data.joint(f"robot0:{side}_gripper_finger_joint").qpos[0] for side in "lr"]
        body = [min(sum(fingers) / WIDEST, 1.0), gripper[2] / SIDE]
        np.testing.assert_allclose(seen.body[row, :2], body, atol=1e-3)
        np.testing.assert_allclose(seen.body[row, 2:], arm.joints[: fetch.body_size - 2], atol=1e-6)
    assert seen.objects.shape == (2, 3, 3) and not seen.objects[1, 2].any()
    assert seen.body.shape == (2, fetch.body_size) and seen.body.dtype == np.float32


def test_an_action_moves_the_gripper_as_in_the_kinematic_world(fetches):
    fetch, random = fetches["gripper"], np.random.default_rng(0)
    fetch.reset(["abc"] * 4, 1)
    for _ in range(8):
        before = fetch.state().gripper.numpy()
        action = random.uniform(-1, 1, [4, 4])
        action[:, 2] = np.where(before[:, 2] > 0.2, -1, 1) * np.abs(action[:, 2])
        fetch.step(action)
        np.testing.assert_allclose(fetch.state().gripper, before + STRIDE * action[:, :3], atol=0.006)


@pytest.mark.parametrize("way", [(0.05, 0.0, 0.0), (0.0, -0.05, 0.0), (0.03, 0.03, -0.05)])
def test_damped_least_squares_find_the_turns_for_a_way(way):
    arm = FetchArm(1, "joints")
    arm.reset(np.array([[0.0, 0.3, SIDE / 2]]), np.array([0.0, 0.1, 0.2]))
    begin = arm.gripper
    np.testing.assert_allclose(begin, [0.0, 0.1, 0.2], atol=1e-5)
    arm.turn(arm.turns_for(np.array(way)), 0.0)
    np.testing.assert_allclose(arm.gripper, begin + way, atol=0.006)
    down = arm.data.site("gripper").xmat.reshape(3, 3)[:, 0]  # the direction of the fingers
    np.testing.assert_allclose(down, [0, 0, -1], atol=0.02)


def test_a_cube_is_held_until_the_fingers_open():
    arm, still = FetchArm(1, "gripper"), np.zeros(3)
    arm.reset(np.array([[0.0, 0.0, SIDE / 2]]), np.array([0.0, 0.0, SIDE / 2]))
    assert arm.held == -1 and arm.opening == WIDEST
    for _ in range(3):
        arm.move(still, -0.04)
    assert arm.held == 0 and arm.opening == pytest.approx(SIDE, abs=0.005)
    for _ in range(4):
        arm.move(np.array([0.0, 0.0, 0.05]), 0.001)  # so little does not let it go, as in the kinematic world
    assert arm.held == 0 and arm.cubes[0, 2] > 0.15
    for _ in range(6):
        arm.move(still, 0.04)
    assert arm.held == -1 and arm.cubes[0, 2] == pytest.approx(SIDE / 2, abs=0.002)


def test_the_fingers_around_a_cube_pass_the_cube_below():
    arm = FetchArm(2, "gripper")
    arm.reset(np.array([[0, 0, SIDE / 2], [0, 0, 1.5 * SIDE]]), np.array([0.0, 0.0, 1.5 * SIDE - 0.01]))
    for _ in range(3):
        arm.move(np.zeros(3), -0.04)
    for _ in range(3):
        arm.move(np.array([0.0, 0.0, 0.05]), 0.0)
    assert arm.held == 1 and arm.cubes[0, 2] == pytest.approx(SIDE / 2, abs=0.002)


def test_a_seed_names_the_arrangements_and_threads_change_nothing(fetches):
    first = fetches["gripper"].reset(LAYOUTS, 5)
    other = fetches["gripper"].reset(LAYOUTS, 6)
    assert not np.allclose(first.objects, other.objects)
    single = FetchStacking(WORLD, threads=1)
    np.testing.assert_array_equal(single.reset(LAYOUTS, 5).objects, first.objects)
    fetches["gripper"].reset(LAYOUTS, 5)
    action = np.random.default_rng(0).uniform(-1, 1, [4, 4])
    for found, again in zip(fetches["gripper"].step(action), single.step(action), strict=True):
        np.testing.assert_array_equal(found, again)


def test_cubes_begin_apart(fetches):
    fetch = FetchStacking(StackingWorld(["ab c d e f g h i j"]), threads=1)
    fetch.reset(["ab c d e f g h i j"] * 20, 0)
    cubes = fetch.state().cubes.numpy()
    apart = np.abs(cubes[:, :, None] - cubes[:, None])[..., :2].max(axis=-1) + np.eye(10)
    assert apart.min() >= 0.1 - 1e-6
    assert np.ptp(cubes[..., 0]) > 0.2 and np.ptp(cubes[..., 1]) > 0.45


def test_what_moves_the_arm_is_either_the_weld_or_the_servos():
    gripper, joints = fetch_scene(2, "gripper"), fetch_scene(2, "joints")
    assert (gripper.nu, joints.nu) == (2, 9)
    assert gripper.eq_active0.tolist() == [1] and joints.eq_active0.tolist() == [0]
    assert fetch_scene(2, "joints") is joints


# Pictures.


def test_a_picture_shows_the_cubes(fetches):
    fetch = fetches["gripper"]
    fetch.reset(["abc", "abc"], 0)
    try:
        first = fetch.render(0)
    except TfmetaError as error:
        assert "MUJOCO_GL" in str(error)
        pytest.skip(str(error))
    assert first.shape == (240, 320, 3) and first.dtype == np.uint8
    red, green, blue = np.moveaxis(first.astype(int), -1, 0)
    assert ((red > 100) & (green < 60) & (blue < 60)).sum() > 20  # cube a
    assert (first != fetch.render(1)).any()
    np.testing.assert_array_equal(fetch.render(0), first)
    assert fetch.render(0, width=64, height=48).shape == (48, 64, 3)


def test_without_opengl_it_is_said_what_to_install(fetches, monkeypatch):
    fetches["joints"].reset(["abc"], 0)
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    with pytest.raises(TfmetaError, match=r"MuJoCo could not use it: .*nonsense.* Install .*MUJOCO_GL=egl"):
        fetches["joints"].render()


def test_a_renderer_that_has_ended_is_reported(fetches, monkeypatch):
    model = fetch_scene(1)
    monkeypatch.setattr(mujoco_pictures, "_start", lambda *_: _that_says_a_byte())
    pictures = MujocoPictures(model, 64, 48, {})
    with pytest.raises(TfmetaError, match="has ended: it ended with code 3"):
        pictures.draw(FetchArm(1, "gripper").data)


def _that_says_a_byte():
    import subprocess
    import sys

    code = "import os, sys; print(flush=True); sys.stdin.buffer.read(8); os._exit(3)"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


# What is refused.


@pytest.mark.parametrize("package", ["mujoco", "gymnasium_robotics"])
def test_without_a_package_it_is_said_what_to_install(package, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(installed, "find_spec", lambda name: None if name == package else found(name))
    fetch_scene.cache_clear()
    with pytest.raises(TfmetaError, match=rf'{package} is missing; .*Fetch.*pip install "tfmeta\[sim\]"'):
        FetchStacking(WORLD)


def test_a_version_without_the_robot_is_reported(monkeypatch):
    monkeypatch.setattr(installed, "find_spec", lambda name: importlib.util.find_spec("numpy"))
    with pytest.raises(TfmetaError, match=r"gymnasium_robotics has no envs/assets; .* needs it"):
        installed.installed_file("gymnasium_robotics", "envs/assets", "sim", "the Fetch arm")


def test_a_layout_that_cannot_be_built_is_refused(fetch):
    with pytest.raises(LayoutError, match="names cube 'a' 2 times"):
        fetch.reset(["aa"], 0)
    with pytest.raises(LayoutError, match="has 4 cubes; expected at most 3"):
        fetch.reset(["abcd"], 0)
    with pytest.raises(ValueError, match="expected a list with one for each scene"):
        fetch.reset([], 0)
    with pytest.raises(ValueError, match="layouts='ab c'; expected a list"):
        fetch.reset("ab c", 0)


def test_actions_that_make_no_sense_are_refused(fetch):
    fetch.reset(["abc", "ab"], 0)
    size = fetch.action_size
    for shape in ([2, size - 1], [3, size], [size]):
        with pytest.raises(ValueError, match=rf"The action came as .*; expected \[2, {size}\]"):
            fetch.step(np.zeros(shape))
    bad = np.zeros([2, size])
    before = fetch.state().gripper.numpy()
    for value in (np.nan, np.inf):
        bad[1, 0] = value
        with pytest.raises(ValueError, match="not finite"):
            fetch.step(bad)
    np.testing.assert_array_equal(fetch.state().gripper, before)


def test_settings_that_make_no_sense_are_refused(fetches):
    with pytest.raises(ValueError, match="threads=0; expected at least 1"):
        FetchStacking(WORLD, threads=0)
    with pytest.raises(ValueError, match="actions='torque'; expected 'gripper' or 'joints'"):
        FetchStacking(WORLD, actions="torque")
    with pytest.raises(ValueError, match="cubes=11; expected from 1 to 10"):
        fetch_scene(11)
    fetches["gripper"].reset(["abc"], 0)
    with pytest.raises(ValueError, match="scene=1; expected from 0 to 0"):
        fetches["gripper"].render(1)
    with pytest.raises(ValueError, match="The size is 2000x10"):
        fetches["gripper"].render(width=2000, height=10)


def test_before_a_scene_has_begun_it_is_said_what_to_do():
    with pytest.raises(TfmetaError, match=r"No scene has begun; call reset\(layouts, seed\) first"):
        FetchStacking(WORLD).expert()
