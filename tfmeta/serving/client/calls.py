"""What a client asks, apart from how it is sent: each function makes one request and says how its reply is read.

So the clients for threads and for asyncio differ in nothing but the sending.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfmeta import wire
from tfmeta.core.model.specs import SignatureSpec
from tfmeta.wire import tensors

__all__ = ["Call", "check_choice", "metadata", "predict", "signature_specs", "status"]


class Call(NamedTuple):
    """One request: where it goes, what it says, and how the reply is read."""

    method: str
    request: wire.Message
    reply_type: wire.Message
    read: Callable[[wire.Message], Any]


def predict(
    model: str,
    inputs: Mapping[str, Any],
    *,
    signature: str = "serving_default",
    version: int | None = None,
    label: str | None = None,
    output_filter: Iterable[str] = (),
) -> Call:
    """Runs a signature on arrays; reads the outputs as arrays. See `Client.predict`.

    Example:
        >>> call = predict("half_plus_two", {"x": np.float32([1.0, 5.0])}, label="stable")
        >>> call.request.model_spec.version_label
        'stable'
    """
    spec = _model_spec(model, signature, version, label)
    request = wire.PredictRequest(model_spec=spec, output_filter=output_filter)
    for name, value in inputs.items():
        tensors.write_content(np.asarray(value), request.inputs[name])
    return Call("PredictionService/Predict", request, wire.PredictResponse, _read_outputs)


def metadata(model: str, *, version: int | None = None, label: str | None = None) -> Call:
    """Asks for the signatures of a model; reads SignatureDef messages by name."""
    request = wire.GetModelMetadataRequest(
        model_spec=_model_spec(model, "", version, label), metadata_field=["signature_def"]
    )
    return Call(
        "PredictionService/GetModelMetadata", request, wire.GetModelMetadataResponse, _read_signatures
    )


def status(model: str, *, version: int | None = None) -> Call:
    """Asks how the versions of a model are; reads their states by number."""
    request = wire.GetModelStatusRequest(model_spec=_model_spec(model, "", version, None))
    return Call("ModelService/GetModelStatus", request, wire.GetModelStatusResponse, _read_states)


def signature_specs(definitions: Mapping[str, wire.Message]) -> dict[str, SignatureSpec]:
    """What each signature takes and gives, of the messages that `metadata` reads.

    Left out are those that TensorFlow keeps for itself.
    """
    return {
        name: SignatureSpec.of(name, definition)
        for name, definition in sorted(definitions.items())
        if not name.startswith("__")
    }


def check_choice(version: int | None, label: str | None) -> None:
    """Checks that a request names its version in one way at most.

    Raises:
        ValueError: It names a version and a label.
    """
    if version is not None and label is not None:
        raise ValueError(f"version={version} and label={label!r} came; a request names one of them")


def _model_spec(model: str, signature: str, version: int | None, label: str | None) -> wire.Message:
    spec = wire.ModelSpec(name=model, signature_name=signature)
    check_choice(version, label)
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label
    return spec


def _read_outputs(reply: wire.Message) -> dict[str, np.ndarray]:
    return {name: tensors.to_array(tensor) for name, tensor in reply.outputs.items()}


def _read_signatures(reply: wire.Message) -> dict[str, wire.Message]:
    signatures = wire.SignatureDefMap()
    reply.metadata["signature_def"].Unpack(signatures)
    return dict(signatures.signature_def)


def _read_states(reply: wire.Message) -> dict[int, str]:
    names = {number: name for name, number in wire.State.items()}
    return {entry.version: names[entry.state] for entry in reply.model_version_status}
