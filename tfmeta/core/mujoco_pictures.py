"""Pictures of a simulation of MuJoCo, drawn in a process of their own.

TensorFlow and Mesa's OpenGL both bring a compiler, LLVM, and crash where they share a process. So this module is also a
program: it draws what it is sent, and does not import TensorFlow.
"""

import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfmeta.core.checks import TfmetaError

__all__ = ["MujocoPictures"]

_HEADLESS = ("egl", "osmesa")


class MujocoPictures:
    """Draws the positions of a model, always as seen by the same camera.

    Where ``MUJOCO_GL`` is not set and there is no display, EGL and OSMesa are tried.

    Args:
        model: the ``mujoco.MjModel``.
        width: of the pictures in pixels, at most that of the model's off-screen buffer.
        height: of the pictures in pixels, as the width.
        camera: attributes of a ``mujoco.MjvCamera``, such as ``lookat``, ``distance``, ``azimuth`` and ``elevation``.

    Raises:
        TfmetaError: where OpenGL is missing.

    Example:
        >>> pictures = MujocoPictures(model, 320, 240, {"distance": 2.0})    # doctest: +SKIP
        >>> pictures.draw(data).shape                                        # doctest: +SKIP
        (240, 320, 3)
    """

    def __init__(self, model: Any, width: int, height: int, camera: Mapping[str, Any]):
        import mujoco

        self._shape = (height, width, 3)
        settings = [repr((width, height, {name: np.asarray(x).tolist() for name, x in camera.items()}))]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.mjb"
            mujoco.mj_saveModel(model, str(file), None)
            for backend in _backends():
                self._process = _start([str(file), *settings], backend)
                if said := _pipe(self._process.stdout).read(1):
                    break
                error = _end(self._process)
        if not said:
            raise TfmetaError(
                f"A picture needs OpenGL, and MuJoCo could not use it: {error}. Install a library for it, such as"
                " libegl1 or libosmesa6 of Debian, and set MUJOCO_GL=egl or MUJOCO_GL=osmesa."
            )
        weakref.finalize(self, _end, self._process)

    def draw(self, data: Any) -> np.ndarray:
        """Draws the bodies where they are; mocap bodies stay where the model has them.

        Args:
            data: the ``mujoco.MjData``.

        Returns:
            The picture, ``[height, width, 3]`` uint8.

        Raises:
            TfmetaError: where the process that draws has ended.
        """
        size = int(np.prod(self._shape))
        try:
            _pipe(self._process.stdin).write(data.qpos.tobytes())
            _pipe(self._process.stdin).flush()
            drawn = _pipe(self._process.stdout).read(size)
        except BrokenPipeError:
            drawn = b""
        if len(drawn) != size:
            raise TfmetaError(f"MuJoCo's renderer has ended: {_end(self._process)}.")
        return np.frombuffer(drawn, np.uint8).reshape(self._shape).copy()


def _backends() -> tuple[str | None, ...]:
    chosen = os.environ.get("MUJOCO_GL", "").lower() not in ("", "disable", "disabled", "off", "false", "0")
    if chosen or sys.platform != "linux" or os.environ.get("DISPLAY"):
        return (None,)
    return _HEADLESS


def _start(arguments: list[str], backend: str | None) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if backend is not None:
        environment["MUJOCO_GL"] = backend
    return subprocess.Popen(
        [sys.executable, "-m", __name__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # all three are pipes
    return stream


def _end(process: subprocess.Popen) -> str:
    """Ends the process by closing its input, and returns the last line that it said."""
    _, said = process.communicate()
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with code {process.returncode}"


def _draw_what_comes(file: str, settings: str, input_: IO[bytes], output: IO[bytes]) -> None:
    from ast import literal_eval

    import mujoco

    width, height, looks = literal_eval(settings)
    model = mujoco.MjModel.from_binary_path(file)
    data, camera = mujoco.MjData(model), mujoco.MjvCamera()
    for name, value in looks.items():
        setattr(camera, name, value)
    with mujoco.Renderer(model, height, width) as renderer:
        output.write(b"\n")
        output.flush()
        while places := input_.read(data.qpos.nbytes):
            data.qpos[:] = np.frombuffer(places)
            mujoco.mj_kinematics(model, data)
            mujoco.mj_camlight(model, data)
            renderer.update_scene(data, camera)
            output.write(renderer.render().tobytes())
            output.flush()


if __name__ == "__main__":
    _draw_what_comes(sys.argv[1], sys.argv[2], sys.stdin.buffer, sys.stdout.buffer)
