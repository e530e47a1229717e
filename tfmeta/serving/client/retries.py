"""When a request is sent again: after UNAVAILABLE, a little later each time, and never past its timeout.

Every other status is an answer. Sending again is safe, since no request of this API changes a model. gRPC does it
by itself, by the rules that are written here as its service config
(https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
"""

import dataclasses
import json

__all__ = ["NO_RETRIES", "Retries"]

_MOST_ATTEMPTS = 5  # gRPC makes no more, whatever its config says

# What gRPC keeps of a request, to send it again: whole requests, since a support set of images passes its 256 kB soon.
_WHOLE_REQUESTS = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Retries:
    """How often and how fast a request is sent again.

    The n-th pause is about `first * 2**n` seconds. gRPC changes each at random by up to a fifth. So the
    clients of a server that restarts do not all come back at once.

    Attributes:
        attempts: How often it is sent, the first time included: 1 to 5, which is gRPC's own bound.
        first: Seconds of the first pause.
        longest: Seconds that no pause exceeds.

    Raises:
        ValueError: A value is outside its range.

    Example:
        >>> Client("localhost:8500", retries=Retries(attempts=3))  # doctest: +SKIP
    """

    attempts: int = 5
    first: float = 0.1
    longest: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= _MOST_ATTEMPTS:
            raise ValueError(
                f"attempts={self.attempts} came; expected 1 to {_MOST_ATTEMPTS}, the most that gRPC makes. For more"
                " patience make the pauses longer: first=1.0, longest=10.0."
            )
        if self.first <= 0 or self.longest <= 0:
            raise ValueError(f"first={self.first} and longest={self.longest} came; expected seconds above 0")

    @property
    def options(self) -> list[tuple[str, str | int]]:
        """The same as options of a gRPC channel.

        Example:
            >>> Retries(attempts=1).options
            [('grpc.enable_retries', 0)]
        """
        if self.attempts == 1:
            return [("grpc.enable_retries", 0)]
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": f"{self.first:.9f}s",
            "maxBackoff": f"{self.longest:.9f}s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}  # {} names every method
        return [
            ("grpc.service_config", json.dumps(config)),
            ("grpc.per_rpc_retry_buffer_size", _WHOLE_REQUESTS),
        ]


NO_RETRIES = Retries(attempts=1)
