"""The behaviour table, row by row, asked with our own messages and with those of `tensorflow-serving-api`."""

import re

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving.answers import ANSWERED, REPLIED
from tests.serving.behaviour import REFUSED
from tests.serving.requests import (
    CLASSIFY,
    METADATA,
    MULTI,
    PREDICT,
    REGRESS,
    RELOAD,
    STATUS,
    metadata,
    predict,
    status,
)
from tests.serving.saved_models import PARTS
from tfmeta import wire
from tfmeta.wire import tensors

REPLIES = {
    PREDICT: wire.PredictResponse,
    CLASSIFY: wire.ClassificationResponse,
    REGRESS: wire.RegressionResponse,
    MULTI: wire.MultiInferenceResponse,
    METADATA: wire.GetModelMetadataResponse,
    STATUS: wire.GetModelStatusResponse,
    RELOAD: wire.ReloadConfigResponse,
}


@pytest.fixture(scope="module")
def channel(target):
    with grpc.insecure_channel(target) as channel:
        yield channel


@pytest.fixture(scope="module", params=["tfmeta", "tensorflow_serving"])
def send(request, channel):
    """Sends a request by our own messages, or its bytes by the foreign client; returns our own reply."""
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    model = model_service_pb2_grpc.ModelServiceStub(channel)
    foreign = {
        PREDICT: (prediction.Predict, predict_pb2.PredictRequest),
        CLASSIFY: (prediction.Classify, classification_pb2.ClassificationRequest),
        REGRESS: (prediction.Regress, regression_pb2.RegressionRequest),
        MULTI: (prediction.MultiInference, inference_pb2.MultiInferenceRequest),
        METADATA: (prediction.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest),
        STATUS: (model.GetModelStatus, get_model_status_pb2.GetModelStatusRequest),
        RELOAD: (model.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest),
    }

    def send_foreign(rpc, message):
        method, request_type = foreign[rpc]
        reply = method(request_type.FromString(message.SerializeToString()), timeout=20)
        return REPLIES[rpc].FromString(reply.SerializeToString())

    def send_own(rpc, message):
        method = channel.unary_unary(
            f"/tensorflow.serving.{rpc}",
            request_serializer=type(message).SerializeToString,
            response_deserializer=REPLIES[rpc].FromString,
        )
        return method(message, timeout=20)

    return send_own if request.param == "tfmeta" else send_foreign


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_refused(send, row):
    with pytest.raises(grpc.RpcError) as error:
        send(row.rpc, row.request)
    assert error.value.code().name == row.code
    assert re.fullmatch(re.escape(row.message).replace("…", ".*"), error.value.details(), re.DOTALL)


@pytest.mark.parametrize("row", ANSWERED, ids=lambda row: row.name)
def test_answered(send, row):
    reply = send(PREDICT, row.request)
    assert {name: tensors.to_array(value).tolist() for name, value in reply.outputs.items()} == row.outputs


@pytest.mark.parametrize("row", REPLIED, ids=lambda row: row.name)
def test_replied(send, row):
    assert send(row.rpc, row.request) == row.reply


def test_reply_names_resolved_version_and_signature(send):
    spec = send(PREDICT, predict()).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("arithmetic", 1, "serving_default")


def test_reply_uses_typed_fields(send):
    outputs = send(PREDICT, predict()).outputs
    assert list(outputs["s"].float_val) == [3.0, 7.0]
    assert list(outputs["n2"].int_val) == [10]
    assert not outputs["s"].tensor_content
    assert [dim.size for dim in outputs["s"].tensor_shape.dim] == [2]
    assert outputs["n2"].HasField("tensor_shape")


def test_metadata_packs_every_signature(send):
    reply = send(METADATA, metadata("signature_def"))
    packed = reply.metadata["signature_def"]
    assert packed.type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    signatures = wire.SignatureDefMap.FromString(packed.value).signature_def
    kinds = {"serving_default", "half", "scale", "upper", "loss", "examples", "__saved_model_init_op"}
    assert kinds | set(PARTS) == set(signatures)
    info = signatures["serving_default"].inputs["x"]
    assert (info.dtype, [dim.size for dim in info.tensor_shape.dim]) == (wire.DataType["DT_FLOAT"], [-1, 2])
    assert tensors.to_array(signatures["scale"].defaults["factor"]) == np.float32(3)
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("arithmetic", 1)


@pytest.mark.parametrize("label", [None, "any"])
def test_status_lists_versions_and_ignores_the_label(send, label):
    (version,) = send(STATUS, status(label=label)).model_version_status
    assert (version.version, version.state) == (1, wire.State["AVAILABLE"])
    assert (version.status.error_code, version.status.error_message) == (0, "")


def test_garbage_is_the_clients_fault(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary(f"/tensorflow.serving.{PREDICT}")(b"\xff\xff\xff", timeout=20)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_unknown_method_is_unimplemented(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/tensorflow.serving.PredictionService/PredictStreamed")(b"", timeout=20)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
