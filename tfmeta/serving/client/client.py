"""Asks any served model over TF Serving's gRPC API: numpy in, numpy out."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
import numpy as np

from tfmeta import wire
from tfmeta.serving.client import calls
from tfmeta.serving.client.calls import Call
from tfmeta.serving.client.connection import Connection
from tfmeta.serving.client.retries import Retries
from tfmeta.serving.client.served_model import ServedModel
from tfmeta.serving.tls import Tls

__all__ = ["Client"]

_RETRIES = Retries()


class Client:
    """A connection to a server of models.

    Safe to use from several threads. `tfmeta.serving.client.aio.AsyncClient` is its twin for asyncio.

    Args:
        target: Address of the server, `host:port` or `unix:path`.
        timeout: Seconds to wait for an answer, retries included, unless a call says otherwise.
        tls: Encrypts; None sends everything in the open.
        retries: What happens while the server is unavailable.

    Raises:
        InputError: The address is none of gRPC's.

    Example:
        >>> with Client("127.0.0.1:8500") as client:  # doctest: +SKIP
        ...     client.predict("half_plus_two", {"x": np.float32([1.0, 5.0])})
        {'y': array([2.5, 4.5], dtype=float32)}
    """

    def __init__(
        self, target: str, *, timeout: float = 10.0, tls: Tls | None = None, retries: Retries = _RETRIES
    ):
        self._connection = Connection(grpc, target, timeout, tls, retries)

    @property
    def target(self) -> str:
        """Address of the server."""
        return self._connection.target

    def model(self, name: str, *, version: int | None = None, label: str | None = None) -> ServedModel:
        """A model of this server, to be asked as one in this process is: by signatures as methods.

        Args:
            name: Its name.
            version: Which version; the latest where neither this nor `label` is given.
            label: The version that carries this label, such as `"stable"`.

        Returns:
            The model, on this connection.
        """
        return ServedModel(self, name, version, label)

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str = "serving_default",
        version: int | None = None,
        label: str | None = None,
        output_filter: Iterable[str] = (),
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Asks a model, with arrays just as they are; `model` has a reading of them that converts and checks.

        Args:
            model: Its name.
            inputs: Arrays by the name of the signature's input. Types are not converted: a float32 input
                wants float32. Strings are str, bytes, or arrays of them.
            signature: Which of the model's signatures to run.
            version: Which version; the latest where neither this nor `label` is given.
            label: The version that carries this label, such as `"stable"`.
            output_filter: Names of the wanted outputs; none means all.
            timeout: Seconds to wait; None for the client's own.

        Returns:
            The outputs by name; strings as object arrays of bytes.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        call = calls.predict(
            model, inputs, signature=signature, version=version, label=label, output_filter=output_filter
        )
        return self.send(call, timeout)

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> dict[str, wire.Message]:
        """The signatures of a model.

        Returns:
            SignatureDef messages by name.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return self.send(calls.metadata(model, version=version, label=label), timeout)

    def status(
        self, model: str, *, version: int | None = None, timeout: float | None = None
    ) -> dict[int, str]:
        """The state of each version of a model: START, LOADING, AVAILABLE, UNLOADING or END.

        Returns:
            State by version number, the newest first.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return self.send(calls.status(model, version=version), timeout)

    def send(self, call: Call, timeout: float | None = None) -> Any:
        """Sends any call, and returns what is read of the reply.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        try:
            return call.read(
                self._connection.method(call)(call.request, timeout=self._connection.seconds(timeout))
            )
        except grpc.RpcError as error:
            failure = self._connection.failure(error, timeout)
        raise failure  # out of the handler: gRPC's own traceback says no more

    def close(self) -> None:
        """Ends the connection."""
        self._connection.channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
