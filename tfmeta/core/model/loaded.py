"""A trained model in this process."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model.few_shot import FewShotView
from tfmeta.core.model.model import Answer, Model
from tfmeta.core.model.specs import SignatureSpec
from tfmeta.core.quiet import no_warnings_logged

__all__ = ["LoadedModel"]


class LoadedModel(Model):
    """An artefact in Python: each signature is a method that takes numpy arrays and returns a dict of them.

    Inputs and outputs are as served, with a leading dimension of tasks. Calling the model asks its
    ``serving_default``.

    Args:
        path: a version folder.

    Attributes:
        path: that folder.

    Raises:
        TfmetaError: if it is no complete SavedModel.

    Example:
        >>> model = load("prototypical_omniglot")  # doctest: +SKIP
        >>> state = model.adapt(support_x=drawings[None], support_y=[[0, 1, 2, 3, 4]])  # doctest: +SKIP
        >>> model.predict(**state, query_x=sixth[None])["labels"]  # doctest: +SKIP
        array([[3]])
        >>> model.few_shot().adapt(drawings, list("abcde")).predict(sixth)["names"]  # doctest: +SKIP
        array(['d'], dtype='<U1')
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._module, self._signatures, self._defaults = _load(self.path)
        self._functions: Mapping[str, Any] = dict(self._module.signatures)

    @property
    def name(self) -> str:
        """Name of the model: that of the folder of its versions, or of its own folder where that is no number."""
        path = self.path.absolute()
        return path.parent.name if path.name.isdecimal() else path.name

    @property
    def signatures(self) -> Mapping[str, SignatureSpec]:
        """What each signature takes and gives, by its name."""
        return self._signatures

    @functools.cached_property
    def card(self) -> Card:
        """The model card."""
        return Card.read(self.path)

    def few_shot(self) -> FewShotView:
        """Returns a view of this model that adapts to tasks."""
        return FewShotView(self)

    def __repr__(self) -> str:
        return f"LoadedModel({str(self.path)!r}, signatures={', '.join(self.signatures)})"

    def ask(self, signature: str, inputs: Mapping[str, Any], *, timeout: float | None = None) -> Answer:
        """Asks a signature; see `Model.ask`.

        Raises:
            InputError: if there is no such signature, or the inputs do not fit it.
            TfmetaError: if the graph refuses them.
        """
        import tensorflow as tf

        arrays = {**self._defaults.get(signature, {}), **self.signature(signature).fit(inputs)}
        tensors = {name: tf.constant(array) for name, array in arrays.items()}
        try:
            outputs = self._functions[signature](**tensors)
        except tf.errors.OpError as error:
            raise TfmetaError(f"{signature}: {_reason(error)}") from error
        return {name: value.numpy() for name, value in outputs.items()}


def _load(path: Path) -> tuple[Any, dict[str, SignatureSpec], dict[str, dict[str, np.ndarray]]]:
    """Loads a SavedModel, and the values of inputs that may be left out, which TensorFlow forgets."""
    import tensorflow as tf

    from tfmeta.core.saved_model import defaults_of, read_graph, signatures_of

    definitions = signatures_of(read_graph(path))
    try:
        with no_warnings_logged():  # of gradients that are not saved: a served model is asked for none
            module = tf.saved_model.load(str(path))
    except Exception as error:  # What a damaged file raises depends on where the damage is.
        reason = _reason(error)
        raise TfmetaError(
            f"{path} is no complete SavedModel: {reason} Export it again, or copy it whole."
        ) from error
    specs = {name: SignatureSpec.of(name, definition) for name, definition in definitions.items()}
    return module, specs, {name: defaults_of(definition) for name, definition in definitions.items()}


def _reason(error: Exception) -> str:
    """The one line of a TensorFlow error that is meant for its reader."""
    text = getattr(error, "message", None) or str(error) or repr(error)
    lines = text.split("\n\t [[")[0].splitlines()  # what follows names the node
    reason = lines[-1 if lines[0] == "Graph execution error:" else 0]  # which stands behind where it happened
    line = next((line for line in text.splitlines() if "assertion failed: [" in line), reason)
    if "assertion failed: [" in line:
        line = line.split("assertion failed: [", 1)[1].rsplit("]", 1)[0]
    line = line.strip()
    return line if line.endswith(".") else f"{line}."
