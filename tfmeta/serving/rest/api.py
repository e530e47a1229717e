"""TF Serving's REST API, version 1: what a method, a path and a body mean, whatever carries them.

    POST /v1/models/NAME[/versions/N|/labels/L]:predict|classify|regress
    GET  /v1/models/NAME[/versions/N|/labels/L][/metadata]

Paths are read without regard to case. `GET /v1/models/NAME` also says `name` and `ready`, and `GET /` that the
server is alive: what KServe's clients of its first protocol ask, and TF Serving does not answer.

Reference: https://www.tensorflow.org/tfx/serving/api_rest
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from tfmeta import wire
from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.lifecycle.version import Lease
from tfmeta.serving.rest import json_examples, json_tensors
from tfmeta.serving.rest.json_values import dumps
from tfmeta.serving.rest.reader import DocumentReader, examples_of, tensors_of
from tfmeta.serving.rest.reply import Reply, refusal
from tfmeta.serving.services.model import ModelService
from tfmeta.serving.services.prediction import PredictionService

__all__ = ["RestApi"]

_LOG = logging.getLogger(__name__)
_LARGE_BYTES = 2**20
_CHOICE = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_ASK = re.compile(rf"/v1/models/(?P<name>[^/:]+){_CHOICE}:(?P<verb>predict|classify|regress)", re.I | re.A)
_TELL = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_CHOICE}(?P<metadata>/metadata)?", re.I | re.A)

# Of each gRPC status; 500 for the others.
_HTTP_STATUS = {
    "OK": 200,
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class RestApi:
    """Answers requests from models.

    Args:
        models: The models to ask.
        metrics: Where predictions are counted; see `tfmeta.serving.metrics`. None for nowhere.
    """

    def __init__(self, models: Models, metrics: Any = None):
        self._models = models
        self._metrics = metrics
        self._prediction = PredictionService(models, metrics)
        self._status = ModelService(models)
        self._reader = DocumentReader()
        self._verbs: dict[str, Callable[[wire.Message, bytes], dict]] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
        }

    def close(self) -> None:
        """Ends the process that reads large documents."""
        self._reader.close()

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Answers a request.

        Args:
            method: The HTTP method.
            path: What stands before the query.
            body: What was sent.

        Returns:
            The reply; a request that is at fault gets `{"error": ...}`.
        """
        ask = _ASK.fullmatch(path) if method == "POST" else None
        began = time.perf_counter()
        try:
            code, reply = "OK", Reply(200, dumps(self._document(method, path, ask, body)))
        except ServingError as error:
            code, reply = error.code, refusal(_HTTP_STATUS.get(error.code, 500), error.message)
        except Exception as error:
            _LOG.exception("%s %s failed", method, path)
            reason = f"{type(error).__name__} in {method} {path}; the server's log says more"
            code, reply = "INTERNAL", refusal(500, reason)
        if ask and self._metrics is not None:
            seconds = time.perf_counter() - began
            self._metrics.observe(ask["verb"].lower(), "REST", unquote(ask["name"]), None, code, seconds)
        return reply

    def _document(self, method: str, path: str, ask: re.Match | None, body: bytes) -> dict[str, Any]:
        if ask:
            return self._ask(ask, body)
        if method == "GET" and (tell := _TELL.fullmatch(path)):
            return self._tell(tell)
        if (method, path) == ("GET", "/"):
            return {"status": "alive"}
        if path.lower().startswith("/v1/"):
            raise invalid_argument(f"Malformed request: {method} {path}")
        raise ServingError("NOT_FOUND", f"{path} is not served here; the API begins with /v1/models/")

    def _ask(self, match: re.Match, body: bytes) -> dict[str, Any]:
        return self._verbs[match["verb"].lower()](_spec(match), body)

    def _predict(self, spec: wire.Message, body: bytes) -> dict[str, Any]:
        if len(body) > _LARGE_BYTES:
            version = self._models.find(spec)
            request = self._reader.read(body, _inputs_of(version))
        else:
            document = json_tensors.parse(body)
            version = self._models.find(spec)
            request = tensors_of(document, _inputs_of(version))
        with self._prediction.runtime("Predict", version.name):
            outputs = version.engine.run(request.signature, request.inputs)
        return json_tensors.write_tensors(outputs, request.by_rows)

    def _classify(self, spec: wire.Message, body: bytes) -> dict[str, Any]:
        request = wire.ClassificationRequest()
        self._read_examples(spec, body, request)
        return json_examples.write_results(self._prediction.classify(request).result)

    def _regress(self, spec: wire.Message, body: bytes) -> dict[str, Any]:
        request = wire.RegressionRequest()
        self._read_examples(spec, body, request)
        return json_examples.write_results(self._prediction.regress(request).result)

    def _read_examples(self, spec: wire.Message, body: bytes, request: wire.Message) -> None:
        if len(body) > _LARGE_BYTES:
            spec.signature_name, examples = self._reader.read_examples(body)
            request.input.ParseFromString(examples)
        else:
            spec.signature_name = examples_of(body, request.input)
        request.model_spec.CopyFrom(spec)

    def _tell(self, match: re.Match) -> dict[str, Any]:
        if not match["name"]:
            raise invalid_argument("Missing model name in request.")
        return self._metadata(_spec(match)) if match["metadata"] else self._states(_spec(match))

    def _states(self, spec: wire.Message) -> dict[str, Any]:
        reply = self._status.get_model_status(wire.GetModelStatusRequest(model_spec=spec))
        states = _as_dict(reply)
        if spec.WhichOneof("version_choice") is None:
            available = any(status["state"] == "AVAILABLE" for status in states["model_version_status"])
            states |= {"name": spec.name, "ready": available}
        return states

    def _metadata(self, spec: wire.Message) -> dict[str, Any]:
        reply = self._prediction.get_model_metadata(
            wire.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        )
        signatures = wire.SignatureDefMap.FromString(reply.metadata["signature_def"].value)
        return {
            "model_spec": {
                "name": reply.model_spec.name,
                "signature_name": "",
                "version": str(reply.model_spec.version.value),
            },
            "metadata": {"signature_def": _as_dict(signatures)},
        }


def _inputs_of(version: Lease) -> dict[str, Mapping[str, wire.Message]]:
    """A TensorInfo for each input of each signature."""
    return {key: each.inputs for key, each in version.engine.signature_defs.items()}


def _spec(match: re.Match) -> wire.Message:
    spec = wire.ModelSpec(name=unquote(match["name"]))
    if match["version"]:
        digits = match["version"].lstrip("0") or "0"
        if len(digits) > 19 or int(digits) >= 2**63:
            raise invalid_argument(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(digits)
    elif match["label"]:
        spec.version_label = unquote(match["label"])
    return spec


def _as_dict(message: wire.Message) -> dict[str, Any]:
    """As protobuf has it: names as in the schema, numbers of 64 bits as strings."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
