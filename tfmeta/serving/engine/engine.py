"""One SavedModel, loaded and run as TF Serving does: a graph, a session, and calls by the names of tensors.

Not `tf.saved_model.load`: that restores Python objects and runs where TF Serving would fail, for instance on
a variable that only Keras knows.
"""

import functools
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.saved_model import loader_impl

from tfmeta import wire
from tfmeta.serving.call import current_call
from tfmeta.serving.engine.memory import Claim, Growth, Memory, array_bytes
from tfmeta.serving.engine.session import Route
from tfmeta.serving.engine.signature import DEFAULT_SIGNATURE, Signature
from tfmeta.serving.errors import ModelLoadError, ServingError, invalid_argument

__all__ = ["Engine"]

_LONG_SECONDS = 0.05  # a run that takes longer is given a time-out


class Engine:
    """A SavedModel in a session of its own.

    Safe to call from any number of threads.

    Args:
        path: The version directory, which holds `saved_model.pb`.
        name: What the model is called in error messages.
        intra_op_parallelism: Cores that one op may use; 0 for all. One is best for small models, whose
            arithmetic takes less time than sharing it out, and for many requests at a time. TensorFlow keeps
            the first choice of a process, that of its eager mode included.
        strict_shapes: Refuse an input whose shape does not fit its signature. TF Serving does not look at
            shapes: it runs the graph, which then fails in its own words, or answers all the same.
        memory: What requests may take, shared with other models; None for the usual limit and nobody to share it with.

    Raises:
        ModelLoadError: It is no SavedModel, or does not load in a session.

    Example:
        >>> engine = Engine("saved_models/maml_sinusoid/2")  # doctest: +SKIP
        >>> engine.run("adapt", {"support_x": x, "support_y": y})["task_state"].shape  # doctest: +SKIP
        (1, 1761)
    """

    def __init__(
        self,
        path: str | Path,
        name: str | None = None,
        *,
        intra_op_parallelism: int = 1,
        strict_shapes: bool = False,
        memory: Memory | None = None,
    ):
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
            key: Signature(definition, strict_shapes) for key, definition in self.signature_defs.items()
        }
        self._memory = memory or Memory()
        self._growths: dict[str, Growth] = {}
        self._routes = functools.lru_cache(maxsize=256)(self._prepare)

    def signature(self, key: str) -> Signature:
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
        signature = self.signature(signature_key)
        claimed = signature.claimed(inputs)
        growth = self._growths.setdefault(signature_key or DEFAULT_SIGNATURE, Growth())
        with self._memory.hold(self._memory.needed(claimed, growth)) as held:
            values = signature.values(inputs)
            wanted = signature.wanted(output_filter)
            signature.check(values)
            fetches = tuple(signature.outputs[alias] for alias in wanted)
            outputs = self.call(signature.feeds, fetches, values, (growth, claimed))
            held.resize(array_bytes(outputs))
        return dict(zip(wanted, outputs, strict=True))

    def call(
        self,
        feeds: tuple[str, ...],
        fetches: tuple[str, ...],
        values: Sequence[np.ndarray],
        measured: tuple[Growth, Claim] | None = None,
    ) -> list[np.ndarray]:
        """Runs the part of the graph that leads to some tensors.

        Args:
            feeds: Names of the tensors that are given.
            fetches: Names of the tensors that are wanted.
            values: An array for each of `feeds`, of its very type.
            measured: What is to learn how much memory the run takes, and what the inputs take.

        Returns:
            An array for each of `fetches`.

        Raises:
            ServingError: An op failed, or the graph has no such tensor.
        """
        call = current_call()
        call.check()
        try:
            route = self._routes(feeds, fetches)
            began = time.monotonic()
            if measured is not None and measured[0].is_new(measured[1]):
                outputs, peak = route.measure(values)
                if peak is not None:
                    measured[0].learn(measured[1], peak + array_bytes(outputs))
            else:
                outputs = route.run(values, call.left if route.seconds > _LONG_SECONDS else math.inf)
            route.seconds = time.monotonic() - began
            call.check()  # a straight graph runs to its end; what it gave is not written for nobody
            return outputs
        except UnicodeDecodeError as error:  # the words of a failed op quote an input that is no UTF-8
            raise invalid_argument(error.object.decode(errors="replace")) from None
        except tf.errors.OpError as error:
            call.check()
            raise ServingError(_code_name(error), error.message) from error

    def close(self) -> None:
        """Frees the session and its variables."""
        self._session.close()

    def _prepare(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> Route:
        return Route(self._session, feeds, fetches)


def _config(intra_op_parallelism: int) -> config_pb2.ConfigProto:
    config = config_pb2.ConfigProto(intra_op_parallelism_threads=intra_op_parallelism)
    # Unrolled gradient steps make graphs of thousands of nodes. Folding constants in them, and a second round
    # of rewriting, take more than half of the time until the first answer; later ones come no sooner for it.
    rewrites = config.graph_options.rewrite_options
    rewrites.constant_folding = rewriter_config_pb2.RewriterConfig.OFF
    rewrites.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    return config


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
