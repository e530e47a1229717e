"""Errors of the serving room: a status that crosses the wire, and a model that would not load."""

from tfmeta.core.checks import TfmetaError

__all__ = ["ModelLoadError", "ServingError", "invalid_argument", "not_found"]

_LONGEST_MESSAGE = 1024


class ServingError(TfmetaError):
    """A request that was not answered: the status that the server gave, and its words.

    The server raises it to refuse a request and the client raises it to report that.

    Args:
        code: Name of the gRPC status, such as `"NOT_FOUND"`.
        message: What the server says; TF Serving's own words where it has some.

    Example:
        >>> print(ServingError("NOT_FOUND", "Servable not found for request: Latest(mnist)"))
        NOT_FOUND: Servable not found for request: Latest(mnist)
    """

    def __init__(self, code: str, message: str):
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def wire_message(self) -> str:
        """The message as it is sent: in a header, for which TF Serving cuts it at 1024 characters."""
        if len(self.message) <= _LONGEST_MESSAGE:
            return self.message
        return self.message[:_LONGEST_MESSAGE] + "...TRUNCATED"


class ModelLoadError(TfmetaError):
    """A SavedModel that cannot be served, said in one line.

    Args:
        model: Name of the model; empty where it is about a whole directory of models.
        path: Its version directory, or the directory that should hold one.
        reason: Why it cannot be served.
        code: Name of the status that TF Serving gives the failed version.
    """

    def __init__(self, model: str, path: str, reason: str, code: str = "UNKNOWN"):
        super().__init__(model, path, reason, code)
        self.model = model
        self.path = path
        self.reason = " ".join(reason.split())
        self.code = code

    def __str__(self) -> str:
        subject = f"model {self.model!r}" if self.model else "models"
        return f"{subject} cannot be served from {self.path}: {self.reason}"


def invalid_argument(message: str) -> ServingError:
    """The request is at fault, whatever the state of the server."""
    return ServingError("INVALID_ARGUMENT", message)


def not_found(message: str) -> ServingError:
    """The model or version that was asked for is not here."""
    return ServingError("NOT_FOUND", message)
