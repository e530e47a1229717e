"""PredictionService of TF Serving's API: asks a model, or its signatures."""

from tfmeta.serving import inference, wire
from tfmeta.serving.errors import invalid_argument
from tfmeta.serving.models import Models, Version
from tfmeta.serving.rpc import model_spec

__all__ = ["PredictionService"]

_SIGNATURE_DEF = "signature_def"


class PredictionService:
    """Asks a model. Each reply names the version and the signature that answered.

    Args:
        models: The models to ask.
    """

    def __init__(self, models: Models):
        self._models = models

    def predict(self, request: wire.Message) -> wire.Message:
        """Runs one signature on tensors."""
        version = self._models.find(model_spec(request))
        return _signed(inference.predict(version.engine, request), version)

    def classify(self, request: wire.Message) -> wire.Message:
        """Classes and scores of `tf.Example`s."""
        version = self._models.find(model_spec(request))
        return _signed(inference.classify(version.engine, request), version)

    def regress(self, request: wire.Message) -> wire.Message:
        """Values of `tf.Example`s."""
        version = self._models.find(model_spec(request))
        return _signed(inference.regress(version.engine, request), version)

    def multi_inference(self, request: wire.Message) -> wire.Message:
        """Several signatures on the same `tf.Example`s. The first task says which version of the model."""
        version = self._models.find(request.tasks[0].model_spec if request.tasks else wire.ModelSpec())
        reply = inference.multi_inference(version.engine, request)
        for result in reply.results:
            _signed(result, version)
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
        reply = _signed(wire.GetModelMetadataResponse(), version)
        reply.metadata[_SIGNATURE_DEF].Pack(signatures)
        return reply


def _signed(reply: wire.Message, version: Version) -> wire.Message:
    reply.model_spec.name = version.name
    reply.model_spec.version.value = version.number
    return reply
