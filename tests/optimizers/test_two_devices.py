import subprocess
import sys
from pathlib import Path

# In a process of its own: how many devices there are is settled before TensorFlow first computes.
SCRIPT = """
import keras
import numpy as np
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)

from tfmeta.optimizers import CoordinatewiseLSTM, LearnedOptimizer, LearnedRule

x = np.random.default_rng(0).normal(size=[32, 3]).astype(np.float32)


def trained(strategy):
    with strategy.scope():
        rule = LearnedRule(CoordinatewiseLSTM([4], seed=0))
        initial = keras.initializers.GlorotUniform(seed=0)
        model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2, kernel_initializer=initial)])
        model.compile(LearnedOptimizer(rule, weight_decay=0.01), loss="mse")
    model.fit(x, x[:, :2], batch_size=16, epochs=2, shuffle=False, verbose=0)
    state = [variable.numpy() for variable in model.optimizer.variables]
    return [*model.get_weights(), *state]


one = trained(tf.distribute.get_strategy())
two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
for ours, expected in zip(two, one, strict=True):
    np.testing.assert_allclose(ours, expected, atol=1e-5)
"""


def test_two_devices_train_as_one_does():
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
