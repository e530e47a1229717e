"""Requests of every kind, in a line each, to the models of `tests.serving.saved_models`."""

import grpc
import numpy as np

from tfmeta import wire
from tfmeta.wire import tensors

X = np.float32([[1, 2], [3, 4]])
N = np.int32(5)


def spec(name="arithmetic", signature="", version=None, label=None):
    spec = wire.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        spec.version.SetInParent()
        spec.version.value = version
    if label is not None:
        spec.version_label = label
    return spec


def tensor(array):
    if not isinstance(array, np.ndarray | np.generic):
        return array
    proto = wire.TensorProto()
    tensors.write_content(array, proto)
    return proto


def predict(inputs=None, output_filter=(), **choice):
    inputs = {"x": X, "n": N} if inputs is None else inputs
    return wire.PredictRequest(
        model_spec=spec(**choice),
        inputs={name: tensor(value) for name, value in inputs.items()},
        output_filter=output_filter,
    )


def half(x):
    return predict({"x": x}, signature="half")


def metadata(*fields, **choice):
    return wire.GetModelMetadataRequest(model_spec=spec(**choice), metadata_field=fields)


def status(**choice):
    return wire.GetModelStatusRequest(model_spec=spec(**choice))


def floats(*values, shape=(), dtype="DT_FLOAT", **fields):
    """A tensor by its typed field."""
    dims = [wire.TensorShapeProto.Dim(size=size) for size in shape]
    fields = {"float_val": values} | fields
    return wire.TensorProto(
        dtype=wire.DataType[dtype], tensor_shape=wire.TensorShapeProto(dim=dims), **fields
    )


def loss(label):
    return predict({"logits": np.zeros((1, 5), np.float32), "labels": np.int64([label])}, signature="loss")


def example(**features):
    features = {name: {"float_list": {"value": [value]}} for name, value in features.items()}
    return wire.Example(features={"feature": features})


ONE, TWO = example(x=1.0), example(x=2.0, weight=3.0)


def classify(*examples, signature="classify", **choice):
    return wire.ClassificationRequest(
        model_spec=spec(signature=signature, **choice), input={"example_list": {"examples": examples}}
    )


def regress(*examples, signature="regress", **choice):
    return wire.RegressionRequest(
        model_spec=spec(signature=signature, **choice), input={"example_list": {"examples": examples}}
    )


def multi(*tasks, examples=(ONE,)):
    """Each task is a signature and a method, and the name of a model if it is not the usual one."""
    return wire.MultiInferenceRequest(
        tasks=[
            {"model_spec": spec(*name, signature=signature), "method_name": f"tensorflow/serving/{method}"}
            for signature, method, *name in tasks
        ],
        input={"example_list": {"examples": examples}},
    )


PREDICT, CLASSIFY, REGRESS, MULTI, METADATA, STATUS, RELOAD = (
    "PredictionService/Predict",
    "PredictionService/Classify",
    "PredictionService/Regress",
    "PredictionService/MultiInference",
    "PredictionService/GetModelMetadata",
    "ModelService/GetModelStatus",
    "ModelService/HandleReloadConfigRequest",
)
PREDICT_PATH = f"/tensorflow.serving.{PREDICT}"


def status_of(server, body, **options):
    """Sends bytes to Predict over a channel of its own; returns the name of the status, and its words."""
    with grpc.insecure_channel(server.address, **options) as channel:
        try:
            channel.unary_unary(PREDICT_PATH)(body, timeout=20)
        except grpc.RpcError as error:
            return error.code().name, error.details()
    return "OK", ""
