"""One simulated Fetch arm above a table with cubes: what moves it, and what is read out of it."""

import numpy as np

from tfmeta.imitation.fetch_scene import ARM, FINGERS, TIP, FetchActions, fetch_scene, load_mujoco
from tfmeta.imitation.stacking_rules import SIDE, SLACK, WIDEST

__all__ = ["TURN", "FetchArm"]

TURN = 0.3  # of a joint in a step, at most, in radians

_LOW, _HIGH = np.array([-0.2, -0.35, 0.015]), np.array([0.2, 0.35, 0.5])  # where the hand may go
_HOME = (
    0.0142,
    -1.0683,
    -0.0061,
    1.647,
    0.0035,
    0.9923,
    0.0069,
)  # of the joints, the hand 0.2 above the table
_ABOVE = np.array([0.0, 0.0, TIP])  # the hand's frame, from the gripper
_TORSO = 0.24  # how far it is lifted
_DOWN = np.array([0.5**0.5, 0.0, 0.5**0.5, 0.0])  # the hand's orientation
_SUBSTEPS, _PARTS, _RAMP = (
    15,
    5,
    3,
)  # of a step; what is asked for is reached after 3 of 5 parts, the arm follows
_SQUEEZE = 0.01  # how much nearer the fingers would be without the cube that they hold
_WIDER = 0.018  # how much wider the open fingers are than the opening of 0.08 says: forces need room
_BETWEEN = np.array([0.02, 0.015, 0.02])  # from the gripper to the centre of a cube that is held, at most
_DAMPING = 0.05  # of the least squares
_ROUNDS = 4  # of the inverse kinematics in a step


class FetchArm:
    """A scene, its arm and its cubes. Lengths are in metres, in the frame of the table.

    A step is 15 steps of the simulation, 0.06 s. The hand always points down.

    Args:
        cubes: how many there are.
        actions: what moves the arm; see `fetch_scene`.

    Attributes:
        model: the ``mujoco.MjModel``, shared with other scenes of as many cubes.
        data: the ``mujoco.MjData``.

    Reference:
        Buss. "Introduction to Inverse Kinematics with Jacobian Transpose, Pseudoinverse and Damped Least Squares
        Methods." 2004: the damped least squares.
    """

    def __init__(self, cubes: int, actions: FetchActions):
        self._mujoco = load_mujoco()
        self.model = fetch_scene(cubes, actions)
        self.data = self._mujoco.MjData(self.model)
        self._scratch = self._mujoco.MjData(self.model)  # for the inverse kinematics
        self._site = self.model.site("gripper").id
        self._arm = np.array([self.model.joint(name).qposadr[0] for name in ARM])
        self._arm_dofs = np.array([self.model.joint(name).dofadr[0] for name in ARM])
        self._fingers = np.array([self.model.joint(name).qposadr[0] for name in FINGERS])
        self._torso = self.model.joint("robot0:torso_lift_joint").qposadr[0]
        first = self.model.joint("cube0").qposadr[0]
        self._cubes = first + 7 * np.arange(cubes)[:, None] + np.arange(3)
        self._turnable = np.stack([self.model.joint(name).range for name in ARM])
        self._turnable[[not self.model.joint(name).limited[0] for name in ARM]] = [-np.inf, np.inf]
        self._asked = WIDEST

    def reset(self, cubes: np.ndarray, gripper: np.ndarray) -> None:
        """Puts the cubes and the open gripper where they begin.

        Args:
            cubes: their centres, ``[N, 3]``.
            gripper: its place, ``[3]``.
        """
        self._mujoco.mj_resetData(self.model, self.data)
        place = self.data.qpos
        place[self._cubes] = cubes
        place[self._arm] = _HOME
        place[self._torso] = _TORSO
        place[self._fingers] = (WIDEST + _WIDER) / 2
        self._asked = WIDEST
        self._mujoco.mj_kinematics(self.model, self.data)
        place[self._arm] = self._joints_at(gripper, rounds=50)
        self._mujoco.mj_forward(self.model, self.data)
        self.data.ctrl[:2] = place[self._fingers]
        if self.model.nu > 2:
            self.data.ctrl[2:] = self.joints
        self.data.mocap_quat[0] = _DOWN
        self.data.mocap_pos[0] = self.gripper + _ABOVE

    @property
    def gripper(self) -> np.ndarray:
        """The point between the fingers, ``[3]``."""
        return self.data.site_xpos[self._site].copy()

    @property
    def cubes(self) -> np.ndarray:
        """The centres of the cubes, ``[N, 3]``."""
        return self.data.qpos[self._cubes]

    @property
    def joints(self) -> np.ndarray:
        """The seven joints of the arm in radians, from the shoulder to the hand, ``[7]``."""
        return self.data.qpos[self._arm]

    @property
    def opening(self) -> float:
        """The distance between the fingers; 0.08 for more."""
        return float(np.clip(self.data.qpos[self._fingers].sum(), 0.0, WIDEST))

    @property
    def held(self) -> int:
        """The number of the cube between the fingers, if they are closed around it; else -1."""
        return self._between() if self._asked <= SIDE + SLACK and self.opening > SIDE / 2 else -1

    def move(self, way: np.ndarray, change: float) -> None:
        """Takes a step in which the hand moves.

        Args:
            way: of the gripper, ``[3]``.
            change: of the opening.
        """
        self._grip(change)
        begin = self.gripper
        way = np.clip(begin + way, _LOW, _HIGH) - begin
        for part in range(1, _PARTS + 1):
            self.data.mocap_pos[0] = begin + min(part / _RAMP, 1.0) * way + _ABOVE
            self._mujoco.mj_step(self.model, self.data, nstep=_SUBSTEPS // _PARTS)

    def turn(self, turns: np.ndarray, change: float) -> None:
        """Takes a step in which the joints turn.

        Args:
            turns: of the joints in radians, ``[7]``.
            change: of the opening.
        """
        self._grip(change)
        begin = self.joints
        turns = np.clip(begin + turns, *self._turnable.T) - begin
        for part in range(1, _PARTS + 1):
            self.data.ctrl[2:] = begin + min(part / _RAMP, 1.0) * turns
            self._mujoco.mj_step(self.model, self.data, nstep=_SUBSTEPS // _PARTS)

    def turns_for(self, way: np.ndarray) -> np.ndarray:
        """Returns how the joints turn for a way of the gripper, by damped least squares, ``[7]`` in radians."""
        return self._joints_at(np.clip(self.gripper + way, _LOW, _HIGH), _ROUNDS) - self.joints

    def _grip(self, change: float) -> None:
        """Asks the fingers for an opening. As in the kinematic world, they stop at a cube and let it go above 0.055."""
        self._asked = float(np.clip(self._asked + change, 0.0, WIDEST))
        if self._asked <= SIDE + SLACK and self._between() >= 0:
            self._asked = max(self._asked, SIDE)
            wanted = SIDE - _SQUEEZE
        else:
            wanted = self._asked + _WIDER * max(self._asked - SIDE, 0.0) / (WIDEST - SIDE)
        self.data.ctrl[:2] = wanted / 2

    def _between(self) -> int:
        near = np.all(np.abs(self.cubes - self.gripper) <= _BETWEEN, axis=1)
        return int(np.argmax(near)) if near.any() else -1

    def _joints_at(self, goal: np.ndarray, rounds: int) -> np.ndarray:
        """The joints that bring the gripper to a place, the hand pointing down."""
        model, scratch, mujoco = self.model, self._scratch, self._mujoco
        scratch.qpos[:] = self.data.qpos
        jacobian, error, turned = np.zeros([6, model.nv]), np.zeros(6), np.zeros(4)
        for _ in range(rounds):
            mujoco.mj_kinematics(model, scratch)
            mujoco.mj_comPos(model, scratch)
            mujoco.mj_jacSite(model, scratch, jacobian[:3], jacobian[3:], self._site)
            error[:3] = goal - scratch.site_xpos[self._site]
            mujoco.mju_mat2Quat(turned, scratch.site_xmat[self._site])
            mujoco.mju_negQuat(turned, turned)
            mujoco.mju_mulQuat(turned, _DOWN, turned)
            mujoco.mju_quat2Vel(error[3:], turned, 1.0)
            part = jacobian[:, self._arm_dofs]
            turns = part.T @ np.linalg.solve(part @ part.T + _DAMPING**2 * np.eye(6), error)
            scratch.qpos[self._arm] = np.clip(scratch.qpos[self._arm] + turns, *self._turnable.T)
        return scratch.qpos[self._arm]
