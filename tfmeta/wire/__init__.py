"""The messages of TensorFlow Serving's API, without TensorFlow and without `tensorflow-serving-api`.

They speak the same bytes as those two, and share a process with them; see `tfmeta.wire.pool`. Arrays go in and out of
them by `tfmeta.wire.tensors`.

Example:
    >>> from tfmeta import wire
    >>> spec = wire.ModelSpec(name="maml_omniglot_5w1s", signature_name="adapt")
    >>> wire.ModelSpec.FromString(spec.SerializeToString()) == spec
    True
"""

from typing import Any as Message

from tfmeta.wire.pool import POOL, enum, message
from tfmeta.wire.schema import PACKAGES

__all__ = [
    "PACKAGES", "POOL", "ClassificationRequest", "ClassificationResponse", "ClassificationResult", "ClassifyLog",
    "Code", "DataType", "Example", "GetModelMetadataRequest", "GetModelMetadataResponse", "GetModelStatusRequest",
    "GetModelStatusResponse", "Message", "ModelServerConfig", "ModelSpec", "ModelVersionStatus",
    "MonitoringConfig", "MultiInferenceLog", "MultiInferenceRequest", "MultiInferenceResponse", "PackedTensor",
    "PredictLog", "PredictRequest", "PredictResponse", "PredictionLog", "RegressLog", "RegressionRequest",
    "RegressionResponse", "RegressionResult", "ReloadConfigRequest", "ReloadConfigResponse", "SSLConfig",
    "SignatureDef", "SignatureDefMap", "State", "StatusProto", "TensorInfo", "TensorProto", "TensorShapeProto",
]  # fmt: skip

DataType = enum("tensorflow.DataType")
Code = enum("tensorflow.error.Code")
State = enum("tensorflow.serving.ModelVersionStatus.State")

TensorShapeProto = message("tensorflow.TensorShapeProto")
TensorProto = message("tensorflow.TensorProto")
PackedTensor = message("tfmeta.PackedTensor")
TensorInfo = message("tensorflow.TensorInfo")
SignatureDef = message("tensorflow.SignatureDef")
Example = message("tensorflow.Example")

ModelSpec = message("tensorflow.serving.ModelSpec")
StatusProto = message("tensorflow.serving.StatusProto")
PredictRequest = message("tensorflow.serving.PredictRequest")
PredictResponse = message("tensorflow.serving.PredictResponse")
ClassificationRequest = message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = message("tensorflow.serving.ClassificationResponse")
ClassificationResult = message("tensorflow.serving.ClassificationResult")
RegressionRequest = message("tensorflow.serving.RegressionRequest")
RegressionResponse = message("tensorflow.serving.RegressionResponse")
RegressionResult = message("tensorflow.serving.RegressionResult")
MultiInferenceRequest = message("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = message("tensorflow.serving.MultiInferenceResponse")
GetModelMetadataRequest = message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = message("tensorflow.serving.GetModelMetadataResponse")
SignatureDefMap = message("tensorflow.serving.SignatureDefMap")
GetModelStatusRequest = message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = message("tensorflow.serving.GetModelStatusResponse")
ModelVersionStatus = message("tensorflow.serving.ModelVersionStatus")
ReloadConfigRequest = message("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse = message("tensorflow.serving.ReloadConfigResponse")
ModelServerConfig = message("tensorflow.serving.ModelServerConfig")
PredictionLog = message("tensorflow.serving.PredictionLog")
ClassifyLog = message("tensorflow.serving.ClassifyLog")
PredictLog = message("tensorflow.serving.PredictLog")
RegressLog = message("tensorflow.serving.RegressLog")
MultiInferenceLog = message("tensorflow.serving.MultiInferenceLog")
MonitoringConfig = message("tfmeta.MonitoringConfig")
SSLConfig = message("tfmeta.SSLConfig")
