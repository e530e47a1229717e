"""Checkpoints from which a killed run goes on as if nothing had happened."""

import errno
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import keras

from tfmeta.core.atomic import write_text

__all__ = ["Backup"]

_SPARE_BYTES = 2**20


class Backup(keras.callbacks.Callback):
    """Keeps the state of a run in a folder after every epoch, and restores it before the next start.

    Weights, optimizer and step count are one file that is renamed into place. (`keras.callbacks.BackupAndRestore`
    writes weights and epoch into two files one after the other, so a kill in between repeats an epoch; and it
    learns only inside of ``fit`` where a run goes on, which is too late to choose the episodes.)

    Args:
        folder: where the state is kept.

    Example:
        >>> backup = Backup("run/backup")                       # doctest: +SKIP
        >>> done = backup.restore(model)                        # doctest: +SKIP
        >>> model.fit(                                          # doctest: +SKIP
        ...     episodes(..., start=done), initial_epoch=done // 100, steps_per_epoch=100, epochs=50,
        ...     callbacks=[backup])
    """

    def __init__(self, folder: str | Path):
        super().__init__()
        self.folder = Path(folder)
        self.seconds = 0.0
        self._weights = self.folder / "state.weights.h5"
        self._clock = self.folder / "seconds.json"

    def restore(self, model: keras.Model) -> int:
        """Restores a compiled model to where its run stood.

        Returns:
            The optimizer steps done so far; 0 at the first start.
        """
        model.optimizer.build(model.trainable_variables)
        if not self._weights.exists():
            return 0
        model.load_weights(self._weights)
        if self._clock.exists():
            self.seconds = json.loads(self._clock.read_text())
        return int(model.optimizer.iterations.numpy())

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._since = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        now = time.monotonic()
        self.seconds, self._since = self.seconds + now - self._since, now
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_space()
        # The clock first: a kill in between then counts an epoch that is repeated, and never forgets one.
        write_text(self._clock, json.dumps(self.seconds))
        temporary = self.folder / "new.weights.h5"
        self.model.save_weights(temporary, overwrite=True)
        os.replace(temporary, self._weights)

    def _check_space(self) -> None:
        # Where a disk is full, HDF5 raises what cannot be caught, and then ends the process.
        variables = [*self.model.variables, *self.model.optimizer.variables]
        needed = 2 * sum(variable.value.numpy().nbytes for variable in variables) + _SPARE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            what = f"the disk is full: a backup needs {needed / 1e6:.0f} MB, and {free / 1e6:.1f} MB are free"
            raise OSError(errno.ENOSPC, what)
