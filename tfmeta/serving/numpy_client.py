"""Asks any served model over TF Serving's gRPC API: numpy in, numpy out."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
import numpy as np

from tfmeta.serving import tensors, wire
from tfmeta.serving.errors import ServingError

__all__ = ["Client"]

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Client:
    """A connection to a server of models.

    Safe to use from several threads.

    Args:
        target: Address of the server, `host:port`.
        timeout: Seconds to wait for an answer.

    Example:
        >>> with Client("127.0.0.1:8500") as client:  # doctest: +SKIP
        ...     client.predict("half_plus_two", {"x": np.float32([1.0, 5.0])})
        {'y': array([2.5, 4.5], dtype=float32)}
    """

    def __init__(self, target: str, *, timeout: float = 10.0):
        self.target = target
        self.timeout = timeout
        self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        self._predict = self._method("PredictionService/Predict", wire.PredictResponse)
        self._metadata = self._method("PredictionService/GetModelMetadata", wire.GetModelMetadataResponse)
        self._status = self._method("ModelService/GetModelStatus", wire.GetModelStatusResponse)

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str = "serving_default",
        version: int | None = None,
        label: str | None = None,
        output_filter: Iterable[str] = (),
    ) -> dict[str, np.ndarray]:
        """Asks a model.

        Args:
            model: Its name.
            inputs: Arrays by the name of the signature's input. Types are not converted: a float32 input
                wants float32. Strings are str, bytes, or arrays of them.
            signature: Which of the model's signatures to run.
            version: Which version; the latest where neither this nor `label` is given.
            label: The version that carries this label, such as `"stable"`.
            output_filter: Names of the wanted outputs; none means all.

        Returns:
            The outputs by name; strings as object arrays of bytes.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        request = wire.PredictRequest(
            model_spec=_model_spec(model, signature, version, label), output_filter=output_filter
        )
        for name, value in inputs.items():
            tensors.write_content(np.asarray(value), request.inputs[name])
        reply = self._call(self._predict, request)
        return {name: tensors.to_array(tensor) for name, tensor in reply.outputs.items()}

    def metadata(
        self, model: str, *, version: int | None = None, label: str | None = None
    ) -> dict[str, wire.Message]:
        """The signatures of a model.

        Returns:
            SignatureDef messages by name.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        request = wire.GetModelMetadataRequest(
            model_spec=_model_spec(model, "", version, label), metadata_field=["signature_def"]
        )
        signatures = wire.SignatureDefMap()
        self._call(self._metadata, request).metadata["signature_def"].Unpack(signatures)
        return dict(signatures.signature_def)

    def status(self, model: str, *, version: int | None = None) -> dict[int, str]:
        """The state of each version of a model: START, LOADING, AVAILABLE, UNLOADING or END.

        Returns:
            State by version number, the newest first.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        request = wire.GetModelStatusRequest(model_spec=_model_spec(model, "", version, None))
        names = {number: name for name, number in wire.State.items()}
        reply = self._call(self._status, request)
        return {entry.version: names[entry.state] for entry in reply.model_version_status}

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _method(self, name: str, reply_type: wire.Message) -> grpc.UnaryUnaryMultiCallable:
        return self._channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=reply_type.FromString,
        )

    def _call(self, method: grpc.UnaryUnaryMultiCallable, request: wire.Message) -> wire.Message:
        try:
            return method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
        if code == "UNAVAILABLE":
            details = f"no server answers at {self.target}; is it running? ({details})"
        elif code == "DEADLINE_EXCEEDED":
            details = f"{self.target} gave no answer within {self.timeout:g} s ({details})"
        raise ServingError(code, details)  # out of the handler: gRPC's own traceback says no more


def _model_spec(model: str, signature: str, version: int | None, label: str | None) -> wire.Message:
    spec = wire.ModelSpec(name=model, signature_name=signature)
    if version is not None and label is not None:
        raise ValueError(f"version={version} and label={label!r} came; a request names one of them")
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label
    return spec
