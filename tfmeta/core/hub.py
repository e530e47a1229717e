"""Finds trained models by name and loads them: `tfmeta.load("prototypical_omniglot")`."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.quiet import no_warnings_logged
from tfmeta.paths import model_folders

__all__ = ["LoadedModel", "find_model", "list_models", "load"]


class LoadedModel:
    """An artefact in Python: each signature is a method that takes numpy arrays and returns a dict of them.

    Inputs and outputs are as served, with a leading dimension of tasks. Calling the model asks its
    ``serving_default``.

    Args:
        path: a version folder.

    Attributes:
        path: that folder.
        signatures: names of the signatures.

    Raises:
        TfmetaError: if it is no complete SavedModel.

    Example:
        >>> model = load("prototypical_omniglot")  # doctest: +SKIP
        >>> state = model.adapt(support_x=drawings[None], support_y=[[0, 1, 2, 3, 4]])  # doctest: +SKIP
        >>> model.predict(**state, query_x=sixth[None])["labels"]  # doctest: +SKIP
        array([[3]])
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._module, self._defaults = _load(self.path)
        self._functions: Mapping[str, Any] = dict(self._module.signatures)
        self.signatures = tuple(sorted(self._functions))

    @functools.cached_property
    def card(self) -> Card:
        """The model card."""
        return Card.read(self.path)

    def __call__(self, **inputs: Any) -> dict[str, np.ndarray]:
        return self.ask("serving_default", inputs)

    def __getattr__(self, key: str) -> Callable[..., dict[str, np.ndarray]]:
        if key.startswith("_"):  # asked for by Python itself, perhaps before __init__
            raise AttributeError(key)
        if key not in self._functions:
            raise AttributeError(f"{self.path} has no signature {key!r}. {nearest(key, self.signatures)}")
        return lambda **inputs: self.ask(key, inputs)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.signatures})

    def __repr__(self) -> str:
        return f"LoadedModel({str(self.path)!r}, signatures={', '.join(self.signatures)})"

    def ask(self, key: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Asks the signature `key`.

        Raises:
            TfmetaError: if the inputs do not fit it.
        """
        import tensorflow as tf

        if key not in self._functions:
            raise TfmetaError(f"{self.path} has no signature {key!r}. {nearest(key, self.signatures)}")
        function = self._functions[key]
        specs = function.structured_input_signature[1]
        unknown = sorted(set(inputs) - set(specs))
        if unknown:
            raise TfmetaError(f"{key} has no input {unknown[0]!r}. {nearest(unknown[0], specs)}")
        inputs = {**self._defaults[key], **inputs}
        missing = sorted(set(specs) - set(inputs))
        if missing:
            raise TfmetaError(
                f"{key} was asked without {', '.join(missing)}; it takes {', '.join(sorted(specs))}."
            )
        tensors = {name: _tensor(key, specs[name], value) for name, value in inputs.items()}
        try:
            outputs = function(**tensors)
        except tf.errors.OpError as error:
            raise TfmetaError(f"{key}: {_reason(error)}") from error
        return {name: value.numpy() for name, value in outputs.items()}


def load(name: str | Path, version: int | None = None) -> LoadedModel:
    """Loads a trained model.

    Args:
        name: name of a model in the search path (see `tfmeta.paths.model_folders`), or a folder.
        version: its version; the highest unless given.

    Returns:
        The model, each of its signatures a method.

    Raises:
        TfmetaError: if there is no such model, or it cannot be loaded.

    Example:
        >>> load("prototypical_omniglot").card.summary  # doctest: +SKIP
        'Tells handwritten characters apart that it has seen once ...'
    """
    return LoadedModel(find_model(name, version))


def list_models() -> dict[str, list[Path]]:
    """Lists the models of the search path: version folders by name, the highest version last.

    A name that is in several folders counts in the first.
    """
    models: dict[str, list[Path]] = {}
    for root in model_folders():
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            versions = _versions(folder)
            if versions:
                models.setdefault(folder.name, versions)
    return models


def find_model(name: str | Path, version: int | None = None) -> Path:
    """Returns the version folder of a model; see `load`."""
    models = list_models()
    if isinstance(name, str) and name in models:
        return _choose(name, models[name], version)
    path = Path(name).expanduser()
    if (path / "saved_model.pb").is_file():
        return path
    if path.is_dir():
        versions = _versions(path)
        if not versions:
            raise TfmetaError(
                f"{path} is no SavedModel: it holds neither saved_model.pb nor numbered versions."
            )
        return _choose(str(name), versions, version)
    if isinstance(name, Path) or os.sep in name:
        raise TfmetaError(f"There is no folder {path}; expected a SavedModel, or the folder of its versions.")
    searched = ", ".join(map(str, model_folders())) or "no folder; set TFMETA_MODELS to one"
    raise TfmetaError(f"There is no model {name!r}. {nearest(name, models)} Searched: {searched}.")


def _versions(folder: Path) -> list[Path]:
    numbered = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    return sorted(numbered, key=lambda path: int(path.name))


def _choose(name: str, versions: list[Path], version: int | None) -> Path:
    if version is None:
        return versions[-1]
    for path in versions:
        if int(path.name) == version:
            return path
    known = ", ".join(path.name for path in versions)
    raise TfmetaError(f"{name} has no version {version}; it has {known}.")


def _load(path: Path) -> tuple[Any, dict[str, dict[str, np.ndarray]]]:
    """Loads a SavedModel, and the values of inputs that may be left out, which TensorFlow forgets."""
    import tensorflow as tf

    from tfmeta.core.saved_model import defaults_of, read_graph, signatures_of

    signatures = signatures_of(read_graph(path))
    try:
        with no_warnings_logged():  # of gradients that are not saved: a served model is asked for none
            module = tf.saved_model.load(str(path))
    except Exception as error:  # What a damaged file raises depends on where the damage is.
        reason = _reason(error)
        raise TfmetaError(
            f"{path} is no complete SavedModel: {reason} Export it again, or copy it whole."
        ) from error
    return module, {key: defaults_of(signature) for key, signature in signatures.items()}


def _tensor(key: str, spec: Any, value: Any) -> Any:
    import tensorflow as tf

    try:
        array = np.asarray(value, spec.dtype.as_numpy_dtype)
    except (TypeError, ValueError) as error:
        raise TfmetaError(f"{key}: {spec.name} cannot be read as {spec.dtype.name}: {error}.") from error
    if not spec.shape.is_compatible_with(array.shape):
        wanted = ", ".join("any" if size is None else str(size) for size in spec.shape)
        raise TfmetaError(f"{key}: {spec.name} has the shape {list(array.shape)}, expected [{wanted}].")
    return tf.constant(array, spec.dtype)


def _reason(error: Exception) -> str:
    """The one line of a TensorFlow error that is meant for its reader."""
    text = getattr(error, "message", None) or str(error) or repr(error)
    line = next((line for line in text.splitlines() if "assertion failed: [" in line), text.splitlines()[0])
    if "assertion failed: [" in line:
        line = line.split("assertion failed: [", 1)[1].rsplit("]", 1)[0]
    line = line.strip()
    return line if line.endswith(".") else f"{line}."
