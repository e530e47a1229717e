"""ModelService of TF Serving's API: how the models are, and which there should be."""

from collections.abc import Sequence
from pathlib import Path

from tfmeta import wire
from tfmeta.serving.errors import ServingError
from tfmeta.serving.lifecycle.model_config import base_folder, check_model_config
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.rpc import model_spec

__all__ = ["ModelService"]


class ModelService:
    """Tells how the models are, and takes a new list of them.

    Args:
        models: The models.
        reload_below: Folders below which clients may have models loaded; none refuses that.
    """

    def __init__(self, models: Models, reload_below: Sequence[str | Path] = ()):
        self._models = models
        self._reload_below = [Path(folder).resolve() for folder in reload_below]

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
        check_model_config(request.config)
        self._check_allowed(request.config)
        self._models.reload(request.config)
        reply = wire.ReloadConfigResponse()
        reply.status.SetInParent()
        return reply

    def _check_allowed(self, config: wire.Message) -> None:
        if not self._reload_below:
            raise ServingError(
                "PERMISSION_DENIED",
                "this server takes no list of models from clients; start it with --allow_reload",
            )
        for model in config.model_config_list.config:
            folder = base_folder(model).resolve()
            if not any(folder.is_relative_to(allowed) for allowed in self._reload_below):
                raise ServingError(
                    "PERMISSION_DENIED",
                    f"the base path of model {model.name} lies below none of the folders that this server was "
                    "started with",
                )
