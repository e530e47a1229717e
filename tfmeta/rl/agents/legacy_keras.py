"""Lets TF-Agents in: it needs `tf.keras` to be Keras 2, while `import keras` stays Keras 3."""

import contextlib
import io
import os
import sys
import warnings
from importlib import import_module

import tensorflow as tf

from tfmeta.core.checks import TfmetaError

__all__ = ["require_tf_agents"]

_FLAG = "TF_USE_LEGACY_KERAS"


def require_tf_agents() -> None:
    """Imports TF-Agents, or says why that cannot be.

    Every file that imports TF-Agents calls this before.

    Raises:
        TfmetaError: if it is not installed, or if `tf.keras` is Keras 3 already in this process, and so for good.
    """
    os.environ.setdefault(_FLAG, "1")
    if os.environ[_FLAG] not in ("1", "true", "True"):
        raise TfmetaError(
            f"{_FLAG}={os.environ[_FLAG]}, but TF-Agents needs tf.keras to be Keras 2: unset it, or set it to 1."
            " (It changes nothing for `import keras`.)"
        )
    try:
        # What tf.keras is, it becomes when it is first touched.
        legacy = getattr(tf, "keras").layers.Layer.__module__.startswith("tf_keras")  # noqa: B009
        if legacy:
            _import()
    except ImportError as error:
        raise TfmetaError(
            f"Training with TF-Agents needs {error.name or 'tf_keras'}, which is not installed:"
            " pip install 'tfmeta[rl]', with Python 3.11."
        ) from error
    if not legacy:
        raise TfmetaError(
            "tf.keras was used in this process before TF-Agents, and so is Keras 3 for good; TF-Agents needs it to be"
            f" Keras 2. Set {_FLAG}=1 in the environment, or import tfmeta.rl.agents first."
        )


def _import() -> None:
    # TensorFlow settles where `from tensorflow.keras import layers` looks, which TF-Agents says once, when it is itself
    # imported: so it may make tf.keras Keras 3 after all.
    sys.modules.setdefault("tensorflow.keras", import_module("tf_keras.api._v2.keras"))
    # What gym, TensorFlow Probability and distutils have to say of their age is of no use to anybody here.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        import tf_agents.agents.ppo.ppo_clip_agent
        import tf_agents.drivers.dynamic_step_driver  # noqa: F401
