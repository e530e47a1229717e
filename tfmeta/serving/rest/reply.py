"""What goes back over HTTP."""

import json
from typing import NamedTuple

__all__ = ["Reply", "refusal"]


class Reply(NamedTuple):
    """An answer of the REST API."""

    status: int
    body: bytes
    content_type: str = "application/json"


def refusal(status: int, reason: str) -> Reply:
    """An error as TF Serving's REST API tells it."""
    return Reply(status, json.dumps({"error": reason}).encode())
