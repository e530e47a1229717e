"""Warm-up requests: one example request a signature, which a server replays while it loads the model.

TF Serving reads them from a TFRecord of `PredictionLog` messages.

Reference: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from tfmeta import wire
from tfmeta.core.checks import TfmetaError
from tfmeta.wire import tensors

__all__ = ["WARMUP_FILE", "Request", "read_requests", "write_requests"]

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
"""Where an artefact keeps its warm-up requests."""

Request = tuple[str, dict[str, np.ndarray]]
"""Name of a signature, and its inputs by name."""


def write_requests(
    path: Path, model_name: str, requests: Iterable[tuple[str, Mapping[str, np.ndarray]]]
) -> None:
    """Writes one record for each request.

    Args:
        path: the file.
        model_name: what the requests call the model.
        requests: names of signatures with their inputs.
    """
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            log = wire.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                tensors.write_content(np.asarray(value), request.inputs[name])
            writer.write(log.SerializeToString(deterministic=True))


def read_requests(path: Path) -> list[Request]:
    """Reads the requests of a warm-up file.

    Raises:
        TfmetaError: if the file is damaged.
    """
    try:
        records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        return [_request(wire.PredictionLog.FromString(record).predict_log.request) for record in records]
    except (tf.errors.OpError, DecodeError, ValueError, TypeError) as error:
        raise TfmetaError(
            f"{path} has no readable warm-up requests: {str(error).splitlines()[0]}. Export the model again."
        ) from error


def _request(request: wire.Message) -> Request:
    inputs = {name: tensors.to_array(value) for name, value in request.inputs.items()}
    return request.model_spec.signature_name or "serving_default", inputs
