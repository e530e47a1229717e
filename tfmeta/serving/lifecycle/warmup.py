"""Warm-up: a model answers the requests it was exported with before it answers anybody else's.

The first request through a signature pays for the optimisation of its graph, so TF Serving replays the file
`assets.extra/tf_serving_warmup_requests` (a TFRecord of PredictionLog) while it loads a model. A record that
fails is a model that cannot serve, and the load fails with it.

Reference: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.python.lib.io.tf_record import tf_record_random_reader

from tfmeta import wire
from tfmeta.core.warmup import WARMUP_FILE
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.engine.inference import infer
from tfmeta.serving.errors import ModelLoadError, ServingError

__all__ = ["replay"]

_MOST_RECORDS = 1000


def replay(engine: Engine, path: str | Path, name: str) -> int:
    """Runs the warm-up requests of a model; one without the file is fine.

    Args:
        engine: The loaded model.
        path: Its version directory.
        name: What the model is called in error messages. The name inside a record is not looked at.

    Returns:
        How many requests were answered.

    Raises:
        ModelLoadError: A record cannot be read, or its request fails.
    """
    file = Path(path) / WARMUP_FILE
    if not file.is_file():
        return 0
    index = 0
    try:
        for index, request in enumerate(_requests(file), start=1):
            if index > _MOST_RECORDS:
                raise ValueError(f"the file holds more than {_MOST_RECORDS} records")
            infer(engine, request)
    except ServingError as error:
        raise ModelLoadError(
            name, str(path), f"warm-up request {index} failed: {error}", error.code
        ) from error
    except (tf.errors.OpError, OSError, DecodeError, ValueError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise ModelLoadError(name, str(path), f"{WARMUP_FILE} cannot be replayed: {reason}") from error
    return index


def _requests(file: Path) -> Iterator[wire.Message]:
    reader, at = tf_record_random_reader(str(file)), 0
    while at < file.stat().st_size:
        record, at = reader.read(at)
        log = wire.PredictionLog.FromString(record)
        kind = log.WhichOneof("log_type")
        if kind is None:
            raise ValueError("a record holds no request that can be replayed")
        yield getattr(log, kind).request
