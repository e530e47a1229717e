"""Reads what a SavedModel says of itself, without loading it."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorflow.core.protobuf import saved_model_pb2

from tfmeta.core.checks import TfmetaError

__all__ = ["defaults_of", "read_graph", "signatures_of"]


def read_graph(model: Path) -> Any:
    """Reads the graph of a SavedModel that is tagged for serving, as a `MetaGraphDef`.

    Raises:
        TfmetaError: if the file is damaged, or holds no such graph.
    """
    file = model / "saved_model.pb"
    try:
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except (OSError, DecodeError) as error:
        raise TfmetaError(
            f"{model} is no complete SavedModel: saved_model.pb cannot be read ({error})."
        ) from error
    for graph in saved.meta_graphs:
        if {*graph.meta_info_def.tags} == {"serve"}:  # as loaders choose it
            return graph
    raise TfmetaError(
        f"{model} is no complete SavedModel: saved_model.pb holds no graph with the tag 'serve'."
    )


def signatures_of(graph: Any) -> dict[str, Any]:
    """Returns the signatures that clients may ask for, by name."""
    return {key: value for key, value in sorted(graph.signature_def.items()) if not key.startswith("__")}


def defaults_of(signature: Any) -> dict[str, np.ndarray]:
    """Returns the values of the inputs that a client of the signature may leave out."""
    return {name: tf.make_ndarray(value) for name, value in signature.defaults.items()}
