"""Checkpoints from which a killed run goes on as if nothing had happened."""

import errno
import json
import math
import os
import shutil
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmeta.core.atomic import sha256, write_text
from tfmeta.core.checks import TfmetaError

__all__ = ["Backup", "DivergedError"]

_SPARE_BYTES = 2**20


class DivergedError(TfmetaError):
    """A training whose loss or weights are no longer finite numbers."""


class Backup(keras.callbacks.Callback):
    """Keeps the state of a run in a folder after every epoch, and restores it before the next start.

    A state with numbers that are NaN or infinite is not kept: the training ends with a `DivergedError`, and the state
    of the epoch before remains. A state that was changed on the disk is not restored: its hash is kept beside it.

    Weights, optimizer and step count are one file that is renamed into place. `keras.callbacks.BackupAndRestore` writes
    weights and epoch into two files, so a kill in between repeats an epoch. It also knows only inside of ``fit`` where
    a run goes on, which is too late to choose the episodes.

    Args:
        folder: where the state is kept.
        finite_losses: whether a loss that is NaN or infinite ends the training; weights that are always do. Where an
            optimizer scales the loss, as for float16, it passes over such steps, and only weights count.

    Example:
        >>> backup = Backup("run/backup")                       # doctest: +SKIP
        >>> done = backup.restore(model)                        # doctest: +SKIP
        >>> model.fit(                                          # doctest: +SKIP
        ...     episodes(..., start=done), initial_epoch=done // 100, steps_per_epoch=100, epochs=50,
        ...     callbacks=[backup])
    """

    def __init__(self, folder: str | Path, *, finite_losses: bool = True):
        super().__init__()
        self.folder = Path(folder)
        self.finite_losses = finite_losses
        self.seconds = 0.0
        self._weights = self.folder / "state.weights.h5"
        self._clock = self.folder / "seconds.json"
        self._hashes = self.folder / "hashes.json"

    def restore(self, model: keras.Model) -> int:
        """Restores a compiled model to where its run stood.

        Returns:
            The optimizer steps done so far; 0 at the first start, and for a model that learns without an optimizer.

        Raises:
            ValueError: where the state was changed on the disk, or is not finite; what a file of another model raises
                is up to Keras.
        """
        if model.optimizer is not None:
            model.optimizer.build(model.trainable_variables)
        if not self._weights.exists():
            return 0
        known = self._known()
        if known and sha256(self._weights) not in known:
            raise ValueError(f"{self._weights} was changed since it was written")
        model.load_weights(self._weights)
        if bad := _not_finite(model):
            raise ValueError(f"{self._weights} holds NaN or infinite numbers in {bad}")
        if self._clock.exists():
            self.seconds = json.loads(self._clock.read_text())
        return 0 if model.optimizer is None else int(model.optimizer.iterations.numpy())

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._since = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        now = time.monotonic()
        self.seconds, self._since = self.seconds + now - self._since, now
        self._check_finite(epoch, logs or {})
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_space()
        # The clock first: a kill in between then counts an epoch that is repeated, and never forgets one.
        write_text(self._clock, json.dumps(self.seconds))
        temporary = self.folder / "new.weights.h5"
        self.model.save_weights(temporary, overwrite=True)
        # Both hashes are known until the new file has taken the place of the old one.
        write_text(self._hashes, json.dumps([sha256(temporary), *self._known()[:1]]))
        os.replace(temporary, self._weights)

    def _known(self) -> list[str]:
        """The hashes of the state and of the one before it, the newest first; older folders have none."""
        return json.loads(self._hashes.read_text()) if self._hashes.exists() else []

    def _check_finite(self, epoch: int, logs: dict[str, Any]) -> None:
        scaled = isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer)
        loss = float(logs.get("loss", 0.0)) if self.finite_losses and not scaled else 0.0
        bad = f"the loss is {loss}" if not math.isfinite(loss) else ""
        if not bad and (name := _not_finite(self.model)):
            bad = f"{name} holds NaN or infinite numbers"
        if bad:
            kept = (
                f"the state of an epoch before is kept in {self.folder}"
                if self._weights.exists()
                else "no epoch before it was good"
            )
            raise DivergedError(
                f"The training has diverged: {bad} after epoch {epoch + 1}; {kept}. Train with a smaller learning rate"
                " in another folder, and see that the data hold finite numbers."
            )

    def _check_space(self) -> None:
        # Where a disk is full, HDF5 raises what cannot be caught, and then ends the process.
        optimizer = self.model.optimizer
        variables = [*self.model.variables, *([] if optimizer is None else optimizer.variables)]
        needed = 2 * sum(variable.value.numpy().nbytes for variable in variables) + _SPARE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            what = f"the disk is full: a backup needs {needed / 1e6:.0f} MB, and {free / 1e6:.1f} MB are free"
            raise OSError(errno.ENOSPC, what)


def _not_finite(model: keras.Model) -> str:
    """Names the first weight that holds a number that is not finite; empty where all are."""
    for variable in model.variables:
        if (
            keras.backend.is_float_dtype(variable.dtype)
            and not np.isfinite(variable.numpy().astype(np.float64)).all()
        ):
            return variable.path
    return ""
