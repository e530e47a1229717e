"""TF-Agents needs `tf.keras` to be Keras 2, which is settled once in a process."""

import os
import subprocess
import sys

import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.rl.agents.legacy_keras import require_tf_agents


def in_new_process(code):
    """What is said, in a process that nobody has told which Keras `tf.keras` is to be."""
    variables = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    finished = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False
    )
    return (finished.stdout + finished.stderr.strip().rpartition("\n")[2]).strip()


def test_keras_stays_keras_3_beside_tf_agents_though_tensorflow_came_first():
    code = "import tensorflow, tfmeta.rl.agents.trpo, tf_agents.networks.network as n, keras; "
    said = in_new_process(code + "print(keras.__version__, n.Network.__mro__[1].__module__)")
    assert said.startswith("3.") and "tf_keras" in said


def test_where_tf_keras_is_keras_3_already_one_line_says_so():
    said = in_new_process("import tensorflow as tf; tf.keras.layers.Dense; import tfmeta.rl.agents.trpo")
    assert "Set TF_USE_LEGACY_KERAS=1 in the environment, or import tfmeta.rl.agents first." in said


def test_a_flag_that_says_otherwise_is_refused(monkeypatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "0")
    with pytest.raises(
        TfmetaError, match=r"TF_USE_LEGACY_KERAS=0, but TF-Agents needs tf.keras to be Keras 2: unset"
    ):
        require_tf_agents()


@pytest.mark.parametrize("module", ["tf_agents.agents.ppo.ppo_clip_agent", "tf_keras.api._v2.keras"])
def test_what_is_not_installed_is_named(monkeypatch, module):
    for name in [name for name in sys.modules if name.startswith("tf_agents.agents.ppo")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        TfmetaError, match=r"needs .*, which is not installed: pip install 'tfmeta\[rl\]', with Python"
    ):
        require_tf_agents()
