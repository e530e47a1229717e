"""Addresses of servers: what gRPC would misread is refused, in words that say how to write it."""

import ipaddress
import re

from tfmeta.core.model.specs import InputError

__all__ = ["check_address", "is_loopback"]

_SCHEMES = ("unix", "unix-abstract", "dns", "ipv4", "ipv6", "xds", "vsock", "passthrough")  # gRPC's own


def check_address(target: str) -> str:
    """Returns an address that gRPC reads as its user means it.

    Args:
        target: `host:port`, `unix:path`, or another of gRPC's names, such as `dns:///host:port`.

    Raises:
        InputError: It is a URL, or names no port.

    Example:
        >>> check_address("http://localhost:8500")
        Traceback (most recent call last):
        tfmeta.core.model.specs.InputError: 'http://localhost:8500' is a URL; expected host:port: 'localhost:8500'.
    """
    url = re.fullmatch(r"(?P<scheme>https?|grpcs?)://(?P<host>[^/]*)/?.*", target)
    if url:
        host = url["host"] if _port(url["host"]) else f"{url['host'] or 'localhost'}:8500"
        tls = " For encryption give tls=Tls(...) beside it." if url["scheme"] in ("https", "grpcs") else ""
        raise InputError(f"{target!r} is a URL; expected host:port: {host!r}.{tls}")
    if target.split(":")[0] in _SCHEMES:
        return target
    if _port(target) is None:
        name = target.partition(":")[0] or "localhost"
        host = f"[{target}]" if target.count(":") > 1 and "]" not in target else name
        raise InputError(
            f"{target!r} names no port; expected host:port, such as '{host}:8500'. Port 8500 is that of gRPC, unless"
            " the server was started with another."
        )
    return target


def is_loopback(target: str) -> bool:
    """Tells whether an address is on this machine, so that no proxy can lead there.

    Example:
        >>> [is_loopback(target) for target in ("localhost:1", "127.0.0.2:1", "[::1]:1", "models.example:1")]
        [True, True, True, False]
    """
    if target.startswith("unix"):
        return True
    host = re.sub(r"^(dns|ipv4|ipv6):/*", "", target).rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")


def _port(address: str) -> int | None:
    found = re.fullmatch(r"(?:\[[^\]]+\]|[^:\[\]]+):(\d{1,5})", address)
    return int(found[1]) if found and 0 < int(found[1]) < 65536 else None
