"""The models of a server: which there are, and which version a request means."""

import gc
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tfmeta import wire
from tfmeta.serving.call import current_call
from tfmeta.serving.engine.memory import Memory
from tfmeta.serving.errors import ModelLoadError, ServingError, invalid_argument, not_found
from tfmeta.serving.lifecycle.model import LoadRetries, Model
from tfmeta.serving.lifecycle.model_config import base_folder, check_model_config, latest_of_each
from tfmeta.serving.lifecycle.version import Lease, Version
from tfmeta.serving.lifecycle.versions import models_in
from tfmeta.serving.lifecycle.watcher import Watcher

__all__ = ["Models"]

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2  # how often to look for the first version of a model that is waited for


class Models:
    """The models under one or more base directories, the latest version of each.

    `from_config` takes TF Serving's list of models instead, with its version policies and labels. Any thread
    may ask while models are loaded and unloaded: `find` takes no lock.

    Args:
        folders: Base directories; of a name that is in several, the first is meant.
        names: The models to serve; None for all that are found.
        intra_op_parallelism: Cores that one op may use; 0 for all; see `Engine`.
        strict_shapes: Refuse inputs whose shapes do not fit; see `Engine`.
        allow_unavailable_labels: Whether a new label may name a version that is not loaded yet.
        load_retries: For a version that does not load while the folders are watched.
        max_request_memory_mb: What the requests to all models may take of the memory together, in megabytes.
        before_load: Called with the folder of each version before it is loaded, whenever it appears.

    Raises:
        ModelLoadError: One of `names` is not there.

    Example:
        >>> models = Models("saved_models")  # doctest: +SKIP
        >>> models.load()  # doctest: +SKIP
        >>> models.latest("prototypical_omniglot").number  # doctest: +SKIP
        1
    """

    def __init__(
        self,
        *folders: str | Path,
        names: Iterable[str] | None = None,
        intra_op_parallelism: int = 1,
        strict_shapes: bool = False,
        allow_unavailable_labels: bool = False,
        load_retries: LoadRetries | None = None,
        max_request_memory_mb: int = 256,
        before_load: Callable[[Path], None] | None = None,
    ):
        self._engine_options = {
            "intra_op_parallelism": intra_op_parallelism,
            "strict_shapes": strict_shapes,
            "memory": Memory(max_request_memory_mb),
        }
        self._allow_unavailable_labels = allow_unavailable_labels
        self._retries = load_retries or LoadRetries()
        self._before_load = before_load
        self._models: dict[str, Model] = {}
        self._listing = threading.Lock()  # held while the list changes, which takes no time
        self._settling = threading.Lock()  # held while versions are loaded, one after the other
        self._closed = threading.Event()
        self._ended = 0  # versions whose memory has been freed
        self._watcher: Watcher | None = None
        if folders:
            self._enlist(latest_of_each(models_in(folders, names)))

    @classmethod
    def from_config(cls, config: wire.Message, **options: Any) -> "Models":
        """The models of a ModelServerConfig.

        Args:
            config: The list; see `tfmeta.serving.lifecycle.model_config.read_model_config`.
            **options: Arguments of `Models`.

        Raises:
            ServingError: The list is at fault.
        """
        models = cls(**options)
        models._enlist(config)
        return models

    @property
    def names(self) -> list[str]:
        """Names of the models on the list."""
        return [model.name for model in self._listed()]

    def load(self, on_loaded: Callable[[Version], None] | None = None) -> None:
        """Loads what is not yet loaded; returns when a version of every model is available.

        As in TF Serving, a model whose folder is there and empty is waited for.

        Args:
            on_loaded: Called with each version that has become available, say for a progress bar.

        Raises:
            ModelLoadError: A model does not load, or its folder is missing.
        """
        for model in self._listed():
            folder = base_folder(model.config)
            if not folder.is_dir():
                raise ModelLoadError(
                    model.name, str(folder), "there is no such folder; it should hold <version>/", "NOT_FOUND"
                )
        self._closed.clear()
        failed = self._bring_up(self._listed(), on_loaded)
        for version in failed:
            if version.error is not None:
                raise version.error

    def stop_waiting(self) -> None:
        """Lets every `load` and `reload` return that waits for a model which is not there, until the next `load`."""
        self._closed.set()

    def unload(self) -> None:
        """Takes every model out of service, and ends the watch and every wait."""
        self.stop_waiting()
        self.unwatch()
        with self._listing:
            for model in self._listed():
                model.drop()

    def refresh(self) -> None:
        """Looks at the folders once: loads new versions, then unloads those that they replace."""
        with self._settling:
            for model in self._listed():
                model.settle()
            self._free_memory()

    def watch(self, seconds: float = 1.0) -> None:
        """Looks at the folders again and again, in a thread of its own.

        Args:
            seconds: How often.
        """
        self.unwatch()
        self._watcher = Watcher(self.refresh, seconds)

    def unwatch(self) -> None:
        """Ends the watch."""
        watcher, self._watcher = self._watcher, None
        if watcher:
            watcher.stop()

    def reload(self, config: wire.Message, wait: bool = True) -> None:
        """Replaces the list of models.

        Models that are no longer on it go out of service at once; labels move at once. A model that was on it
        before takes its new policy up soon after.

        Args:
            config: The ModelServerConfig.
            wait: Whether to return only when every new model is available.

        Raises:
            ServingError: The list is at fault, and the old one stays; or a new model does not load; or whoever asked
                for it waits no more, and the list stays in force.
        """
        added = self._enlist(config)
        failed = self._bring_up(added) if wait else []
        if self._watcher:
            self._watcher.wake()
        else:
            self.refresh()
        if failed:
            raise _not_available(failed)

    def latest(self, name: str) -> Lease:
        """The highest version of a model that is available.

        Raises:
            ServingError: NOT_FOUND.
        """
        model = self._models.get(name)
        leases = model.leases if model else None
        if not leases:
            raise not_found(f"Servable not found for request: Latest({name})")
        return leases[max(leases)]

    def find(self, spec: wire.Message) -> Lease:
        """The version that a ModelSpec means: by number, by label, or else the latest.

        Raises:
            ServingError: NOT_FOUND, or INVALID_ARGUMENT where the spec itself is at fault.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            return self.latest(spec.name)
        model = self._models.get(spec.name)
        number = spec.version.value
        if choice == "version_label":
            number = model.labels.get(spec.version_label) if model else None
            if number is None:
                raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
        lease = model.leases.get(number) if model else None
        if lease is None:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {number})")
        return lease

    def status(self, spec: wire.Message) -> list[Version]:
        """The versions of a model in whatever state, the newest first; a label is not looked at.

        Raises:
            ServingError: NOT_FOUND.
        """
        model = self._models.get(spec.name)
        versions = model.versions if model else {}
        if spec.HasField("version"):
            number = spec.version.value
            if number not in versions:
                raise not_found(f"Could not find version {number} of model {spec.name}")
            return [versions[number]]
        if not versions:
            raise not_found(f"Could not find any versions of model {spec.name}")
        return [versions[number] for number in sorted(versions, reverse=True)]

    def _listed(self) -> list[Model]:
        return [model for model in list(self._models.values()) if model.config is not None]

    def _enlist(self, config: wire.Message) -> list[Model]:
        """Puts a list into force; returns the models that were not on the one before."""
        config = wire.ModelServerConfig.FromString(config.SerializeToString())  # the caller may change theirs
        check_model_config(config)
        wanted = {model.name: model for model in config.model_config_list.config}
        with self._listing:
            for model_config in wanted.values():
                self._check_labels(model_config)
            for model in self._listed():
                if model.name not in wanted:
                    model.drop()
            for name in wanted:
                if name not in self._models:
                    self._models[name] = Model(name, self._engine_options, self._retries, self._before_load)
            return [self._models[name] for name in wanted if self._models[name].enlist(wanted[name])]

    def _check_labels(self, config: wire.Message) -> None:
        model = self._models.get(config.name)
        for label, number in config.version_labels.items():
            if model and number in model.leases:
                continue
            before = model.labels.get(label) if model else None
            if not (self._allow_unavailable_labels and before in (None, number)):
                raise ServingError(
                    "FAILED_PRECONDITION",
                    f"Request to assign label to version {number} of model {config.name}, "
                    "which is not currently available for inference",
                )

    def _free_memory(self) -> None:
        """Frees the graphs of versions that have ended.

        They are cycles of references, and Python may put off looking for those for as long as requests leave
        none behind.
        """
        ended = sum(
            version.state == "END" for model in self._models.values() for version in model.versions.values()
        )
        if ended != self._ended:
            self._ended = ended
            gc.collect()

    def _bring_up(
        self, models: list[Model], on_loaded: Callable[[Version], None] | None = None
    ) -> list[Version]:
        """Loads models until each is available, has failed, or is off the list; returns the versions that failed."""
        told = False
        while True:
            with self._settling:
                for model in models:
                    model.settle(on_loaded)
                failed = [version for model in models for version in model.failed]
            absent = [model for model in models if model.config is not None and not model.leases]
            if failed or not absent or self._closed.is_set():
                return failed
            for model in [] if told else absent:
                _LOG.warning("waiting for a version of model %r", model.name)
            told = True
            current_call().check()
            self._closed.wait(_LOOK_SECONDS)


def _not_available(failed: list[Version]) -> ServingError:
    count = len({version.name for version in failed})
    reasons = "".join(
        f"{{{{name: {version.name} version: {version.number}}} due to error: "
        f"{version.error.code}: {version.error.reason}}}, "
        for version in failed
        if version.error is not None
    )
    return ServingError("UNKNOWN", f"{count} model(s) did not become available: {{{reasons}}}")
