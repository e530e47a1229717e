"""Writes what can be served as a SavedModel: pure named signatures, a model card, and warm-up requests."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.atomic import check_free, new_folder, write_text
from tfmeta.core.cards import CARD_FILE, Card
from tfmeta.core.checks import TfmetaError, check
from tfmeta.core.graph_checks import check_answer
from tfmeta.core.warmup import WARMUP_FILE, write_requests

__all__ = ["GOLDEN_FILE", "Servable", "Signature", "export", "variables_of"]

GOLDEN_FILE = "assets.extra/golden.npz"
"""Where an artefact keeps the answers that its warm-up requests got before saving, by ``signature/output``."""


@dataclasses.dataclass(frozen=True)
class Signature:
    """A pure function that can be asked for by name.

    Attributes:
        function: takes tensors by the names of `inputs`, and returns a dict of tensors. State goes in and
            comes out; nothing is kept between calls. An argument with a Tensor default may be left out by a
            client; ``**keywords`` are those of `inputs` that the function does not name.
        inputs: names, shapes and types of the inputs. With a leading dimension of None on every input and
            output, TF Serving may merge requests.
        example: one request, which becomes the warm-up request.
    """

    function: Callable[..., Mapping[str, tf.Tensor]]
    inputs: tuple[tf.TensorSpec, ...]
    example: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Servable:
    """Everything that makes an artefact.

    Attributes:
        name: name of the model, as clients ask for it.
        signatures: the signatures by name, one of them ``serving_default``. One `Signature` may have two
            names.
        card: the model card.
        extras: further files of ``assets.extra/``, texts by their names.
    """

    name: str
    signatures: Mapping[str, Signature]
    card: Card
    extras: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check(
            re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name) is not None,
            f"name={self.name!r}; expected letters, digits, '_', '.' and '-', since it names a folder.",
        )
        check(
            "serving_default" in self.signatures,
            f"the signatures are {sorted(self.signatures)}; one of them must be called 'serving_default'.",
        )
        for key, signature in self.signatures.items():
            names = sorted(spec.name or "" for spec in signature.inputs)
            example = sorted(signature.example)
            check(
                names == example, f"signature {key!r} has the inputs {names}, but its example has {example}."
            )


def export(servable: Servable, root: str | Path, *, version: int = 1, overwrite: bool = False) -> Path:
    """Writes ``<root>/<name>/<version>/``, whole or not at all.

    Args:
        servable: what to write.
        root: the folder of all models.
        version: a positive integer; TF Serving serves the highest.
        overwrite: replaces a version that exists. A running server does not notice: give it a new one
            instead.

    Returns:
        The folder of the version.

    Raises:
        TfmetaError: if the version exists, or the folder cannot be written; nothing is then left behind.

    Example:
        >>> import tempfile
        >>> double = Signature(
        ...     lambda x: {"y": 2.0 * x}, (tf.TensorSpec([None], name="x"),), {"x": np.ones(1, np.float32)})
        >>> servable = Servable("double", {"serving_default": double}, Card("Doubles."))
        >>> export(servable, tempfile.mkdtemp()).name
        '1'
    """
    check(version >= 1, f"version={version}; expected a positive integer.")
    folder = Path(root).expanduser() / servable.name / str(version)
    if not overwrite:
        check_free(folder)
    functions = _functions(servable)
    module = tf.Module()
    # The bare tf.Variables. Through a Keras model they are saved under names that TF Serving does not find.
    module.state = _variables(functions.values())
    golden = {
        f"{key}/{output}": _plain(value)
        for key, signature in servable.signatures.items()
        for output, value in functions[key](**_tensors(signature)).items()
    }
    card = dataclasses.replace(
        servable.card,
        name=servable.name,
        version=version,
        signatures={key: _shapes(function) for key, function in functions.items()},
    )
    requests = [(key, signature.example) for key, signature in servable.signatures.items()]

    try:
        with new_folder(folder, overwrite=overwrite) as temporary:
            tf.saved_model.save(module, str(temporary), signatures=functions)
            (temporary / "assets.extra").mkdir()
            write_requests(temporary / WARMUP_FILE, servable.name, requests)
            np.savez(temporary / GOLDEN_FILE, **golden)  # type: ignore[arg-type]
            for name, text in servable.extras.items():
                write_text(temporary / "assets.extra" / name, text)
            card.write(temporary / CARD_FILE)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise TfmetaError(
            f"{folder} cannot be written: {reason}. Free some space or choose a folder that may be written;"
            " nothing was left behind."
        ) from error
    return folder


def variables_of(servable: Servable) -> list[tf.Variable]:
    """Returns the variables that an exported servable keeps, in the order of its ``state``."""
    return _variables(_functions(servable).values())


def _functions(servable: Servable) -> dict[str, Any]:
    """Makes a `tf.function` of every signature; one with two names is traced once."""
    functions = {id(signature): _function(signature) for signature in servable.signatures.values()}
    return {key: functions[id(signature)] for key, signature in servable.signatures.items()}


def _function(signature: Signature) -> Any:
    """Makes a `tf.function` of a signature that only calls a trace made here.

    Saving traces each function again, which would double the work. The trace itself is not saved, since it has lost the
    Tensor defaults of the function.
    """
    function = _finite(_named(signature))
    traced = tf.function(function, input_signature=signature.inputs, autograph=False).get_concrete_function()

    @functools.wraps(function)
    def call(*args: tf.Tensor, **keywords: tf.Tensor) -> Mapping[str, tf.Tensor]:
        return traced(*args, **keywords)

    return tf.function(call, input_signature=signature.inputs, autograph=False)


def _finite(function: Callable[..., Mapping[str, tf.Tensor]]) -> Callable[..., Mapping[str, tf.Tensor]]:
    @functools.wraps(function)
    def call(*args: tf.Tensor, **keywords: tf.Tensor) -> Mapping[str, tf.Tensor]:
        return check_answer(function(*args, **keywords))

    return call


def _named(signature: Signature) -> Callable[..., Mapping[str, tf.Tensor]]:
    """Returns the function; one that takes any keywords gets the arguments that `tf.function` is to see."""
    function = signature.function
    kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        return function
    names = [spec.name for spec in signature.inputs]

    def call(*args: tf.Tensor, **keywords: tf.Tensor) -> Mapping[str, tf.Tensor]:
        return function(**dict(zip(names, args, strict=False)), **keywords)

    named = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    call.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    return call


def _plain(value: tf.Tensor) -> np.ndarray:
    return np.asarray(value).astype(bytes) if value.dtype == tf.string else value.numpy()


def _tensors(signature: Signature) -> dict[str, tf.Tensor]:
    return {spec.name: tf.constant(signature.example[spec.name], spec.dtype) for spec in signature.inputs}


def _variables(functions: Iterable[Any]) -> list[tf.Variable]:
    """Returns the variables that the functions read; what else a model has, for its training, stays behind."""
    read = {
        variable.ref(): variable
        for function in functions
        for variable in function.get_concrete_function().variables
    }
    return sorted(read.values(), key=lambda variable: variable.name)


def _shapes(function: Any) -> dict[str, dict[str, dict[str, Any]]]:
    def describe(specs: Mapping[str, tf.TensorSpec]) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "dtype": spec.dtype.name,
                "shape": spec.shape.as_list() if spec.shape.rank is not None else None,
            }
            for name, spec in sorted(specs.items())
        }

    outputs = function.get_concrete_function().structured_outputs
    return {
        "inputs": describe({spec.name: spec for spec in function.input_signature}),
        "outputs": describe(outputs),
    }
