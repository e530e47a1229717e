"""A table, N cubes and the Fetch robot as a model of MuJoCo, composed from the files of Gymnasium-Robotics."""

from functools import lru_cache
from typing import Any, Literal

from tfmeta.core.checks import check
from tfmeta.core.installed import installed_file, installed_module
from tfmeta.imitation.layouts import LETTERS
from tfmeta.imitation.stacking_rules import SIDE

__all__ = ["ARM", "FINGERS", "TIP", "FetchActions", "fetch_scene", "load_mujoco"]

FetchActions = Literal["gripper", "joints"]

ARM = tuple(
    f"robot0:{name}_joint"
    for name in (
        "shoulder_pan", "shoulder_lift", "upperarm_roll", "elbow_flex", "forearm_roll", "wrist_flex", "wrist_roll",
    )
)  # fmt: skip
"""The seven joints of the arm, from the shoulder to the hand."""

TIP = 0.028
"""From the hand's frame to the gripper's point, 0.0105 above the fingertips: around a cube they pass the one below."""

FINGERS = ("robot0:l_gripper_finger_joint", "robot0:r_gripper_finger_joint")

_PURPOSE = "block stacking with the Fetch arm"
_BASE = (
    -0.57,
    0.0,
    -0.4,
)  # of the robot: so far from the table, and its torso so high, that it reaches the most
_TABLE = (0.25, 0.4, 0.2)  # half of its sides
_APART = 0.08  # between cubes in the row in which they stand before they are placed
_MASS = 0.1  # of a cube
_FRICTION = (1.0, 0.005, 0.0001)
_COLOURS = (
    (0.84, 0.15, 0.16), (0.12, 0.47, 0.71), (0.17, 0.63, 0.17), (1.0, 0.5, 0.05), (0.58, 0.4, 0.74),
    (0.09, 0.75, 0.81), (0.89, 0.47, 0.76), (0.74, 0.74, 0.13), (0.55, 0.34, 0.29), (0.5, 0.5, 0.5),
)  # fmt: skip
_FINGER_STIFFNESS, _FINGER_DAMPING = 20_000, 500
_ARM_STIFFNESS, _ARM_DAMPING = 40_000, 600
_STIFF = (0.006, 1.0)  # time constant in seconds and damping of the weld: the hand lags by 2 mm after a step
_SCENE = """
<mujoco model="fetch stacking">
  <compiler angle="radian" meshdir="{assets}/stls/fetch" texturedir="{assets}/textures"/>
  <option timestep="0.004" integrator="implicitfast" cone="elliptic" impratio="10"/>
  <include file="{assets}/fetch/shared.xml"/>
  <worldbody>
    <geom name="floor" type="plane" size="2 2 1" pos="0 0 {floor}" material="floor_mat" contype="0" conaffinity="0"/>
    <light directional="true" ambient="0.2 0.2 0.2" diffuse="0.8 0.8 0.8" pos="0 0 4" dir="0 0 -1" castshadow="false"/>
    <include file="{assets}/fetch/robot.xml"/>
  </worldbody>
  <actuator>{servos}</actuator>
</mujoco>
"""
_SERVO = '<position name="{joint}" joint="{joint}" kp="{stiffness}" kv="{damping}"/>'


def load_mujoco() -> Any:
    """Returns the module of MuJoCo.

    Raises:
        TfmetaError: where it is not installed.
    """
    return installed_module("mujoco", "sim", _PURPOSE)


@lru_cache(maxsize=32)
def fetch_scene(cubes: int, actions: FetchActions = "gripper") -> Any:
    """Composes a scene. Its frame is that of the kinematic world: metres, the origin on the middle of the table.

    ==========  ==================================================================
    x, y, z     away from the robot, to its left, up
    table       0.5 by 0.8, its top at height 0
    cube k      the body ``cube{k}``, sides of 0.05, 0.1 kg, in the colour of k
    gripper     the site ``gripper``, between the fingers, which open along y; the hand points down
    ==========  ==================================================================

    Args:
        cubes: how many there are.
        actions: what moves the arm: a weld between the hand and a body that is moved (``"gripper"``), or servos at the
            seven joints (``"joints"``).

    Returns:
        The ``mujoco.MjModel``; the same object each time.

    Raises:
        TfmetaError: where MuJoCo or the files of the robot are missing.
        ValueError: for more cubes than have names, or other actions.
    """
    check(1 <= cubes <= len(LETTERS), f"cubes={cubes}; expected from 1 to {len(LETTERS)}.")
    check(actions in ("gripper", "joints"), f"actions={actions!r}; expected 'gripper' or 'joints'.")
    mujoco = load_mujoco()
    assets = installed_file("gymnasium_robotics", "envs/assets", "sim", _PURPOSE)
    servos = [
        _SERVO.format(joint=joint, stiffness=_FINGER_STIFFNESS, damping=_FINGER_DAMPING) for joint in FINGERS
    ]
    if actions == "joints":
        servos += [
            _SERVO.format(joint=joint, stiffness=_ARM_STIFFNESS, damping=_ARM_DAMPING) for joint in ARM
        ]
    spec = mujoco.MjSpec.from_string(
        _SCENE.format(assets=assets.as_posix(), floor=-2 * _TABLE[2], servos="".join(servos))
    )
    box = mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(
        name="table", type=box, size=_TABLE, pos=[0, 0, -_TABLE[2]], rgba=[0.93, 0.93, 0.93, 1]
    )
    for number in range(cubes):
        body = spec.worldbody.add_body(
            name=f"cube{number}", pos=[0, (number - (cubes - 1) / 2) * _APART, SIDE / 2]
        )
        body.add_freejoint(name=f"cube{number}")
        body.add_geom(
            name=f"cube{number}", type=box, size=[SIDE / 2] * 3, mass=_MASS, condim=4, friction=_FRICTION,
            rgba=[*_COLOURS[number], 1],
        )  # fmt: skip
    _fit_robot(spec, actions)
    model = spec.compile()
    for finger in FINGERS:  # the inertia and damping in the file of the robot would make them slow
        dof = model.joint(finger).dofadr[0]
        model.dof_armature[dof], model.dof_damping[dof] = 1, 0
    return model


def _fit_robot(spec: Any, actions: FetchActions) -> None:
    """Puts the robot in front of the table and takes its weight off."""
    spec.body("robot0:base_link").pos = _BASE
    spec.body("robot0:gripper_link").add_site(name="gripper", pos=[TIP, 0, 0], rgba=[0, 0, 0, 0])
    for geom in spec.body("robot0:mocap").geoms:
        geom.rgba = [0, 0, 0, 0]  # no part of the picture
    for body in spec.bodies:
        if body.name.startswith("robot0:"):
            body.gravcomp = 1  # as the robot's own control does; else the arm sinks while it waits
    weld = spec.equalities[0]
    # The hand and the body that it is welded to are one: no offset, no turn.
    weld.data[:] = [0] * 6 + [1, 0, 0, 0, 1]
    weld.solref[:] = _STIFF
    weld.active = actions == "gripper"
