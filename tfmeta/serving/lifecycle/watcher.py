"""What a server looks at again and again: the folders of its models, and the file that lists them."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from tfmeta import wire
from tfmeta.core.checks import TfmetaError
from tfmeta.serving.lifecycle.model_config import read_model_config

__all__ = ["ConfigFile", "Watcher"]

_LOG = logging.getLogger(__name__)


class Watcher:
    """Calls a function every so often, in a thread of its own.

    Args:
        look: What to call. What it raises is logged, and it is called again.
        seconds: How long to wait between two calls.

    Example:
        >>> looked = threading.Event()
        >>> watcher = Watcher(looked.set, seconds=0.001)
        >>> looked.wait(10)
        True
        >>> watcher.stop()
    """

    def __init__(self, look: Callable[[], None], seconds: float):
        self._look = look
        self._seconds = seconds
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="tfmeta-watcher", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Looks now."""
        self._woken.set()

    def stop(self) -> None:
        """Ends the watch, after the call that is under way."""
        self._stopped = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._woken.wait(self._seconds)
            self._woken.clear()
            if self._stopped:
                return
            try:
                self._look()
            except Exception:
                _LOG.exception("watching failed, and goes on")


class ConfigFile:
    """A file with the list of models, which is reloaded when its text changes.

    A list that is refused is tried again at the next look, since a label may name a version that is still
    being loaded, and is complained of once.

    Args:
        path: A ModelServerConfig in protobuf's text format.
        reload: Called with what it holds; `Models.reload`.
        in_force: What it held when it was last taken.
    """

    def __init__(
        self, path: str | Path, reload: Callable[[wire.Message], None], in_force: wire.Message | None = None
    ):
        self._path = path
        self._reload = reload
        self._in_force = in_force
        self._complaint = ""

    def look(self) -> None:
        """Reloads the list if it is another than before."""
        try:
            config = read_model_config(self._path)
            if config == self._in_force:
                return
            self._reload(config)
        except TfmetaError as error:
            if str(error) != self._complaint:
                _LOG.warning("the list of models stays as it was: %s", error)
            self._complaint = str(error)
        else:
            _LOG.info("%s is in force", self._path)
            self._in_force, self._complaint = config, ""
