import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.backup import Backup

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

    def half(path, text, **kwargs):
        with path.open("w") as file:
            file.write(text[: len(text) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pathlib.Path.write_text", half)
        run(killed)
    after = Backup(killed)
    assert after.restore(compiled()) == 2 * STEPS
    assert after.seconds == before.seconds
