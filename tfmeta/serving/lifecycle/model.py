"""One model of a server: its versions follow what its folder holds and its policy asks for."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfmeta import wire
from tfmeta.serving.errors import ModelLoadError
from tfmeta.serving.lifecycle.model_config import base_folder, wanted_versions
from tfmeta.serving.lifecycle.version import Lease, Version
from tfmeta.serving.lifecycle.versions import versions_in

__all__ = ["LoadRetries", "Model"]

_LOG = logging.getLogger(__name__)


class LoadRetries(NamedTuple):
    """How often a version that did not load is tried again: it may have been half copied when it was found.

    Attributes:
        times: Further attempts after the first.
        seconds: How long to wait before each.
    """

    times: int = 5
    seconds: float = 60.0


class Model:
    """A model, which stays available while its versions change.

    What is wanted is loaded first, and what is wanted no more is unloaded once something wanted is available.
    So a version that does not load never takes the one before it down.

    Requests read `leases` without a lock: it is replaced, never changed, and holds a new version before it
    lets go of an old one.

    Args:
        name: Its name.
        engine_options: Further arguments of `Engine`.
        retries: For versions that do not load.
        before_load: Called with the folder of each version before it is loaded.

    Attributes:
        config: Its ModelConfig, which says what is asked for; None while the model is off the list.
        labels: Label to version.
        versions: Every version that there ever was, by number.
        leases: The versions that answer requests, by number.
    """

    def __init__(
        self,
        name: str,
        engine_options: Mapping[str, Any],
        retries: LoadRetries,
        before_load: Callable[[Path], None] | None = None,
    ):
        self.name = name
        self.config: wire.Message | None = None
        self.labels: dict[str, int] = {}
        self.versions: dict[int, Version] = {}
        self.leases: dict[int, Lease] = {}
        self._engine_options = engine_options
        self._retries = retries
        self._before_load = before_load
        self._due: dict[int, float] = {}  # when a version that did not load is tried again
        self._complaint = ""
        self._lock = threading.Lock()  # held for no longer than an assignment takes

    @property
    def failed(self) -> list[Version]:
        """Versions that did not load, where that leaves the model without any."""
        if self.leases or not self._due:
            return []
        return [self.versions[number] for number in sorted(self._due, reverse=True)]

    def enlist(self, config: wire.Message) -> bool:
        """Puts the model on the list, or changes what is asked of it there; `settle` will carry that out.

        Args:
            config: Its ModelConfig.

        Returns:
            Whether it was not on the list before.
        """
        added = self.config is None
        if added:
            self._due = {}
        self.config, self.labels = config, dict(config.version_labels)
        return added

    def drop(self) -> None:
        """Takes the model off the list, and out of service at once; requests that have begun finish."""
        with self._lock:
            self.config, self.labels = None, {}
        self._keep(())

    def settle(self, on_loaded: Callable[[Version], None] | None = None) -> None:
        """Looks at the folder, then loads and unloads what its policy asks for.

        Takes as long as loading takes, and is not called by two threads at a time. A folder that cannot be
        read leaves everything as it is.

        Args:
            on_loaded: Called with each version that has become available.
        """
        config = self.config
        paths = self._look(config) if config is not None else None
        if paths is None:
            return
        wanted = wanted_versions(config, paths)
        self._due = {number: at for number, at in self._due.items() if number in wanted}
        self._replace(wanted)
        for number in wanted:
            if self._wants_loading(number):
                self._load(number, paths[number], on_loaded)
                self._replace(wanted)

    def _look(self, config: wire.Message) -> dict[int, Path] | None:
        folder, complaint = base_folder(config), ""
        try:
            if folder.is_dir():
                return versions_in(folder)
            complaint = f"there is no folder {folder}"
        except OSError as error:  # a file system that is away for a moment
            complaint = f"{folder} cannot be read: {error.strerror}"
        finally:
            if complaint and complaint != self._complaint:  # once, not at every look
                _LOG.warning("model %r stays as it is: %s", self.name, complaint)
            self._complaint = complaint
        return None

    def _wants_loading(self, number: int) -> bool:
        if number in self.leases:
            return False
        if number not in self._due:
            return True
        return self.versions[number].attempts <= self._retries.times and self._due[number] <= time.monotonic()

    def _load(self, number: int, path: Path, on_loaded: Callable[[Version], None] | None) -> None:
        if number in self._due:
            version = self.versions[number]
        else:
            version = Version(self.name, number, path, self._engine_options)
            self.versions = {**self.versions, number: version}
        if self._before_load is not None:
            self._before_load(path)
        try:
            lease = version.load()
        except ModelLoadError as error:
            # It is kept for as long as the version is listed; the frames of the failed load would keep its graph.
            error.__traceback__ = error.__cause__ = error.__context__ = None
            self._due[number] = time.monotonic() + self._retries.seconds
            _LOG.warning("%s", error)
            return
        self._due.pop(number, None)
        with self._lock:
            on_the_list = self.config is not None
            if on_the_list:
                self.leases = {**self.leases, number: lease}
        if not on_the_list:
            version.unload()
            return
        _LOG.info("model %r: version %d is available", self.name, number)
        if on_loaded:
            on_loaded(version)

    def _replace(self, wanted: list[int]) -> None:
        """Unloads what is wanted no more, unless nothing would be left while something is wanted."""
        if not wanted or any(number in self.leases for number in wanted):
            self._keep(wanted)

    def _keep(self, wanted: Iterable[int]) -> None:
        with self._lock:
            gone = self.leases.keys() - set(wanted)
            self.leases = {number: lease for number, lease in self.leases.items() if number not in gone}
        for number in sorted(gone):
            self.versions[number].unload()
            _LOG.info("model %r: version %d is out of service", self.name, number)
