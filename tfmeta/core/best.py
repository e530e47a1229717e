"""Ends a training when it no longer improves, with the weights that were best."""

import json
import os
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError

__all__ = ["KeepBest"]

_AGAIN = "remove the folder of the run, and train again."


class KeepBest(keras.callbacks.Callback):
    """Keeps the trainable weights of the epoch with the lowest value of a metric, and gives them back at the end.

    What is best so far lies in a folder, so a run that is resumed does not forget it. (`keras.callbacks.EarlyStopping`
    keeps it in memory.)

    Args:
        folder: where the best weights are kept.
        monitor: the metric; epochs that do not report it do not count.
        patience: epochs without a better one after which training ends; 0 for never.

    Example:
        >>> model.fit(                                                         # doctest: +SKIP
        ...     data, epochs=100, validation_data=other, callbacks=[KeepBest("run/best", "val_loss", patience=10)])
    """

    def __init__(self, folder: str | Path, monitor: str = "val_loss", patience: int = 0):
        super().__init__()
        self.folder = Path(folder)
        self.monitor = monitor
        self.patience = patience
        self._note = self.folder / "best.json"
        self._weights = self.folder / "best.npz"

    @property
    def best(self) -> dict[str, Any] | None:
        """The epoch that was best and its value; None before the first."""
        if not self._note.exists():
            return None
        try:
            best = json.loads(self._note.read_text())
            return {"epoch": int(best["epoch"]), "value": float(best["value"])}
        except (ValueError, TypeError, KeyError) as error:
            raise TfmetaError(f"{self._note} is damaged: {error}; {_AGAIN}") from error

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            return
        best = self.best
        # An epoch that a kill made the run repeat may be the best itself.
        if np.isfinite(value) and (best is None or value < best["value"]):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / "new.npz"
            np.savez(temporary, *[variable.numpy() for variable in self.model.trainable_variables])
            os.replace(temporary, self._weights)
            write_text(self._note, json.dumps({"epoch": epoch, "value": float(value)}))
            best = {"epoch": epoch}
        if self.patience and best is not None and epoch - best["epoch"] >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.best is None:
            return
        try:
            with np.load(self._weights) as arrays:
                values = [arrays[key] for key in arrays.files]  # whose checksums are looked at
            for variable, value in zip(self.model.trainable_variables, values, strict=True):
                variable.assign(value)
        except (OSError, ValueError, BadZipFile, zlib.error) as error:
            raise TfmetaError(f"{self._weights} is damaged: {error}; {_AGAIN}") from error
