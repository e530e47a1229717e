"""Certificates for the tests, made by the `openssl` command: an authority, a server and a client that it signed."""

import shutil
import subprocess
from pathlib import Path

import pytest


def make_certificates(folder: Path) -> dict[str, bytes]:
    """PEM by name: `ca`, `server_cert`, `server_key`, `client_cert`, `client_key`, `stranger_cert`, `stranger_key`."""
    if not shutil.which("openssl"):
        pytest.skip("the openssl command is not here, and makes the certificates of this test")
    for name in ("ca", "stranger"):
        _openssl(
            folder, "req", "-x509", *_key(name), "-out", f"{name}_cert", "-days", "2", "-subj", f"/CN={name}"
        )
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for name in ("server", "client"):
        _openssl(folder, "req", *_key(name), "-out", f"{name}_request", "-subj", f"/CN={name}")
        _openssl(
            folder, "x509", "-req", "-in", f"{name}_request", "-out", f"{name}_cert", "-days", "2",
            "-CA", "ca_cert", "-CAkey", "ca_key", "-CAcreateserial", "-extfile", "names",
        )  # fmt: skip
    pem = {path.name: path.read_bytes() for path in folder.iterdir()}
    return pem | {"ca": pem["ca_cert"]}


def certificate_between(folder: Path, begin: str, end: str) -> bytes:
    """The server's certificate of `make_certificates`, valid between two times such as `20210301000000Z`."""
    (folder / "index").touch()
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=here\n[here]\ndatabase={folder}/index\nnew_certs_dir={folder}\nrand_serial=yes\n"
        "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
    )
    _openssl(
        folder, "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca_cert", "-keyfile", "ca_key",
        "-in", "server_request", "-startdate", begin, "-enddate", end, "-out", "timed_cert",
    )  # fmt: skip
    return (folder / "timed_cert").read_bytes()


def _key(name: str) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}_key"]


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
