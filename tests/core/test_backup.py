import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.backup import Backup, DivergedError

EPOCHS, STEPS = 4, 3


class Kill(keras.callbacks.Callback):
    """Stops a run as a kill does: between two batches, without a word to anybody."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch
        self.now = None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise KeyboardInterrupt


def compiled():
    initializer = keras.initializers.GlorotUniform(seed=1)
    layers = [keras.Input([3]), keras.layers.Dense(4, kernel_initializer=initializer)]
    model = keras.Sequential([*layers, keras.layers.BatchNormalization()])
    schedule = keras.optimizers.schedules.CosineDecay(0.1, EPOCHS * STEPS)
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss="mse")
    return model


def batches(start):
    def batch(number):
        return tf.unstack(tf.random.stateless_normal([2, 5, 4], [7, number]))

    return tf.data.Dataset.counter(start).map(batch).map(lambda x, y: (x[:, :3], y))


def run(folder, *callbacks):
    model, backup = compiled(), Backup(folder)
    done = backup.restore(model)
    model.fit(
        batches(done),
        epochs=EPOCHS,
        initial_epoch=done // STEPS,
        steps_per_epoch=STEPS,
        shuffle=False,
        callbacks=[backup, *callbacks],
        verbose=0,
    )
    return done, model, backup


def state(model):
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    done, model, _ = run(tmp_path_factory.mktemp("unbroken"))
    assert done == 0
    return model


@pytest.fixture
def killed(tmp_path):
    """The folder of a run that was killed in its third epoch."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Kill(epoch=2))
    return tmp_path


def test_a_resumed_run_ends_where_an_unbroken_one_ends(unbroken, killed):
    done, model, _ = run(killed)
    assert done == 2 * STEPS
    assert len(state(model)) > len(model.variables) + 2  # Adam's moments are part of it
    for resumed, expected in zip(state(model), state(unbroken), strict=True):
        np.testing.assert_array_equal(resumed, expected)


def test_a_kill_while_the_backup_is_written_costs_one_epoch(unbroken, killed):
    (killed / "new.weights.h5").write_bytes(b"half a file")
    done, model, _ = run(killed)
    assert done == 2 * STEPS
    for resumed, expected in zip(state(model), state(unbroken), strict=True):
        np.testing.assert_array_equal(resumed, expected)


def test_seconds_add_up(killed):
    before = Backup(killed)
    before.restore(compiled())
    _, _, after = run(killed)
    assert 0.0 < before.seconds < after.seconds < 60.0


def test_a_run_that_has_ended_is_not_repeated(killed):
    run(killed)
    done, model, _ = run(killed)
    assert done == EPOCHS * STEPS == model.optimizer.iterations


def test_a_kill_while_the_seconds_are_written_leaves_those_of_the_epoch_before(killed, monkeypatch):
    before = Backup(killed)
    before.restore(compiled())

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pathlib.Path.write_bytes", half)
        run(killed)
    after = Backup(killed)
    assert after.restore(compiled()) == 2 * STEPS
    assert after.seconds == before.seconds


class Spoil(keras.callbacks.Callback):
    """Makes the loss or a weight NaN in an epoch, before the backup sees it."""

    def __init__(self, epoch, what):
        super().__init__()
        self.epoch = epoch
        self.what = what

    def on_epoch_end(self, epoch, logs):
        if epoch == self.epoch and self.what == "loss":
            logs["loss"] = float("nan")
        elif epoch == self.epoch:
            self.model.layers[0].bias.assign([1.0, np.inf, 0.0, 0.0])


@pytest.mark.parametrize(
    ("what", "words"), [("loss", "the loss is nan"), ("weight", "/bias holds NaN or infinite")]
)
def test_a_training_that_diverges_ends_and_keeps_the_last_good_state(unbroken, tmp_path, what, words):
    model, backup = compiled(), Backup(tmp_path)
    options = {"epochs": EPOCHS, "steps_per_epoch": STEPS, "shuffle": False, "verbose": 0}
    backup.restore(model)
    with pytest.raises(
        DivergedError, match=f"diverged: .*{words}.* after epoch 3; the state of an epoch before"
    ):
        model.fit(batches(0), callbacks=[Spoil(2, what), backup], **options)
    done, model, _ = run(tmp_path)
    assert done == 2 * STEPS
    for resumed, expected in zip(state(model), state(unbroken), strict=True):
        np.testing.assert_array_equal(resumed, expected)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_loss_that_is_passed_over_ends_nothing(tmp_path, scaled):
    model, backup = compiled(), Backup(tmp_path, finite_losses=scaled)
    if scaled:
        model.compile(optimizer=keras.optimizers.LossScaleOptimizer(model.optimizer), loss="mse")
    backup.restore(model)
    model.fit(
        batches(0), steps_per_epoch=STEPS, shuffle=False, callbacks=[Spoil(0, "loss"), backup], verbose=0
    )
    assert (tmp_path / "state.weights.h5").exists()


def test_a_training_that_diverges_at_once_leaves_nothing(tmp_path):
    model, backup = compiled(), Backup(tmp_path / "run")
    with pytest.raises(DivergedError, match="no epoch before it was good"):
        model.fit(
            batches(0), steps_per_epoch=STEPS, shuffle=False, callbacks=[Spoil(0, "loss"), backup], verbose=0
        )
    assert not (tmp_path / "run").exists()


def test_a_state_that_was_changed_is_not_restored(killed):
    file = killed / "state.weights.h5"
    content = bytearray(file.read_bytes())
    middle = slice(len(content) // 2, len(content) // 2 + 40)
    content[middle] = bytes(byte ^ 0x55 for byte in content[middle])
    file.write_bytes(content)
    with pytest.raises(ValueError, match="was changed since it was written"):
        Backup(killed).restore(compiled())


def test_a_state_that_is_not_finite_is_not_restored(killed):
    model = compiled()
    Backup(killed).restore(model)
    model.layers[0].bias.assign([np.nan, 0.0, 0.0, 0.0])
    model.save_weights(killed / "state.weights.h5")
    (killed / "hashes.json").unlink()  # as in a folder of before there were hashes
    with pytest.raises(ValueError, match=r"holds NaN or infinite numbers in .*bias"):
        Backup(killed).restore(compiled())


def test_a_kill_between_the_hash_and_the_state_costs_one_epoch(killed, monkeypatch):
    model, backup = compiled(), Backup(killed)
    backup.restore(model)
    backup.set_model(model)
    backup.on_train_begin()
    replace = os.replace

    def killed_at_last(old, new):
        if new == killed / "state.weights.h5":
            raise KeyboardInterrupt
        replace(old, new)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", killed_at_last)
        backup.on_epoch_end(2)
    assert Backup(killed).restore(compiled()) == 2 * STEPS
