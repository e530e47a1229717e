"""A model behind an endpoint, which is asked as a model in this process is."""

from collections.abc import Mapping
from typing import Any, Protocol

from tfmeta.core.cards import Card
from tfmeta.core.model.few_shot import FewShotView
from tfmeta.core.model.model import Answer, Model
from tfmeta.core.model.specs import SignatureSpec
from tfmeta.serving.client import calls

__all__ = ["Asks", "ServedModel"]


class Asks(Protocol):
    """What asks a server by the name of a model: `tfmeta.serving.client.client.Client`."""

    @property
    def target(self) -> str:
        """The address of the server."""

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str = ...,
        version: int | None = ...,
        label: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer:
        """Asks a signature of a model."""

    def metadata(
        self, model: str, *, version: int | None = ..., label: str | None = ...
    ) -> Mapping[str, Any]:
        """Returns the signatures of a model."""


class ServedModel(Model):
    """One model of a server; `Client.model` makes it.

    Args:
        client: The connection.
        name: Name of the model.
        version: Which version; None for the latest.
        label: The version that carries this label.

    Example:
        >>> with Client("127.0.0.1:8500") as client:  # doctest: +SKIP
        ...     policy = client.model("rl2_bandit_n10k5")
        ...     policy.initial_state(batch=[0])["state"].shape
        (1, 256)
    """

    def __init__(self, client: Asks, name: str, version: int | None = None, label: str | None = None):
        calls.check_choice(version, label)
        self._client = client
        self._name = name
        self._choice: dict[str, Any] = {"version": version, "label": label}
        self._signatures: Mapping[str, SignatureSpec] | None = None  # no cached_property: in Python 3.11 all
        self._card: Card | None = None  # models would wait for the slowest server, behind one lock

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._name

    @property
    def signatures(self) -> Mapping[str, SignatureSpec]:
        """What each signature takes and gives; asked of the server once."""
        if self._signatures is None:
            self._signatures = calls.signature_specs(self._client.metadata(self._name, **self._choice))
        return self._signatures

    @property
    def card(self) -> Card:
        """The model card, which `describe` carries; asked of the server once."""
        if self._card is None:
            self._card = super().card
        return self._card

    def few_shot(self) -> FewShotView:
        """Returns a view of this model that adapts to tasks."""
        return FewShotView(self)

    def __repr__(self) -> str:
        choice = "".join(f", {key}={value!r}" for key, value in self._choice.items() if value is not None)
        return f"ServedModel({self._client.target!r}, {self._name!r}{choice})"

    def ask(self, signature: str, inputs: Mapping[str, Any], *, timeout: float | None = None) -> Answer:
        """Asks a signature; see `tfmeta.core.model.Model.ask`.

        Raises:
            InputError: There is no such signature, or the inputs do not fit it.
            ServingError: The server refused, failed, or was not reached.
        """
        arrays = self.signature(signature).fit(inputs)
        return self._client.predict(self._name, arrays, signature=signature, timeout=timeout, **self._choice)
