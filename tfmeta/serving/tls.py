"""Encryption: who may listen, from TF Serving's SSLConfig file, and whom a client trusts.

The file holds PEM text, not paths:

    server_key: "-----BEGIN PRIVATE KEY-----\\n..."
    server_cert: "-----BEGIN CERTIFICATE-----\\n..."
    custom_ca: "-----BEGIN CERTIFICATE-----\\n..."
    client_verify: true
"""

import dataclasses
import difflib
import re
import ssl
from pathlib import Path

import grpc
from google.protobuf import text_format

from tfmeta import wire
from tfmeta.core.checks import TfmetaError

__all__ = ["Tls", "read_ssl_config", "server_credentials"]


@dataclasses.dataclass(frozen=True)
class Tls:
    """What a client needs to talk to a server in secret.

    Attributes:
        root_certificates: PEM of the authorities whose servers are trusted; None for those of this machine.
        certificate: PEM of the client's own certificate, for a server that asks for one (mutual TLS).
        key: PEM of the private key to it.
        server_name: The name in the server's certificate, where that is not the one in the address.

    Example:
        >>> Client("models.example:8500", tls=Tls(Path("ca.pem").read_bytes()))  # doctest: +SKIP
    """

    root_certificates: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = dataclasses.field(default=None, repr=False)
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            given, missing = ("key", "certificate") if self.certificate is None else ("certificate", "key")
            raise ValueError(f"{given} came without {missing}; a client shows both or neither")
        for name, kind in [("root_certificates", "CERTIFICATE"), ("certificate", "CERTIFICATE"),
                           ("key", "PRIVATE KEY")]:  # fmt: skip
            pem = getattr(self, name)
            if pem is not None and not _is_pem(pem, kind):
                raise ValueError(f"{name} is no PEM text of a {kind}; read the file and pass its bytes")

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        """The same for gRPC."""
        return grpc.ssl_channel_credentials(self.root_certificates, self.key, self.certificate)

    @property
    def options(self) -> list[tuple[str, str]]:
        """Options of a gRPC channel that go with it."""
        return [("grpc.ssl_target_name_override", self.server_name)] if self.server_name else []


def read_ssl_config(path: str | Path) -> wire.Message:
    """Reads an SSLConfig in protobuf's text format, as `--ssl_config_file` names one.

    Raises:
        TfmetaError: It cannot be read, or is no SSLConfig.
    """
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), wire.SSLConfig())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise TfmetaError(f"{path} cannot be read: {reason}.") from error
    except text_format.ParseError as error:
        raise TfmetaError(
            f"{path} is no SSLConfig: it cannot be read at {_place(error)}. Expected server_key, server_cert, custom_ca"
            " and client_verify, each key or certificate as one quoted text."
        ) from None  # the cause quotes the file, which holds a private key


def server_credentials(ssl_config: wire.Message) -> grpc.ServerCredentials:
    """What a server listens with.

    Args:
        ssl_config: An SSLConfig. With `client_verify` only clients are heard whose certificate is signed by
            `custom_ca` (mutual TLS).

    Raises:
        TfmetaError: A field is missing, or is no PEM text.
    """
    config = ssl_config
    expected = {"server_key": "PRIVATE KEY", "server_cert": "CERTIFICATE"}
    if config.client_verify or config.custom_ca:
        expected["custom_ca"] = "CERTIFICATE"
    for field, kind in expected.items():
        if not _is_pem(getattr(config, field).encode(), kind):
            raise TfmetaError(
                f"{field} of the SSLConfig is no PEM text of a {kind}; "
                "expected the text itself, with its BEGIN and END lines, not the path of a file."
            )
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def _place(error: text_format.ParseError) -> str:
    """Where a file cannot be read, without its words: they may be a key. The misspelt name of a field is none."""
    line = error.GetLine()
    place = "a place that is not known" if line is None else f"line {line}, column {error.GetColumn() or 1}"
    for word in re.findall(r"\w+", str(error)):
        fields = wire.SSLConfig.DESCRIPTOR.fields_by_name
        if word not in fields and (meant := difflib.get_close_matches(word, fields, 1, 0.8)):
            return f"{place}: {word}; did you mean {meant[0]}?"
    return place


def _is_pem(pem: bytes, kind: str) -> bool:
    text = pem.decode("ascii", "replace")
    if kind != "CERTIFICATE":  # "RSA PRIVATE KEY" and "EC PRIVATE KEY" are such keys too
        return f"{kind}-----" in text
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    try:
        ssl.PEM_cert_to_DER_cert(text[text.index(begin) : text.index(end) + len(end)])
    except ValueError:
        return False
    return True
