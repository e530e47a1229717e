"""ModelService of TF Serving's API: how the models are, and which there should be."""

from tfmeta import wire
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.rpc import model_spec

__all__ = ["ModelService"]


class ModelService:
    """Tells how the models are, and takes a new list of them.

    Args:
        models: The models.
    """

    def __init__(self, models: Models):
        self._models = models

    def get_model_status(self, request: wire.Message) -> wire.Message:
        """The state of each version of a model, and why one did not load."""
        reply = wire.GetModelStatusResponse()
        for version in self._models.status(model_spec(request)):
            status = reply.model_version_status.add(version=version.number, state=wire.State[version.state])
            status.status.SetInParent()
            error = version.error
            if error:
                status.status.error_code = wire.Code[error.code]
                status.status.error_message = error.reason
        return reply

    def handle_reload_config_request(self, request: wire.Message) -> wire.Message:
        """Replaces the list of models; answers when the new ones are available."""
        self._models.reload(request.config)
        reply = wire.ReloadConfigResponse()
        reply.status.SetInParent()
        return reply
