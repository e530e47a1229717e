import json

import keras
import numpy as np
import pytest

from tfmeta.core.best import KeepBest
from tfmeta.core.checks import TfmetaError


class Scripted(keras.callbacks.Callback):
    """Gives each epoch its value and its weight, as if that had been trained."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs):
        logs["val_loss"] = self.values[epoch]
        self.model.layers[-1].kernel.assign([[float(epoch)]])


def fitted(folder, values, *, patience=0, first=0):
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse")
    x = np.zeros([1, 1], np.float32)
    best = KeepBest(folder, patience=patience)
    model.fit(x, x, epochs=len(values), initial_epoch=first, callbacks=[Scripted(values), best], verbose=0)
    return float(model.layers[-1].kernel.numpy()[0, 0]), best.best


def test_the_best_weights_come_back_at_the_end(tmp_path):
    assert fitted(tmp_path, [3.0, 1.0, 2.0, np.nan]) == (1.0, {"epoch": 1, "value": 1.0})


def test_training_ends_when_nothing_gets_better(tmp_path):
    kept, best = fitted(tmp_path, [3.0, 2.0, 2.5, 2.5, 0.0], patience=2)
    assert (kept, best["epoch"]) == (1.0, 1)


def test_a_resumed_run_remembers_what_was_best(tmp_path):
    fitted(tmp_path, [3.0, 1.0])
    assert fitted(tmp_path, [3.0, 1.0, 2.0, 1.5], first=2) == (1.0, {"epoch": 1, "value": 1.0})
    assert json.loads((tmp_path / "best.json").read_text())["value"] == 1.0


def test_what_is_not_measured_does_not_count(tmp_path):
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros([1, 1], np.float32)
    model.fit(x, x, callbacks=[KeepBest(tmp_path, "val_loss")], verbose=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["best.npz", "best.json"])
def test_what_was_changed_on_the_disk_is_told(tmp_path, name):
    fitted(tmp_path, [3.0, 1.0])
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TfmetaError, match=rf"{name} is damaged: .*; remove the folder of the run"):
        fitted(tmp_path, [3.0, 1.0, 2.0], first=2)
