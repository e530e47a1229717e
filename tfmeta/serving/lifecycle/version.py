"""A version of a model: where it lies, and its life from loading to the last request that it answers."""

import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.errors import ModelLoadError, not_found
from tfmeta.serving.lifecycle import warmup

__all__ = ["Lease", "Version"]


class Version:
    """One version of a model, through the states START, LOADING, AVAILABLE, UNLOADING, END.

    Args:
        name: Name of the model.
        number: Its version.
        path: The directory of its SavedModel.
        engine_options: Further arguments of `Engine`.

    Attributes:
        state: Where it is in its life.
        error: Why it did not load; None if it did.
        attempts: How often it was tried to load it.
        lease: What requests hold while they use it; None unless it is available.
    """

    def __init__(
        self, name: str, number: int, path: str | Path, engine_options: Mapping[str, Any] | None = None
    ):
        self.name = name
        self.number = number
        self.path = Path(path)
        self.state = "START"
        self.error: ModelLoadError | None = None
        self.attempts = 0
        self.lease: Lease | None = None
        self._engine_options = dict(engine_options or {})

    @property
    def available(self) -> bool:
        """Whether requests are answered."""
        return self.state == "AVAILABLE"

    @property
    def engine(self) -> Engine:
        """What answers them.

        Raises:
            ServingError: NOT_FOUND, the version is not available.
        """
        lease = self.lease
        if lease is None:
            raise not_found(f"Servable not found for request: Specific({self.name}, {self.number})")
        return lease.engine

    def load(self) -> "Lease":
        """Loads and warms the model up.

        Returns:
            A hold on it.

        Raises:
            ModelLoadError: It does not load, or a warm-up request fails. The state is END, `error` says why.
        """
        self.state, self.error = "LOADING", None
        self.attempts += 1
        try:
            engine = self._warm_engine()
        except ModelLoadError as error:
            self.state, self.error = "END", error
            raise
        lease = Lease(self, engine)
        self.lease, self.state = lease, "AVAILABLE"
        return lease

    def unload(self) -> None:
        """Takes the version out of service: at once for new requests, and when the last has ended for good.

        Returns without waiting for them. The state is UNLOADING until then, and END from then on.
        """
        if self.lease is None:
            return
        self.state = "UNLOADING"
        last_one_out = weakref.finalize(self.lease, self._end, self.lease.engine)
        last_one_out.atexit = False
        self.lease = None

    def _warm_engine(self) -> Engine:
        engine = None
        try:
            engine = Engine(self.path, self.name, **self._engine_options)
            warmup.replay(engine, self.path, self.name)
            return engine
        except Exception as error:
            if engine:
                engine.close()
            if isinstance(error, ModelLoadError):
                raise
            # Whatever it is, it must not leave the version in LOADING for good.
            reason = f"{type(error).__name__}: {error}"
            raise ModelLoadError(self.name, str(self.path), reason) from error

    def _end(self, engine: Engine) -> None:
        # Runs in whichever thread lets go of the lease, so it takes no lock.
        engine.close()
        self.state = "END"


class Lease:
    """A hold on a loaded version: its engine is closed only when nobody keeps the lease any more.

    So keep the lease, not only its engine, while a request runs. All holders share one. What it does not have
    it takes from its version: `path`, `state`, `error`.

    Args:
        version: The version.
        engine: What answers requests.

    Attributes:
        name: Name of the model.
        number: Its version.
    """

    def __init__(self, version: Version, engine: Engine):
        self.version = version
        self.engine = engine
        self.name = version.name
        self.number = version.number

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.version, attribute)
