"""The RPCs of TF Serving's gRPC API: a request message in, a reply message out, or a `ServingError`.

They know nothing of the transport, so that another one can offer the same answers.
"""

from collections.abc import Callable
from typing import NamedTuple

from tfmeta.serving import tensors, wire
from tfmeta.serving.engine import DEFAULT_SIGNATURE
from tfmeta.serving.errors import invalid_argument
from tfmeta.serving.models import Models

__all__ = ["Rpc", "services"]

_SIGNATURE_DEF = "signature_def"


class Rpc(NamedTuple):
    """One method of a service: what it reads, and what answers it."""

    request_type: wire.Message
    answer: Callable[[wire.Message], wire.Message]


def services(models: Models) -> dict[str, dict[str, Rpc]]:
    """Every RPC that is answered, by the full name of its service and by its own.

    Args:
        models: What answers them.
    """
    prediction, model = PredictionService(models), ModelService(models)
    return {
        "tensorflow.serving.PredictionService": {
            "Predict": Rpc(wire.PredictRequest, prediction.predict),
            "GetModelMetadata": Rpc(wire.GetModelMetadataRequest, prediction.get_model_metadata),
        },
        "tensorflow.serving.ModelService": {
            "GetModelStatus": Rpc(wire.GetModelStatusRequest, model.get_model_status),
        },
    }


class PredictionService:
    """Asks a model.

    Args:
        models: The models to ask.
    """

    def __init__(self, models: Models):
        self._models = models

    def predict(self, request: wire.Message) -> wire.Message:
        """Runs one signature. The reply names the version and the signature that were run."""
        version = self._models.find(_model_spec(request))
        signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        outputs = version.engine.run(signature_name, request.inputs, request.output_filter)
        reply = wire.PredictResponse()
        reply.model_spec.name = version.name
        reply.model_spec.version.value = version.number
        reply.model_spec.signature_name = signature_name
        for alias, array in outputs.items():
            tensors.write_values(array, reply.outputs[alias])
        return reply

    def get_model_metadata(self, request: wire.Message) -> wire.Message:
        """The signatures of a model."""
        spec = _model_spec(request)
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise invalid_argument(f"Metadata field {field} is not supported")
        version = self._models.find(spec)
        signatures = wire.SignatureDefMap()
        for key, definition in version.engine.signature_defs.items():
            signatures.signature_def[key].CopyFrom(definition)
        reply = wire.GetModelMetadataResponse()
        reply.model_spec.name = version.name
        reply.model_spec.version.value = version.number
        reply.metadata[_SIGNATURE_DEF].Pack(signatures)
        return reply


class ModelService:
    """Tells how the models are.

    Args:
        models: The models to tell of.
    """

    def __init__(self, models: Models):
        self._models = models

    def get_model_status(self, request: wire.Message) -> wire.Message:
        """The state of each version of a model, and why one did not load."""
        reply = wire.GetModelStatusResponse()
        for version in self._models.status(_model_spec(request)):
            status = reply.model_version_status.add(version=version.number, state=wire.State[version.state])
            status.status.SetInParent()
            if version.error:
                status.status.error_code = wire.Code[version.error.code]
                status.status.error_message = version.error.reason
        return reply


def _model_spec(request: wire.Message) -> wire.Message:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return request.model_spec
