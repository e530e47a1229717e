"""PredictionService of TF Serving's API: asks a model, or its signatures."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tfmeta import wire
from tfmeta.serving.engine import inference
from tfmeta.serving.errors import invalid_argument
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.rpc import model_spec

__all__ = ["PredictionService"]

_SIGNATURE_DEF = "signature_def"


class PredictionService:
    """Asks a model. Each reply names the version and the signature that answered.

    Args:
        models: The models to ask.
        metrics: Where the time that models take is counted; see `tfmeta.serving.metrics`. None for nowhere.
    """

    def __init__(self, models: Models, metrics: Any = None):
        self._models = models
        self._metrics = metrics

    def predict(self, request: wire.Message) -> wire.Message:
        """Runs one signature on tensors."""
        version = self._models.find(model_spec(request))
        with self.runtime("Predict", version.name):
            reply = inference.predict(version.engine, request)
        return _signed(reply, version.name, version.number)

    def classify(self, request: wire.Message) -> wire.Message:
        """Classes and scores of `tf.Example`s."""
        version = self._models.find(model_spec(request))
        with self.runtime("Classify", version.name):
            reply = inference.classify(version.engine, request)
        return _signed(reply, version.name, version.number)

    def regress(self, request: wire.Message) -> wire.Message:
        """Values of `tf.Example`s."""
        version = self._models.find(model_spec(request))
        with self.runtime("Regress", version.name):
            reply = inference.regress(version.engine, request)
        return _signed(reply, version.name, version.number)

    def multi_inference(self, request: wire.Message) -> wire.Message:
        """Several signatures on the same `tf.Example`s. The first task says which version of the model."""
        version = self._models.find(request.tasks[0].model_spec if request.tasks else wire.ModelSpec())
        with self.runtime("MultiInference", version.name):
            reply = inference.multi_inference(version.engine, request)
        for result in reply.results:
            _signed(result, version.name, version.number)
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
        reply = _signed(wire.GetModelMetadataResponse(), version.name, version.number)
        reply.metadata[_SIGNATURE_DEF].Pack(signatures)
        return reply

    def runtime(self, api: str, model: str) -> AbstractContextManager[None]:
        """Counts the time that a model takes, as long as the context is open."""
        return nullcontext() if self._metrics is None else self._metrics.runtime(api, model)


def _signed(reply: wire.Message, name: str, number: int) -> wire.Message:
    reply.model_spec.name = name
    reply.model_spec.version.value = number
    return reply
