"""The embedded server in a process of its own, which imports TensorFlow so that its parent need not."""

import ctypes
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from tfmeta.core.quiet import heed_log_level
from tfmeta.serving.errors import ServingError

__all__ = ["ServerProcess", "after_tensorflow", "before_tensorflow"]

_STOP_SECONDS = 10.0
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_KEPT_BYTES = 8 * 2**20


def before_tensorflow() -> None:
    """Sets up a process that does nothing but serve, before it imports TensorFlow.

    A call of a small model's graph takes a quarter less time without oneDNN. Batches of 100 images and more take a
    tenth more; set ``TF_ENABLE_ONEDNN_OPTS=1`` for those.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    _give_memory_back()


def after_tensorflow() -> None:
    """Sets up such a process after the import, before models are loaded.

    What TensorFlow brings along stays, and need not be looked through for garbage: a round takes a tenth of a second,
    in which no request is answered. Models stay out of it, for they are unloaded one day.
    """
    gc.freeze()


def _give_memory_back() -> None:
    """Has the C library return large blocks at once.

    By itself it keeps up to 64 MB for each of its arenas, and as many arenas as there are threads. One large request of
    each thread would leave hundreds of megabytes behind.
    """
    with suppress(OSError, AttributeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in (
            (_M_MMAP_THRESHOLD, _KEPT_BYTES), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_ARENA_MAX, 4),
        ):  # fmt: skip
            mallopt(parameter, value)


class ServerProcess:
    """Serves models from a child process on a free port of this machine; it ends with the parent, however that ends.

    A script that makes one needs ``if __name__ == "__main__":``, as `multiprocessing` asks for.

    Args:
        folders: base directories of models; see `tfmeta.serving.lifecycle.models.Models`.
        names: the models to serve; None for all that are found.

    Example:
        >>> with ServerProcess(["saved_models"]) as server:  # doctest: +SKIP
        ...     Client(server.wait()).status("maml_sinusoid")
        {1: 'AVAILABLE'}
    """

    def __init__(self, folders: Iterable[str | Path], names: Iterable[str] | None = None):
        # A forked child would inherit threads of gRPC and TensorFlow halfway through their work.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        wanted = None if names is None else list(names)
        self._process = context.Process(target=_serve, args=(theirs, list(folders), wanted), daemon=True)
        self._process.start()
        theirs.close()  # or the child's end would stay open here when the child is gone

    def wait(self, on_loaded: Callable[[str], None] | None = None) -> str:
        """Waits until requests are answered.

        Args:
            on_loaded: called with the name of each model that has become available.

        Returns:
            The address, ``host:port``.

        Raises:
            ModelLoadError: A model does not load.
            ServingError: The process ended.
        """
        while True:
            try:
                kind, value = self._pipe.recv()
            except EOFError:
                self._process.join(_STOP_SECONDS)
                raise ServingError(
                    "UNAVAILABLE",
                    f"the server's process ended with {self._process.exitcode} before it answered",
                ) from None
            if kind == "failed":
                raise value
            if kind == "listening":
                return value
            if on_loaded:
                on_loaded(value)

    def stop(self) -> None:
        """Ends the process."""
        self._pipe.close()
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _serve(pipe: Connection, folders: list[str | Path], names: list[str] | None) -> None:
    """Serves until the other end of the pipe closes, as it does when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to both; the parent decides
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            before_tensorflow()
            with heed_log_level():
                from tfmeta.serving.lifecycle.models import Models
                from tfmeta.serving.server import Server
            after_tensorflow()
            models = Models(*folders, names=names)
            models.load(lambda version: pipe.send(("loaded", version.name)))
            server = Server(models)
            server.start()
        except Exception as error:
            pipe.send(("failed", error))
            return
        pipe.send(("listening", server.address))
        with suppress(EOFError):
            pipe.recv()
        server.stop(grace=1.0)
