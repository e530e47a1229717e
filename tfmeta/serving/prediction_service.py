"""PredictionService of TF Serving's API: asks a model, or its signatures."""

from tfmeta.serving import tensors, wire
from tfmeta.serving.engine import DEFAULT_SIGNATURE
from tfmeta.serving.errors import invalid_argument
from tfmeta.serving.models import Models
from tfmeta.serving.rpc import model_spec

__all__ = ["PredictionService"]

_SIGNATURE_DEF = "signature_def"


class PredictionService:
    """Asks a model.

    Args:
        models: The models to ask.
    """

    def __init__(self, models: Models):
        self._models = models

    def predict(self, request: wire.Message) -> wire.Message:
        """Runs one signature. The reply names the version and the signature that were run."""
        version = self._models.find(model_spec(request))
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
        spec = model_spec(request)
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
