"""Encryption: TF Serving's SSLConfig file on one side, certificates on the other."""

import asyncio
import traceback

import pytest

from tests.serving.certificates import make_certificates
from tfmeta import wire
from tfmeta.core.checks import TfmetaError
from tfmeta.serving.client import NO_RETRIES, Client, ServingError, Tls
from tfmeta.serving.client.aio import AsyncClient
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server
from tfmeta.serving.tls import read_ssl_config, server_credentials


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def ssl_config(folder, **fields):
    """An SSLConfig file as an operator writes it."""
    lines = []
    for name, value in fields.items():
        if isinstance(value, bool):
            lines.append(f"{name}: {str(value).lower()}")
        else:
            quoted = value.decode().replace("\n", "\\n")
            lines.append(f'{name}: "{quoted}"')
    file = folder / "ssl.config"
    file.write_text("\n".join(lines))
    return file


def serve(model_folder, folder, **fields):
    credentials = server_credentials(read_ssl_config(ssl_config(folder, **fields)))
    return Server(Models(model_folder, names=["arithmetic"]), credentials=credentials)


def ask(server, tls, target=None):
    with Client(target or server.address, tls=tls, retries=NO_RETRIES) as client:
        return client.status("arithmetic")


def test_encrypted(model_folder, tmp_path, pem):
    with serve(
        model_folder, tmp_path, server_key=pem["server_key"], server_cert=pem["server_cert"]
    ) as server:
        assert ask(server, Tls(pem["ca"])) == {1: "AVAILABLE"}
        assert ask(server, Tls(pem["ca"]), f"localhost:{server.port}") == {1: "AVAILABLE"}
        for tls in (None, Tls(pem["stranger_cert"])):  # in the open, or trusting somebody else
            with pytest.raises(ServingError, match="UNAVAILABLE"):
                ask(server, tls)

        async def ask_async():
            async with AsyncClient(server.address, tls=Tls(pem["ca"])) as client:
                return await client.status("arithmetic")

        assert asyncio.run(ask_async()) == {1: "AVAILABLE"}


def test_mutual(model_folder, tmp_path, pem):
    with serve(
        model_folder,
        tmp_path,
        server_key=pem["server_key"],
        server_cert=pem["server_cert"],
        custom_ca=pem["ca"],
        client_verify=True,
    ) as server:
        known = Tls(pem["ca"], certificate=pem["client_cert"], key=pem["client_key"])
        assert ask(server, known) == {1: "AVAILABLE"}
        unknown = Tls(pem["ca"], certificate=pem["stranger_cert"], key=pem["stranger_key"])
        for tls in (Tls(pem["ca"]), unknown):
            with pytest.raises(ServingError, match="UNAVAILABLE"):
                ask(server, tls)


def test_the_name_in_the_certificate(model_folder, tmp_path, pem):
    path = tmp_path / "s"
    config = ssl_config(tmp_path, server_key=pem["server_key"], server_cert=pem["server_cert"])
    credentials = server_credentials(read_ssl_config(config))
    models = Models(model_folder, names=["arithmetic"])
    with Server(models, socket_path=path, credentials=credentials) as server:
        assert ask(server, Tls(pem["ca"], server_name="localhost"), f"unix:{path}") == {1: "AVAILABLE"}


def test_a_key_of_another_certificate_is_explained(model_folder, tmp_path, pem):
    server = serve(model_folder, tmp_path, server_key=pem["client_key"], server_cert=pem["server_cert"])
    with pytest.raises(OSError, match="certificate and its key do not belong together"):
        server.start()


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "server_key"),
        ({"server_key": "/etc/key.pem"}, "server_key"),
        ({"server_key": KEY}, "server_cert"),
        ({"server_key": KEY, "server_cert": PEM, "client_verify": True}, "custom_ca"),
        ({"server_key": KEY, "server_cert": PEM, "custom_ca": "ca.pem"}, "custom_ca"),
    ],
)
def test_what_is_no_pem_is_named(fields, field):
    with pytest.raises(TfmetaError, match=f"^{field} of the SSLConfig is no PEM text"):
        server_credentials(wire.SSLConfig(**fields))


def test_a_file_that_is_no_ssl_config_is_explained(tmp_path):
    with pytest.raises(TfmetaError, match="nowhere cannot be read: No such file"):
        read_ssl_config(tmp_path / "nowhere")
    (tmp_path / "typo").write_text('sever_key: "x"')
    with pytest.raises(TfmetaError, match=r"typo is no SSLConfig: .*sever_key.* Expected server_key"):
        read_ssl_config(tmp_path / "typo")
    for secret in ("MIIEvQIBADANBgkq", 'server_key: "a" MIIEvQIBADANBgkq', 'server_key: "MIIEvQIBADANBgkq'):
        (tmp_path / "typo").write_text(secret)
        with pytest.raises(TfmetaError, match=r"typo is no SSLConfig: .*line 1, column \d+") as error:
            read_ssl_config(tmp_path / "typo")
        assert "MIIEvQ" not in "".join(traceback.format_exception(error.value)).replace(secret, "")
        assert "MIIEvQ" not in str(error.value)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(TfmetaError, match="it is no text"):
        read_ssl_config(tmp_path / "binary")


def test_half_an_identity_is_refused():
    with pytest.raises(ValueError, match="certificate came without key"):
        Tls(certificate=PEM.encode())
    with pytest.raises(ValueError, match="key came without certificate"):
        Tls(key=KEY.encode())
    with pytest.raises(ValueError, match="root_certificates is no PEM text"):
        Tls(b"ca.pem")
    assert "PRIVATE" not in repr(Tls(PEM.encode(), PEM.encode(), KEY.encode()))
