"""Mazes in ViZDoom: the same task as `tfmeta.rl.environments.MazeEnvironment`, walked with a body of some weight."""

import contextlib
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import TfmetaError, check
from tfmeta.rl.environments.doom_maps import BLOCK, map_of_maze, pack_maps
from tfmeta.rl.environments.maze import MazeEnvironment
from tfmeta.rl.environments.maze_layout import free_blocks, mazes

try:
    import gymnasium
    import vizdoom
except ImportError as error:
    raise TfmetaError(f"{error.name} is missing; install it: pip install 'tfmeta[sim]'.") from error

__all__ = ["VizDoomMaze", "VizDoomMazes"]

_SHRINK = 4  # from what the engine draws, 160 x 120, to what is seen
_HEIGHT, _WIDTH = 30, 40
_TICS = 8  # of an engine's 35 a second; half a block forward, about
_BUMP = BLOCK / 16  # who wants to go forward, and has come no further than this, has met a wall
_LEFT, _RIGHT, _FORWARD = range(3)


class VizDoomMazes:
    """A collection of mazes, as `make` of a `GymnasiumEnvironment`: a number names one of them.

    As in the paper they are drawn beforehand. Engines are processes that take half a second to start, so they are kept
    when a task is closed, and lent to the next; `close` ends them.

    Args:
        size: blocks of a side, odd.
        count: mazes.
        horizon: steps of an episode, at most.
        turn: how far a turn goes, in degrees.
        seed: of the mazes; collections for training and test have different ones.

    Raises:
        TfmetaError: where ViZDoom is not installed.
        ValueError: for a number that is not positive, or a size that is even.

    Example:
        >>> from tfmeta.rl.environments import GymnasiumEnvironment
        >>> environment = GymnasiumEnvironment(VizDoomMazes(size=5, count=100), trial_length=120)  # doctest: +SKIP
        >>> state, observation = environment.reset([0, 7], batch=4)                                # doctest: +SKIP
        >>> observation.shape                                                                      # doctest: +SKIP
        TensorShape([4, 3600])

    Reference:
        Duan et al. 2016, RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, section 3.3.
    """

    def __init__(
        self, size: int = 5, count: int = 1000, *, horizon: int = 60, turn: float = 45.0, seed: int = 0
    ):
        check(1 <= count <= 9999, f"count={count}; expected 1 to 9999 mazes.")
        check(horizon >= 1, f"horizon={horizon}; expected at least 1 step.")
        self.horizon, self.turn = horizon, turn
        layout, places = derived_seeds([seed, 0], 0, 1)
        walls = mazes(layout, count, size)
        blocks = free_blocks(walls, places, 2).numpy()
        self.targets, starts = (
            np.stack(np.divmod(x, size + 2), axis=1) for x in (blocks[:, 0], blocks[:, 1])
        )
        angles = 90 * np.random.default_rng(seed).integers(4, size=count)
        maps = {
            _name(number): map_of_maze(maze, start=tuple(start), target=tuple(target), angle=int(angle))
            for number, (maze, start, target, angle) in enumerate(
                zip(walls.numpy(), starts.tolist(), self.targets.tolist(), angles, strict=True)
            )
        }
        self._folder = tempfile.TemporaryDirectory(prefix="mazes-")
        self._file = Path(self._folder.name) / "mazes.wad"
        self._file.write_bytes(pack_maps(maps))
        self._engines: list[vizdoom.DoomGame] = []
        self._idle: list[vizdoom.DoomGame] = []

    def __call__(self, seed: int) -> "VizDoomMaze":
        """Returns one of the mazes."""
        return VizDoomMaze(self, seed % len(self.targets))

    def borrow(self) -> "vizdoom.DoomGame":
        """Lends an engine, one that is idle if there is any."""
        return self._idle.pop() if self._idle else self._start()

    def give_back(self, engine: "vizdoom.DoomGame") -> None:
        """Takes an engine back, for who borrows next."""
        self._idle.append(engine)

    def close(self) -> None:
        """Ends all engines, and removes the file of the mazes."""
        for engine in self._engines:
            engine.close()
        self._engines, self._idle = [], []
        self._folder.cleanup()

    def _start(self) -> "vizdoom.DoomGame":
        engine = vizdoom.DoomGame()
        engine.set_doom_scenario_path(str(self._file))
        engine.set_doom_config_path(
            str(self._file.with_suffix(".ini"))
        )  # or it writes one where it is started
        engine.set_doom_map(_name(0))
        engine.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
        engine.set_screen_format(vizdoom.ScreenFormat.RGB24)
        engine.set_available_buttons([vizdoom.Button.TURN_LEFT_RIGHT_DELTA, vizdoom.Button.MOVE_FORWARD])
        variables = vizdoom.GameVariable
        engine.set_available_game_variables([variables.POSITION_X, variables.POSITION_Y])
        engine.set_episode_start_time(10)  # until then a player stands still
        engine.set_episode_timeout(0)
        engine.set_window_visible(False)
        for draws in (engine.set_render_hud, engine.set_render_weapon, engine.set_render_crosshair):
            draws(False)
        with contextlib.chdir(self._folder.name):  # where it leaves its files
            engine.init()
        self._engines.append(engine)
        return engine


class VizDoomMaze(gymnasium.Env):
    """One maze, with the actions and the rewards of `tfmeta.rl.environments.MazeEnvironment`.

    A picture has numbers from 0 to 1. What the walk has of momentum goes on into the next step.

    Args:
        mazes: the collection.
        number: which one of them.
    """

    observation_space = gymnasium.spaces.Box(0.0, 1.0, [_HEIGHT, _WIDTH, 3], np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, mazes: VizDoomMazes, number: int):
        self._mazes, self._number = mazes, number
        self._engine: vizdoom.DoomGame | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        if self._engine is None:
            self._engine = self._mazes.borrow()
        self._engine.set_doom_map(_name(self._number))
        self._engine.set_seed(self._number)  # of how the torch flickers
        self._engine.new_episode()
        self._steps = 0
        return self._see(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        engine, before = self._started(), self._place()
        if action == _FORWARD:
            engine.make_action([0, 1], _TICS)
        else:
            engine.make_action([-self._mazes.turn if action == _LEFT else self._mazes.turn, 0], 1)
            engine.make_action([0, 0], _TICS - 1)
        place = self._place()
        self._steps += 1
        bumps = action == _FORWARD and math.dist(before, place) < _BUMP
        reached = self._block(place) == tuple(self._mazes.targets[self._number])
        rules = MazeEnvironment
        reward = rules.step_reward + rules.wall_reward * bumps + rules.target_reward * reached
        return self._see(), reward, reached, self._steps >= self._mazes.horizon, {}

    def close(self) -> None:
        if self._engine is not None:
            self._mazes.give_back(self._engine)
            self._engine = None

    def _started(self) -> "vizdoom.DoomGame":
        if self._engine is None:
            raise RuntimeError("This maze is closed, or was never begun; call reset() first.")
        return self._engine

    def _state(self) -> "vizdoom.GameState":
        state = self._started().get_state()
        assert state is not None  # none but after the end of an episode, which these engines never reach
        return state

    def _place(self) -> tuple[float, float]:
        found = self._state().game_variables
        assert found is not None  # they were asked for
        x, y = found
        return x, y

    @staticmethod
    def _block(place: tuple[float, float]) -> tuple[int, int]:
        x, y = place
        return math.floor(-y / BLOCK), math.floor(x / BLOCK)

    def _see(self) -> np.ndarray:
        drawn = self._state().screen_buffer.reshape([_HEIGHT, _SHRINK, _WIDTH, _SHRINK, 3])
        return drawn.mean(axis=(1, 3), dtype=np.float32) / 255.0


def _name(number: int) -> str:
    return f"M{number:04d}"
