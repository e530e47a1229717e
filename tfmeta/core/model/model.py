"""What every trained model can be asked, whether it is in this process or behind an endpoint."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.model.specs import InputError, SignatureSpec

__all__ = ["Answer", "Model", "Request", "describe_request", "find_signature", "read_card"]

Answer = dict[str, np.ndarray]


class Request(NamedTuple):
    """One question to a model, apart from how it gets there.

    Attributes:
        signature: which signature is asked.
        inputs: arrays by name.
        read: makes of the outputs what the caller asked for.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]
    read: Callable[[Answer], Any]


class Model(abc.ABC):
    """A trained model: each signature is a method that takes arrays by name and returns a dict of arrays.

    `tfmeta.load` gives one in this process, `tfmeta.serving.client.Client.model` one behind an endpoint. Both
    convert inputs to the types of the signature, and both check names, types and shapes before anything runs.
    Calling the model asks its ``serving_default``.

    Example:
        >>> def first_action(policy: Model):
        ...     state = policy.initial_state(batch=[0])
        ...     return policy.act(previous_action=[-1], previous_reward=[0], done=[False], seed=[0], **state)
    """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Name of the model."""

    @property
    @abc.abstractmethod
    def signatures(self) -> Mapping[str, SignatureSpec]:
        """What each signature takes and gives, by its name, in the order of the names."""

    @abc.abstractmethod
    def ask(self, signature: str, inputs: Mapping[str, Any], *, timeout: float | None = None) -> Answer:
        """Asks a signature.

        Args:
            signature: its name.
            inputs: arrays or nested lists by name, with the dimensions that the signature has.
            timeout: seconds to wait for a served model, None for the client's own. A model in this process
                takes the time that it takes.

        Returns:
            The outputs by name; strings as object arrays of bytes.

        Raises:
            InputError: if there is no such signature, or the inputs do not fit it.
            TfmetaError: if the model refuses them; from a served model a `ServingError`.
        """

    def __call__(self, **inputs: Any) -> Answer:
        """Asks ``serving_default``."""
        return self.ask("serving_default", inputs)

    @property
    def card(self) -> Card:
        """The model card.

        Raises:
            TfmetaError: if the model has none.
        """
        return read_card(self.name, self.describe())

    def describe(self, *, timeout: float | None = None, **inputs: Any) -> dict[str, Any]:
        """Returns the facts that the model carries: ``task``, ``ways``, ``input_shape``, ``card`` and so on.

        Args:
            timeout: see `ask`.
            inputs: none for the facts, text as str. ``rows=[0, 0]`` asks the signature as any other, and is
                answered by arrays with so many rows.

        Raises:
            InputError: if the model has no signature ``describe``.
        """
        if inputs:
            return self.ask("describe", inputs, timeout=timeout)
        request = describe_request(self.signature("describe"))
        return request.read(self.ask(request.signature, request.inputs, timeout=timeout))

    def signature(self, name: str) -> SignatureSpec:
        """Returns what a signature takes and gives.

        Raises:
            InputError: if there is none of this name.
        """
        return find_signature(self.name, self.signatures, name)

    @abc.abstractmethod
    def few_shot(self) -> "Model":
        """Returns a view of this model that adapts to tasks; see `tfmeta.core.model.few_shot.FewShotModel`."""

    def __getattr__(self, key: str) -> Callable[..., Answer]:
        # Private names are asked for by Python itself, perhaps before __init__; names of the class, where what
        # a property does has raised AttributeError.
        if key.startswith("_") or key in dir(type(self)):
            raise AttributeError(key)
        try:
            self.signature(key)
        except InputError as error:
            raise AttributeError(str(error)) from None
        return lambda **inputs: self.ask(key, inputs)

    def __dir__(self) -> list[str]:
        try:
            return sorted({*super().__dir__(), *self.signatures})
        except TfmetaError:  # no server answers
            return sorted(super().__dir__())


def find_signature(model: str, signatures: Mapping[str, SignatureSpec], name: str) -> SignatureSpec:
    """Returns the signature of a model; see `Model.signature`."""
    if name not in signatures:
        raise InputError(f"{model} has no signature {name!r}. {nearest(name, signatures)}")
    return signatures[name]


def describe_request(spec: SignatureSpec) -> Request:
    """Asks ``describe`` for one row of facts."""
    one_row = {name: np.zeros(1, array.dtype) for name, array in spec.inputs.items()}

    def read(outputs: Answer) -> dict[str, Any]:
        facts = {name: value[0] for name, value in outputs.items()}
        return {name: fact.decode() if isinstance(fact, bytes) else fact for name, fact in facts.items()}

    return Request("describe", one_row, read)


def read_card(model: str, facts: Mapping[str, Any]) -> Card:
    """Reads the card among the facts of ``describe``.

    Raises:
        TfmetaError: if there is none.
    """
    if "card" not in facts:
        raise TfmetaError(f"{model} carries no card; it says {', '.join(facts)}. Export it with a card.")
    return Card.from_json(facts["card"])
