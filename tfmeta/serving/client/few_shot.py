"""A client that teaches a served few-shot model a task, and asks about that."""

from collections.abc import Mapping
from typing import Any

from tfmeta.core.model.few_shot import FewShotView, Task
from tfmeta.core.model.model import Answer
from tfmeta.serving.client.client import Client
from tfmeta.serving.client.retries import Retries
from tfmeta.serving.tls import Tls

__all__ = ["FewShotClient", "Task"]

_RETRIES = Retries()


class FewShotClient(FewShotView):
    """A served few-shot model with a connection of its own.

    What it can be asked is described at `tfmeta.core.model.FewShotModel`; `Client.model(name).few_shot()` is the
    same on a connection that is shared. Safe to use from several threads.

    Args:
        target: Address of the server, `host:port` or `unix:path`.
        model: Name of the model.
        version: Which version; None for the latest.
        label: The version that carries this label.
        timeout: Seconds to wait for an answer, retries included, unless a call says otherwise.
        tls: Encrypts; None sends everything in the open.
        retries: What happens while the server is unavailable.

    Raises:
        InputError: The address is none of gRPC's.

    Example:
        >>> with FewShotClient("127.0.0.1:8500", "prototypical_omniglot") as client:  # doctest: +SKIP
        ...     task = client.adapt(drawings, ["alpha", "beta", "gamma"])
        ...     task.predict(other_drawings)["names"]
        array(['beta', 'alpha', 'beta'], dtype='<U5')
    """

    def __init__(
        self,
        target: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 10.0,
        tls: Tls | None = None,
        retries: Retries = _RETRIES,
    ):
        self.model = model
        self._client = Client(target, timeout=timeout, tls=tls, retries=retries)
        super().__init__(self._client.model(model, version=version, label=label))

    def predict(self, signature: str, inputs: Mapping[str, Any], *, timeout: float | None = None) -> Answer:
        """Asks a signature; another word for `ask`."""
        return self.ask(signature, inputs, timeout=timeout)

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def __enter__(self) -> "FewShotClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
