"""One SavedModel, loaded and run as TF Serving does: a graph, a session, and a call by signature.

Not `tf.saved_model.load`: that restores Python objects and runs where TF Serving would fail, for instance on
a variable that only Keras knows.
"""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.saved_model import loader_impl

from tfmeta.serving import tensors, wire
from tfmeta.serving.errors import ModelLoadError, ServingError, invalid_argument

__all__ = ["DEFAULT_SIGNATURE", "Engine", "Signature"]

DEFAULT_SIGNATURE = "serving_default"


class Engine:
    """A SavedModel in a session of its own.

    Safe to call from any number of threads.

    Args:
        path: The version directory, which holds `saved_model.pb`.
        name: What the model is called in error messages.
        intra_op_parallelism: Cores that one op may use; 0 for all. One is best for small models, whose
            arithmetic takes less time than sharing it out, and for many requests at a time. TensorFlow keeps
            the first choice of a process, that of its eager mode included.

    Raises:
        ModelLoadError: It is no SavedModel, or does not load in a session.

    Example:
        >>> engine = Engine("saved_models/maml_sinusoid/1")  # doctest: +SKIP
        >>> engine.run("adapt", {"support_x": x, "support_y": y})["task_state"].shape  # doctest: +SKIP
        (1, 1761)
    """

    def __init__(self, path: str | Path, name: str | None = None, *, intra_op_parallelism: int = 1):
        path = Path(path)
        name = name or path.parent.name
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=_config(intra_op_parallelism))
        try:
            _check_files(path)
            # What tf.compat.v1.saved_model.loader.load calls, without its advice to use tf.saved_model.load.
            meta_graph = loader_impl.SavedModelLoader(str(path)).load(self._session, [tf.saved_model.SERVING])
        except (tf.errors.OpError, OSError, RuntimeError, ValueError, KeyError) as error:
            self._session.close()
            raise ModelLoadError(name, str(path), *_reason(error)) from error
        self.signature_defs: dict[str, wire.Message] = {
            key: wire.SignatureDef.FromString(signature.SerializeToString())
            for key, signature in meta_graph.signature_def.items()
        }
        self._signatures = {
            key: Signature(self._session, definition) for key, definition in self.signature_defs.items()
        }

    def signature(self, key: str) -> "Signature":
        """The signature of that name; the empty name is `serving_default`.

        Raises:
            ServingError: FAILED_PRECONDITION, there is none.
        """
        key = key or DEFAULT_SIGNATURE
        if key not in self._signatures:
            raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{key}" not found.')
        return self._signatures[key]

    def run(
        self,
        signature_key: str,
        inputs: Mapping[str, "np.ndarray | wire.Message"],
        output_filter: Iterable[str] = (),
    ) -> dict[str, np.ndarray]:
        """Answers one request.

        Args:
            signature_key: Name of the signature; empty for `serving_default`.
            inputs: A TensorProto (or an array) for each input of the signature.
            output_filter: Names of the wanted outputs; none means all.

        Returns:
            The wanted outputs by name.

        Raises:
            ServingError: The request does not fit the signature, or an op failed.
        """
        return self.signature(signature_key).run(inputs, output_filter)

    def close(self) -> None:
        """Frees the session and its variables."""
        self._session.close()


class Signature:
    """A named function of a model: checks a request in TF Serving's order, then runs it.

    Args:
        session: The session that holds the model's graph and variables.
        definition: The SignatureDef.
    """

    def __init__(self, session: tf.compat.v1.Session, definition: wire.Message):
        self._session = session
        self._inputs = dict(sorted(definition.inputs.items()))
        self._outputs = dict(sorted(definition.outputs.items()))
        self._defaults = dict(definition.defaults)
        self._callable = functools.lru_cache(maxsize=64)(self._make_callable)

    def run(
        self, inputs: Mapping[str, "np.ndarray | wire.Message"], output_filter: Iterable[str] = ()
    ) -> dict[str, np.ndarray]:
        """Answers one request; see `Engine.run`."""
        self._check_size(inputs)
        feeds = [self._feed(alias, inputs) for alias in self._inputs]
        self._check_names(inputs)
        wanted = self._wanted(output_filter)
        try:
            run = self._callable(wanted)  # fails for an output that the graph lacks, so inside the try
            self._check_dtypes(feeds)
            return dict(zip(wanted, run(*feeds), strict=True))
        except tf.errors.OpError as error:
            raise ServingError(_code_name(error), error.message) from error

    def _check_size(self, inputs: Mapping) -> None:
        sent, expected = set(inputs), set(self._inputs)
        if len(sent) == len(expected) or (len(sent) < len(expected) and self._defaults):
            return
        raise invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(expected)} "
            f"len({_braced(sent)}) != len({_braced(expected)}). "
            f"Sent extra: {_braced(sent - expected)}. Missing but required: {_braced(expected - sent)}."
        )

    def _feed(self, alias: str, inputs: Mapping) -> np.ndarray:
        value = inputs.get(alias)
        if value is None:
            value = self._defaults.get(alias)
        if value is None:
            raise invalid_argument(
                f"Signature input alias: {alias}(feed name: {self._inputs[alias].name}) not found in request "
                f"and no default value provided. Inputs expected to be in the request {_braced(inputs)}, "
                f"or default input alias set: {','.join(sorted(self._defaults))}"
            )
        if isinstance(value, np.ndarray):
            return value
        try:
            return tensors.to_array(value)
        except tensors.TensorError as error:
            raise invalid_argument(f"tensor parsing error: {alias}") from error

    def _check_names(self, inputs: Mapping) -> None:
        used = set(inputs) & set(self._inputs)
        if len(used) != len(inputs):
            raise invalid_argument(
                f"Inputs contains invalid name. Used request inputs: {','.join(sorted(used))}, "
                f"request input: {','.join(sorted(inputs))}"
            )

    def _wanted(self, output_filter: Iterable[str]) -> tuple[str, ...]:
        seen: list[str] = []
        for alias in output_filter:
            if alias not in self._outputs:
                raise invalid_argument(
                    f"output tensor alias not found in signature: {alias} "
                    f"Outputs expected to be in the set {_braced(self._outputs)}."
                )
            if alias in seen:
                raise invalid_argument(f"duplicate output tensor alias: {alias}")
            seen.append(alias)
        return tuple(sorted(seen)) or tuple(self._outputs)

    def _check_dtypes(self, feeds: list[np.ndarray]) -> None:
        for index, (value, info) in enumerate(zip(feeds, self._inputs.values(), strict=True)):
            sent = tensors.dtype_name(value)
            expected = tensors.DTYPE_NAMES.get(info.dtype)
            if sent != expected:
                raise invalid_argument(f"Expects arg[{index}] to be {expected} but {sent} is provided")

    def _make_callable(self, wanted: tuple[str, ...]):
        options = config_pb2.CallableOptions(
            feed=[info.name for info in self._inputs.values()],
            fetch=[self._outputs[alias].name for alias in wanted],
        )
        # The request's own thread runs the graph: handing each op to a pool costs more than a small model's
        # arithmetic, and under load the pool is busy anyway.
        options.run_options.inter_op_thread_pool = -1
        return self._session._make_callable_from_options(options)


def _config(intra_op_parallelism: int) -> config_pb2.ConfigProto:
    config = config_pb2.ConfigProto(intra_op_parallelism_threads=intra_op_parallelism)
    # Unrolled gradient steps make graphs of thousands of nodes. Folding constants in them, and a second round
    # of rewriting, take more than half of the time until the first answer; later ones come no sooner for it.
    rewrites = config.graph_options.rewrite_options
    rewrites.constant_folding = rewriter_config_pb2.RewriterConfig.OFF
    rewrites.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    return config


def _braced(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _code_name(error: tf.errors.OpError) -> str:
    return next((name for name, number in wire.Code.items() if number == error.error_code), "UNKNOWN")


def _check_files(path: Path) -> None:
    if not any((path / file).is_file() for file in ("saved_model.pb", "saved_model.pbtxt")):
        raise FileNotFoundError(
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}"
        )


def _reason(error: Exception) -> tuple[str, str]:
    """Why a SavedModel did not load, and the status that TF Serving would give that."""
    if isinstance(error, tf.errors.OpError):
        return error.message, _code_name(error)
    if isinstance(error, OSError):
        return str(error), "NOT_FOUND" if isinstance(error, FileNotFoundError) else "DATA_LOSS"
    return str(error) or type(error).__name__, "UNKNOWN"
