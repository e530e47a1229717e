"""What an operator should hear at the start of a server: who can reach it, and who can read its key."""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfmeta import wire

__all__ = ["exposures"]


def exposures(args: argparse.Namespace, ssl_config: wire.Message | None) -> list[str]:
    """One line for each way in which a server stands open.

    Args:
        args: The flags of `tfmeta serve`.
        ssl_config: The SSLConfig that they name, or None.
    """
    lines = []
    if not _is_this_machine(args.host):
        plain = "" if ssl_config is not None else ", unencrypted and to every client"
        lines.append(f"--host {args.host} answers other machines{plain}")
    if args.allow_reload:
        lines.append("--allow_reload lets every client replace the list of models")
    if ssl_config is None:
        return lines
    if Path(args.ssl_config_file).stat().st_mode & 0o044:
        lines.append(
            f"{args.ssl_config_file} holds a private key and can be read by others; run chmod 600 on it"
        )
    if args.rest_api_port:
        lines.append(f"REST at port {args.rest_api_port} is not encrypted, and hears every client")
    return lines + _certificate_times(ssl_config.server_cert)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _certificate_times(pem: str) -> list[str]:
    now = datetime.datetime.now(datetime.UTC)
    try:
        begin, end = (_time(pem, key) for key in ("notBefore", "notAfter"))
    except (ssl.SSLError, ValueError, KeyError):
        return []  # what cannot be read is refused elsewhere
    if end < now:
        return [f"the server's certificate expired on {end:%Y-%m-%d}; clients will refuse it"]
    if begin > now:
        return [f"the server's certificate is not valid before {begin:%Y-%m-%d}; clients will refuse it"]
    return []


def _time(pem: str, key: str) -> datetime.datetime:
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # `ssl` reads the times from files only
        file.write(pem)
        file.flush()
        told = ssl._ssl._test_decode_cert(file.name)  # type: ignore[attr-defined]
    return datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(told[key]), datetime.UTC)
