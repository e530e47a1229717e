"""TF-Agents needs `tf.keras` to be Keras 2, which is settled once in a process."""

import os
import subprocess
import sys

import pytest

TOUCHED = "import tensorflow as tf; tf.keras.layers.Dense; "


def told(code, **environment):
    """What a user's mistake is answered with, in a process of its own."""
    code = f"""
from tfmeta.core.checks import TfmetaError
try:
    {code}
except TfmetaError as error:
    print(error)
"""
    variables = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={**variables, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.strip()


@pytest.mark.parametrize(
    ("code", "environment", "message"),
    [
        (TOUCHED, {}, "Set TF_USE_LEGACY_KERAS=1 in the environment, or import tfmeta.rl.agents first"),
        (
            "",
            {"TF_USE_LEGACY_KERAS": "0"},
            "TF_USE_LEGACY_KERAS=0, but TF-Agents needs tf.keras to be Keras 2: unset it",
        ),
        ("import sys; sys.modules['tf_keras'] = None; ", {}, "pip install 'tfmeta[rl]', with Python 3.11"),
    ],
    ids=["touched", "unset", "absent"],
)
def test_where_tf_agents_cannot_be_used_one_line_says_why(code, environment, message):
    said = told(f"{code}from tfmeta.rl.agents import TRPOAgent", **environment)
    assert message in said and said.count("\n") == 0


def test_keras_stays_keras_3_beside_tf_agents():
    said = told("import tfmeta.rl.agents.trpo; import keras; print(keras.__version__)")
    assert said.startswith("3.")
