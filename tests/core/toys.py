"""The smallest artefacts that have every kind of signature, and some that must not be served."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.export import Servable, Signature
from tfmeta.core.warmup import WARMUP_FILE, write_requests

X = tf.TensorSpec([None, 2], tf.float32, "x")
STATE = tf.TensorSpec([None, 3], tf.float32, "state")
EXAMPLE = {"x": np.array([[1.0, 2.0]], np.float32)}


def recurrent() -> Servable:
    """Nothing that a few-shot learner has: state that loops, and a signature that makes the first one."""
    cell = keras.layers.SimpleRNNCell(3)
    cell.build([None, 2])

    def initial_state(rows):
        return {"state": tf.zeros([tf.shape(rows)[0], 3])}

    def act(x, state):
        output, _ = cell(x, [state])
        return {"action": tf.argmax(output, axis=-1), "state": output}

    def start_and_act(rows, x):
        return act(x, **initial_state(rows))

    rows, row = tf.TensorSpec([None], tf.int64, "rows"), {"rows": np.zeros(1, np.int64)}
    return Servable(
        "recurrent",
        {
            "serving_default": Signature(start_and_act, (rows, X), {**EXAMPLE, **row}),
            "initial_state": Signature(initial_state, (rows,), row),
            "act": Signature(act, (X, STATE), {**EXAMPLE, "state": np.full([1, 3], 0.5, np.float32)}),
        },
        Card("A recurrent cell."),
    )


def single(function, name="single", example=EXAMPLE, spec=X) -> Servable:
    """A servable of one signature."""
    return Servable(name, {"serving_default": Signature(function, (spec,), example)}, Card("A toy."))


def save_the_wrong_way(folder: Path) -> Path:
    """Saves a tf.Module that holds a Keras model: right in Python, and wrong in TF Serving."""
    module = tf.Module()
    module.network = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
    function = tf.function(lambda x: {"y": module.network(x)}, input_signature=[X])
    return _save(module, function, folder)


def save_with_assignments(folder: Path) -> Path:
    """Normalises by the statistics of the request, which changes the moving averages."""
    norm = keras.layers.BatchNormalization()
    norm.build([None, 2])
    module = tf.Module()
    module.state = [variable.value for variable in norm.variables]
    return _save(module, tf.function(lambda x: {"y": norm(x, training=True)}, input_signature=[X]), folder)


def save_with_python(folder: Path) -> Path:
    """Calls back into Python."""

    def function(x):
        return {"y": tf.ensure_shape(tf.numpy_function(lambda x: x * 2, [x], tf.float32), [None, 2])}

    return _save(tf.Module(), tf.function(function, input_signature=[X]), folder)


def _save(module: tf.Module, function, folder: Path) -> Path:
    tf.saved_model.save(module, str(folder), signatures=function)
    (folder / "assets.extra").mkdir()
    write_requests(folder / WARMUP_FILE, "wrong", [("serving_default", EXAMPLE)])
    return folder
