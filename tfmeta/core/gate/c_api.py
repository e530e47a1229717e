"""Runs a SavedModel without Python's TensorFlow, through the C library, as TF Serving does.

A program of its own, started by `tfmeta.core.gate.replay` with the folder of its orders; it imports nothing
but numpy and the standard library. `tf.saved_model.load` restores Python objects and is no evidence of what
happens in a server; this is.
"""

import ctypes
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

_DTYPES = {  # TF_DataType
    1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 5: np.int16, 6: np.int8, 8: np.complex64,
    9: np.int64, 10: np.bool_, 17: np.uint16, 18: np.complex128, 19: np.float16, 22: np.uint32, 23: np.uint64,
}  # fmt: skip
_NUMBERS = {np.dtype(dtype): number for number, dtype in _DTYPES.items()}
_STRING, _STRING_BYTES = 7, 24  # a TF_TString is 24 bytes long
_MOST_REPEATS = 100
# A ConfigProto: graph_options { rewrite_options { disable_meta_optimizer: true } }.
_NO_REWRITES = bytes([0x52, 5, 0x52, 3, 0x98, 0x01, 0x01])
_CODES = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
]  # fmt: skip
_RETURNS = {  # of the C functions; what is not listed returns nothing
    "TF_NewStatus": ctypes.c_void_p,
    "TF_GetCode": ctypes.c_int,
    "TF_Message": ctypes.c_char_p,
    "TF_NewGraph": ctypes.c_void_p,
    "TF_NewSessionOptions": ctypes.c_void_p,
    "TF_LoadSessionFromSavedModel": ctypes.c_void_p,
    "TF_GraphOperationByName": ctypes.c_void_p,
    "TF_AllocateTensor": ctypes.c_void_p,
    "TF_TensorData": ctypes.c_void_p,
    "TF_TensorByteSize": ctypes.c_size_t,
    "TF_TensorType": ctypes.c_int,
    "TF_NumDims": ctypes.c_int,
    "TF_Dim": ctypes.c_int64,
    "TF_StringGetDataPointer": ctypes.c_void_p,
    "TF_StringGetSize": ctypes.c_size_t,
}


class _Output(ctypes.Structure):
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


class _Library:
    """The functions of the C API, from the libraries of the TensorFlow wheel."""

    def __init__(self, folder: Path):
        # Not RTLD_GLOBAL: the two libraries define some symbols twice.
        self._libraries = [ctypes.CDLL(self._find(folder, name)) for name in ("framework", "cc")]

    @staticmethod
    def _find(folder: Path, name: str) -> str:
        found = sorted(folder.glob(f"libtensorflow_{name}*"))
        if not found:
            raise RuntimeError(f"UNIMPLEMENTED: this TensorFlow has no libtensorflow_{name} in {folder}")
        return str(found[0])

    def __getattr__(self, name: str) -> Any:
        function = next(
            getattr(library, name) for library in reversed(self._libraries) if hasattr(library, name)
        )
        function.restype = _RETURNS.get(name)
        setattr(self, name, function)
        return function


class Session:
    """A SavedModel in a session.

    Args:
        model: the version folder.
        library: the folder of TensorFlow's C libraries.
        rewrites: whether TensorFlow may rewrite the graph before its first run, as in a server.

    Raises:
        RuntimeError: if the model cannot be loaded.
    """

    def __init__(self, model: Path, library: Path, rewrites: bool = True):
        self._c = _Library(library)
        self._status = ctypes.c_void_p(self._c.TF_NewStatus())
        self._graph = ctypes.c_void_p(self._c.TF_NewGraph())
        tags = (ctypes.c_char_p * 1)(b"serve")
        options = ctypes.c_void_p(self._c.TF_NewSessionOptions())
        if not rewrites:
            self._c.TF_SetConfig(options, _NO_REWRITES, ctypes.c_size_t(len(_NO_REWRITES)), self._status)
            self._check()
        session = self._c.TF_LoadSessionFromSavedModel(
            options, None, str(model).encode(), tags, 1, self._graph, None, self._status
        )
        self._check()
        self._session = ctypes.c_void_p(session)

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> list[np.ndarray]:
        """Feeds tensors by name and returns the fetched ones; raises RuntimeError if an op fails."""
        values = [self._to_tensor(value) for value in feeds.values()]
        answers = (ctypes.c_void_p * len(fetches))()
        try:
            self._c.TF_SessionRun(
                self._session, None,
                self._outputs(feeds), (ctypes.c_void_p * len(values))(*values), len(values),
                self._outputs(fetches), answers, len(fetches),
                None, 0, None, self._status,
            )  # fmt: skip
            self._check()
            return [self._to_array(ctypes.c_void_p(answer)) for answer in answers]
        finally:
            for value in (*values, *filter(None, answers)):
                self._c.TF_DeleteTensor(ctypes.c_void_p(value))

    def _outputs(self, names: Iterable[str]) -> ctypes.Array:
        outputs = []
        for name in names:
            operation, _, index = name.partition(":")
            found = self._c.TF_GraphOperationByName(self._graph, operation.encode())
            if not found:
                raise RuntimeError(f"INVALID_ARGUMENT: the graph has no tensor {name}")
            outputs.append(_Output(found, int(index or 0)))
        return (_Output * len(outputs))(*outputs)

    def _check(self) -> None:
        code = self._c.TF_GetCode(self._status)
        if code:
            name = _CODES[code] if code < len(_CODES) else str(code)
            raise RuntimeError(f"{name}: {self._c.TF_Message(self._status).decode(errors='replace')}")

    def _to_tensor(self, array: np.ndarray) -> int:
        strings = array.dtype.kind in "SO"
        number = _STRING if strings else _NUMBERS.get(array.dtype)
        if number is None:
            raise RuntimeError(f"UNIMPLEMENTED: {array.dtype} cannot be fed")
        size = array.size * _STRING_BYTES if strings else array.nbytes
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        tensor = self._c.TF_AllocateTensor(number, dims, array.ndim, ctypes.c_size_t(size))
        data = self._c.TF_TensorData(ctypes.c_void_p(tensor))
        if not strings:
            ctypes.memmove(data, np.ascontiguousarray(array).ctypes.data, size)
            return tensor
        for index, item in enumerate(array.ravel().tolist()):
            place = ctypes.c_void_p(data + index * _STRING_BYTES)
            self._c.TF_StringInit(place)
            self._c.TF_StringCopy(place, ctypes.c_char_p(item), ctypes.c_size_t(len(item)))
        return tensor

    def _to_array(self, tensor: ctypes.c_void_p) -> np.ndarray:
        number = self._c.TF_TensorType(tensor)
        shape = [self._c.TF_Dim(tensor, axis) for axis in range(self._c.TF_NumDims(tensor))]
        data = self._c.TF_TensorData(tensor)
        if number == _STRING:
            places = [ctypes.c_void_p(data + index * _STRING_BYTES) for index in range(int(np.prod(shape)))]
            items = [
                ctypes.string_at(self._c.TF_StringGetDataPointer(place), self._c.TF_StringGetSize(place))
                for place in places
            ]
            return np.array(items, dtype=bytes).reshape(shape)
        if number not in _DTYPES:
            raise RuntimeError(f"UNIMPLEMENTED: an output has the TF_DataType {number}, which numpy lacks")
        raw = ctypes.string_at(data, self._c.TF_TensorByteSize(tensor)) if data else b""
        return np.frombuffer(raw, _DTYPES[number]).reshape(shape)


_PR_SET_PDEATHSIG, _SIGKILL = 1, 9


def end_with(parent: int) -> None:
    """Ends this process as soon as the one that started it has ended, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:  # it ended before we asked for that
        sys.exit("The process that started this one has ended.")


def main(folder: Path, parent: int) -> None:
    """Carries out ``orders.json`` with ``arrays.npz``, and writes ``report.json`` with ``answers.npz``."""
    end_with(parent)
    orders = json.loads((folder / "orders.json").read_text())
    values = dict(np.load(folder / "arrays.npz"))  # what may be fed: given arrays, and answers as they come
    given = set(values)
    report: dict[str, Any] = {"load_error": None, "errors": [], "seconds": []}
    try:
        session = Session(Path(orders["model"]), Path(orders["library"]), orders["rewrites"])
    except RuntimeError as error:
        report["load_error"] = str(error)
    else:
        for number, call in enumerate(orders["calls"]):
            error_text, seconds = _carry_out(
                session, orders["signatures"][call["signature"]], number, call, values
            )
            report["errors"].append(error_text)
            report["seconds"].append(seconds)
    report["imported_tensorflow"] = "tensorflow" in sys.modules
    answers = {key: value for key, value in values.items() if key not in given}
    np.savez(folder / "answers.npz", **answers)  # type: ignore[arg-type]
    (folder / "report.json").write_text(json.dumps(report))


def _carry_out(
    session: Session,
    signature: dict[str, Any],
    number: int,
    call: dict[str, Any],
    values: dict[str, np.ndarray],
) -> tuple[str | None, float | None]:
    """Makes a call, adds its answer to `values`, and returns its error and its median seconds."""
    names, tensors = list(signature["outputs"]), list(signature["outputs"].values())
    seconds: list[float] = []
    try:
        feeds = {signature["inputs"][name]: _value(feed, values) for name, feed in call["feeds"].items()}
        answer = session.run(feeds, tensors)
        until = time.perf_counter() + call["time_for"]
        while time.perf_counter() < until and len(seconds) < _MOST_REPEATS:
            started = time.perf_counter()
            session.run(feeds, tensors)
            seconds.append(time.perf_counter() - started)
    except (RuntimeError, ValueError) as error:
        return str(error), None
    values.update({f"{number}/{name}": array for name, array in zip(names, answer, strict=True)})
    return None, float(np.median(seconds)) if seconds else None


def _value(feed: str | list[str], values: dict[str, np.ndarray]) -> np.ndarray:
    if isinstance(feed, list):
        return np.concatenate([_value(part, values) for part in feed])
    if feed not in values:
        raise RuntimeError(f"ABORTED: needs the answer {feed}, and that call failed")
    return values[feed]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
