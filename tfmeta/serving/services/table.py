"""The RPCs of TF Serving's gRPC API: a request message in, a reply message out, or a `ServingError`.

They know nothing of the transport, so that another one can offer the same answers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmeta import wire
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.model import ModelService
from tfmeta.serving.services.prediction import PredictionService
from tfmeta.serving.services.rpc import Rpc

__all__ = ["services"]


def services(
    models: Models, metrics: Any = None, reload_below: Sequence[str | Path] = ()
) -> dict[str, dict[str, Rpc]]:
    """Every RPC that is answered, by the full name of its service and by its own.

    Args:
        models: What answers them.
        metrics: Where the time that models take is counted; None for nowhere.
        reload_below: Folders below which clients may have models loaded; none refuses that.
    """
    prediction, model = PredictionService(models, metrics), ModelService(models, reload_below)
    return {
        "tensorflow.serving.PredictionService": {
            "Predict": Rpc(wire.PredictRequest, prediction.predict),
            "Classify": Rpc(wire.ClassificationRequest, prediction.classify),
            "Regress": Rpc(wire.RegressionRequest, prediction.regress),
            "MultiInference": Rpc(wire.MultiInferenceRequest, prediction.multi_inference),
            "GetModelMetadata": Rpc(wire.GetModelMetadataRequest, prediction.get_model_metadata),
        },
        "tensorflow.serving.ModelService": {
            "GetModelStatus": Rpc(wire.GetModelStatusRequest, model.get_model_status),
            "HandleReloadConfigRequest": Rpc(wire.ReloadConfigRequest, model.handle_reload_config_request),
        },
    }
