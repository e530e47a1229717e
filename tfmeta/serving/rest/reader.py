"""Reads large JSON documents in a process of its own.

While a document is read in Python, nobody else is answered; and as Python objects it takes ten times its size and more,
which would stay with the server. The process ends when the server does, and after each document that made it large.
"""

import gc
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfmeta import wire
from tfmeta.serving.call import current_call
from tfmeta.serving.engine.signature import DEFAULT_SIGNATURE
from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.serving.rest import json_examples, json_tensors

__all__ = ["DocumentReader", "Tensors", "examples_of", "tensors_of"]

_KEPT_BYTES = 128 * 2**20


class Tensors(NamedTuple):
    """A predict request: the signature that it is for, its inputs, and whether the answer is wanted by rows."""

    signature: str
    inputs: dict[str, np.ndarray]
    by_rows: bool


class DocumentReader:
    """Reads one document at a time. Safe to call from any number of threads.

    Example:
        >>> reader = DocumentReader()
        >>> info = wire.TensorInfo(dtype=wire.DataType["DT_FLOAT"])
        >>> reader.read(b'{"instances": [1, 2]}', {"serving_default": {"x": info}}).inputs["x"]
        array([1., 2.], dtype=float32)
        >>> reader.close()
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None

    def read_examples(self, body: bytes) -> tuple[str, bytes]:
        """Reads a classify or regress request.

        Args:
            body: The document.

        Returns:
            The name of the signature, empty for the default one, and the Input message as bytes.

        Raises:
            ServingError: It is none; or RESOURCE_EXHAUSTED, it took too much memory.
        """
        name, examples = self._answer_of(body, None)
        return name, examples

    def read(self, body: bytes, signatures: Mapping[str, Mapping[str, wire.Message]]) -> Tensors:
        """Reads a predict request.

        Args:
            body: The document.
            signatures: A TensorInfo for each input of each signature.

        Raises:
            ServingError: It is none, or does not fit; or RESOURCE_EXHAUSTED, it took too much memory.
        """
        plain = {
            key: {name: info.SerializeToString() for name, info in inputs.items()}
            for key, inputs in signatures.items()
        }
        return Tensors(*self._answer_of(body, plain))

    def _answer_of(self, *question: object) -> tuple:
        with self._lock:
            current_call().check()  # it may have waited for documents before it
            try:
                done, result, size = self._ask(*question)
            except (EOFError, OSError, pickle.UnpicklingError):
                self.close()
                raise ServingError(
                    "RESOURCE_EXHAUSTED",
                    "the document holds too many values; send smaller batches, or use gRPC",
                ) from None
            if size > _KEPT_BYTES:
                self.close()
        if not done:
            raise ServingError(*result)
        return result

    def close(self) -> None:
        """Ends the process; the next document starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, *question: object) -> tuple[bool, tuple, int]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tfmeta.serving.rest.reader"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump(question, self._process.stdin, protocol=5)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)


def tensors_of(document: Mapping[str, Any], signatures: Mapping[str, Mapping[str, wire.Message]]) -> Tensors:
    """Reads a predict request in this process.

    Args:
        document: What `json_tensors.parse` returned.
        signatures: A TensorInfo for each input of each signature.

    Raises:
        ServingError: INVALID_ARGUMENT, there is no such signature, or the document does not fit it.
    """
    key = document.get("signature_name") or DEFAULT_SIGNATURE
    if key not in signatures:
        raise invalid_argument(f'Serving signature name: "{key}" not found in signature def')
    return Tensors(key, *json_tensors.read_tensors(document, signatures[key]))


def examples_of(body: bytes, examples: wire.Message) -> str:
    """Reads a classify or regress request in this process.

    Args:
        body: The document.
        examples: The Input message to fill.

    Returns:
        The name of the signature, empty for the default one.

    Raises:
        ServingError: INVALID_ARGUMENT, it is none.
    """
    document = json_tensors.parse(body)
    json_examples.read_examples(document, examples)
    return document.get("signature_name", "")


def _answer_to(body: bytes, plain: Mapping[str, Mapping[str, bytes]] | None) -> tuple:
    """What `DocumentReader` asks for: examples where it names no signatures, else tensors."""
    if plain is None:
        examples = wire.ClassificationRequest().input
        return examples_of(body, examples), examples.SerializeToString()
    signatures = {
        key: {name: wire.TensorInfo.FromString(info) for name, info in inputs.items()}
        for key, inputs in plain.items()
    }
    return tuple(tensors_of(json_tensors.parse(body), signatures))


def _answer_all() -> None:
    gc.disable()  # a million new lists would be looked through again and again
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            body, plain = pickle.load(source)
        except EOFError:  # the server has ended
            return
        try:
            done, result = True, _answer_to(body, plain)
        except ServingError as error:
            done, result = False, (error.code, error.message)
        pickle.dump((done, result, _resident_bytes()), sink, protocol=5)
        sink.flush()
        del body, result


def _resident_bytes() -> int:
    status = Path("/proc/self/statm")  # the peak that `resource` tells is that of the parent at first
    return (
        int(status.read_text().split()[1]) * resource.getpagesize() if status.is_file() else _KEPT_BYTES + 1
    )


if __name__ == "__main__":
    _answer_all()
