"""The models of a server: where their versions lie, which are loaded, and which one a request means.

A base directory holds `<name>/<integer version>/`, as TF Serving's does. The latest version of every model is
loaded.
"""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from tfmeta.core.checks import nearest
from tfmeta.serving import warmup, wire
from tfmeta.serving.engine import Engine
from tfmeta.serving.errors import ModelLoadError, invalid_argument, not_found

__all__ = ["Models", "Version", "version_number", "versions_in"]


class Version:
    """One version of a model, through the states START, LOADING, AVAILABLE, UNLOADING, END.

    Args:
        name: Name of the model.
        number: Its version.
        path: The directory of its SavedModel.
        intra_op_parallelism: Cores that one op may use; see `Engine`.
    """

    def __init__(self, name: str, number: int, path: str | Path, intra_op_parallelism: int = 1):
        self.name = name
        self.number = number
        self.path = Path(path)
        self.intra_op_parallelism = intra_op_parallelism
        self.state = "START"
        self.error: ModelLoadError | None = None
        self._engine: Engine | None = None

    @property
    def available(self) -> bool:
        """Whether requests are answered."""
        return self.state == "AVAILABLE"

    @property
    def engine(self) -> Engine:
        """What answers them."""
        if self._engine is None:
            raise not_found(f"Servable not found for request: Specific({self.name}, {self.number})")
        return self._engine

    def load(self) -> None:
        """Loads and warms the model up.

        Raises:
            ModelLoadError: It does not load, or a warm-up request fails. The state is END, `error` says why.
        """
        self.state = "LOADING"
        try:
            engine = Engine(self.path, self.name, intra_op_parallelism=self.intra_op_parallelism)
            try:
                warmup.replay(engine, self.path, self.name)
            except ModelLoadError:
                engine.close()
                raise
        except ModelLoadError as error:
            self.state, self.error = "END", error
            raise
        self._engine, self.state = engine, "AVAILABLE"

    def unload(self) -> None:
        """Takes the version out of service. Requests that have begun keep the engine until they are done."""
        self.state = "UNLOADING"
        self._engine = None
        self.state = "END"


class Models:
    """The models under one or more base directories.

    Args:
        folders: Base directories; of a name that is in several, the first is meant.
        names: The models to serve; None for all that are found.
        intra_op_parallelism: Cores that one op may use; 0 for all; see `Engine`.

    Raises:
        ModelLoadError: One of `names` is not there.

    Example:
        >>> models = Models("saved_models")  # doctest: +SKIP
        >>> models.load()  # doctest: +SKIP
        >>> models.latest("prototypical_omniglot").number  # doctest: +SKIP
        1
    """

    def __init__(
        self, *folders: str | Path, names: Iterable[str] | None = None, intra_op_parallelism: int = 1
    ):
        found = {}
        for folder in map(Path, reversed(folders)):
            if not folder.is_dir():
                raise ModelLoadError(
                    "", str(folder), "there is no such directory; it should hold <name>/<version>/"
                )
            found.update(
                {path.name: versions_in(path) for path in sorted(folder.iterdir()) if versions_in(path)}
            )
        for name in names or ():
            if name not in found:
                reason = f"it holds no such model. {nearest(name, found)}"
                raise ModelLoadError(name, ", ".join(map(str, folders)), reason, "NOT_FOUND")
        wanted = sorted(found) if names is None else list(dict.fromkeys(names))
        self._lock = threading.Lock()
        self._versions: dict[str, dict[int, Version]] = {}
        for name in wanted:
            number, path = max(found[name].items())
            self._versions[name] = {number: Version(name, number, path, intra_op_parallelism)}

    @property
    def names(self) -> list[str]:
        """Names of the models."""
        return list(self._versions)

    def load(self, on_loaded: Callable[[Version], None] | None = None) -> None:
        """Loads what is not yet loaded.

        Args:
            on_loaded: Called with each version that has become available, say for a progress bar.

        Raises:
            ModelLoadError: A model does not load.
        """
        with self._lock:
            for versions in self._versions.values():
                for version in versions.values():
                    if version.state == "START":
                        version.load()
                        if on_loaded:
                            on_loaded(version)

    def unload(self) -> None:
        """Takes every model out of service."""
        with self._lock:
            for versions in self._versions.values():
                for version in versions.values():
                    version.unload()

    def latest(self, name: str) -> Version:
        """The highest version of a model that is available.

        Raises:
            ServingError: NOT_FOUND.
        """
        available = [version for version in self._versions.get(name, {}).values() if version.available]
        if not available:
            raise not_found(f"Servable not found for request: Latest({name})")
        return max(available, key=lambda version: version.number)

    def find(self, spec: wire.Message) -> Version:
        """The version that a ModelSpec means: by number, by label, or else the latest.

        Raises:
            ServingError: NOT_FOUND, or INVALID_ARGUMENT where the spec itself is at fault.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
        if choice is None:
            return self.latest(spec.name)
        version = self._versions.get(spec.name, {}).get(spec.version.value)
        if version is None or not version.available:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {spec.version.value})")
        return version

    def status(self, spec: wire.Message) -> list[Version]:
        """The versions of a model in whatever state, the newest first; a label is not looked at.

        Raises:
            ServingError: NOT_FOUND.
        """
        versions = self._versions.get(spec.name, {})
        if spec.HasField("version"):
            number = spec.version.value
            if number not in versions:
                raise not_found(f"Could not find version {number} of model {spec.name}")
            return [versions[number]]
        if not versions:
            raise not_found(f"Could not find any versions of model {spec.name}")
        return sorted(versions.values(), key=lambda version: -version.number)


def versions_in(path: str | Path) -> dict[int, Path]:
    """The version directories of a model.

    Args:
        path: The model's directory.

    Returns:
        Version number to directory; empty where `path` is no directory or holds no version.
    """
    path = Path(path)
    children = sorted(path.iterdir()) if path.is_dir() else []
    numbered = {version_number(child.name): child for child in children if child.is_dir()}
    return {number: child for number, child in numbered.items() if number is not None}


def version_number(name: str) -> int | None:
    """The version that a directory name stands for; other names are passed over.

    Example:
        >>> [version_number(name) for name in ("3", "00000002", "temp-3", "-4", "2.5")]
        [3, 2, None, None, None]
    """
    return int(name) if name.isascii() and name.isdigit() and int(name) < 2**63 else None
