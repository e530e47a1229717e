"""ModelService of TF Serving's API: how the models are."""

from tfmeta.serving import wire
from tfmeta.serving.models import Models
from tfmeta.serving.rpc import model_spec

__all__ = ["ModelService"]


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
        for version in self._models.status(model_spec(request)):
            status = reply.model_version_status.add(version=version.number, state=wire.State[version.state])
            status.status.SetInParent()
            if version.error:
                status.status.error_code = wire.Code[version.error.code]
                status.status.error_message = version.error.reason
        return reply
