"""Warm-up requests: one example request a signature, which a server replays while it loads the model.

TF Serving reads them from a TFRecord of `PredictionLog` messages. The few of their fields that are used
here are declared in a private protobuf pool, so `tensorflow-serving-api` is not needed. Tensors are
declared as bytes, which look the same on the wire as the messages they are.

Reference: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorflow.core.framework import tensor_pb2

from tfmeta.core.checks import TfmetaError

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
            log = _PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, value in sorted(inputs.items()):
                request.inputs.add(key=name, value=tf.make_tensor_proto(value).SerializeToString())
            writer.write(log.SerializeToString(deterministic=True))


def read_requests(path: Path) -> list[Request]:
    """Reads the requests of a warm-up file.

    Raises:
        TfmetaError: if the file is damaged.
    """
    try:
        records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        return [_request(_PredictionLog.FromString(record).predict_log.request) for record in records]
    except (tf.errors.OpError, DecodeError, ValueError, TypeError) as error:
        raise TfmetaError(
            f"{path} has no readable warm-up requests: {str(error).splitlines()[0]}. Export the model again."
        ) from error


def _request(request: Any) -> Request:
    inputs = {
        item.key: tf.make_ndarray(tensor_pb2.TensorProto.FromString(item.value)) for item in request.inputs
    }
    return request.model_spec.signature_name or "serving_default", inputs


def _declare() -> Any:
    """Declares the used part of tensorflow_serving/apis/prediction_log.proto; returns the outer message."""
    file = descriptor_pb2.FileDescriptorProto(
        name="tfmeta/warmup.proto", package="tfmeta.warmup", syntax="proto3"
    )

    def message(name: str, *fields: tuple[str, int, str | int, bool]) -> None:
        declared = file.message_type.add(name=name)
        for key, number, kind, repeated in fields:
            field = declared.field.add(name=key, number=number)
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if isinstance(kind, int):
                field.type = kind  # type: ignore[assignment]
            else:
                field.type_name = f".tfmeta.warmup.{kind}"

    string = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
    raw = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    # On the wire a map<string, TensorProto> is a list of such entries.
    message("Input", ("key", 1, string, False), ("value", 2, raw, False))
    message("ModelSpec", ("name", 1, string, False), ("signature_name", 3, string, False))
    message("PredictRequest", ("model_spec", 1, "ModelSpec", False), ("inputs", 2, "Input", True))
    message("PredictLog", ("request", 1, "PredictRequest", False))
    message("PredictionLog", ("predict_log", 6, "PredictLog", False))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tfmeta.warmup.PredictionLog"))


_PredictionLog = _declare()
