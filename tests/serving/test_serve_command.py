"""What the flags of `tfmeta serve` set up."""

import argparse
import json
import shutil
import urllib.error
import urllib.request

import pytest

from tests.serving.certificates import certificate_between, make_certificates
from tfmeta import wire
from tfmeta.cli.serve import _models, _servers
from tfmeta.cli.serve_exposure import exposures
from tfmeta.cli.serve_flags import add_flags
from tfmeta.cli.serve_models import chosen_models, warn_of_unchecked
from tfmeta.serving.lifecycle.models import Models

SMALL, LARGE = ({"signature_name": "half", "instances": [1.0] * size} for size in (1, 200))


@pytest.fixture
def rest(model_folder):
    """Makes the REST server that a command line asks for, and starts it."""
    started = []

    def start(*flags):
        parser = argparse.ArgumentParser()
        add_flags(parser)
        models = Models(model_folder, names=["arithmetic"])
        models.load()
        server, rest = _servers(
            parser.parse_args(["--port", "0", "--rest_api_port", "1", *flags]),
            wire.ModelServerConfig(),
            models,
        )
        rest.port = 0  # any free one, which stands for none on the command line
        rest.start()
        started.append((rest, models))
        return server, rest

    yield start
    for rest, models in started:
        rest.stop()
        models.unload()


def ask(rest, document):
    url = f"http://{rest.address}/v1/models/arithmetic:predict"
    try:
        with urllib.request.urlopen(url, json.dumps(document).encode(), timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_limits_of_rest_are_flags(rest):
    _, limited = rest("--rest_api_max_body_bytes", "200")
    assert ask(limited, SMALL) == (200, {"predictions": [2.5]})
    status, answer = ask(limited, LARGE)
    assert status == 413 and "--rest_api_max_body_bytes" in answer["error"]
    _, usual = rest()
    assert ask(usual, LARGE)[0] == 200


def test_both_apis_share_the_threads(rest):
    server, front = rest("--grpc_max_threads", "1", "--max_queued_requests", "0")
    assert server.pool.threads == 1 and not server.pool.queue
    held = [server.pool.submit(lambda: ask(front, SMALL))]  # who asks holds the only thread
    status, answer = held[0].result(20)
    assert status == 429 and answer["error"].startswith("1 requests are at work and 0 wait")
    assert ask(front, SMALL)[0] == 200


def test_plain_rest_beside_encrypted_grpc_is_said(rest, tmp_path, caplog):
    pem = make_certificates(tmp_path)
    keys = ("server_key", "server_cert")
    (tmp_path / "ssl.config").touch(0o600)
    (tmp_path / "ssl.config").write_text("\n".join(f"{key}: {json.dumps(pem[key].decode())}" for key in keys))
    rest()
    assert not caplog.messages
    rest("--ssl_config_file", str(tmp_path / "ssl.config"))
    assert caplog.messages == ["REST at port 1 is not encrypted, and hears every client"]


def test_a_version_that_appears_while_served_is_told_of_unless_it_has_passed_the_gate(
    model_folder, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tfmeta.core.stamps._warned", set())
    folder = tmp_path / "served" / "arithmetic"
    shutil.copytree(model_folder / "arithmetic" / "1", folder / "1")
    parser = argparse.ArgumentParser()
    add_flags(parser)
    args = parser.parse_args(["--model_base_path", str(folder.parent)])
    config = chosen_models(args)
    warn_of_unchecked(config)
    models = _models(args, config)
    models.load()
    caplog.clear()
    shutil.copytree(folder / "1", folder / "2")
    with (folder / "2" / "saved_model.pb").open("ab") as file:
        file.write(b"\x0a\x00")  # an empty part more: the same model by another hash
    models.refresh()
    models.unload()
    (line,) = [record.getMessage() for record in caplog.records if "gate" in record.getMessage()]
    assert line.startswith(f"{folder / '2'} has not passed the gate")


def test_exposures_are_told_in_one_line_each(tmp_path):
    pem = make_certificates(tmp_path)
    file = tmp_path / "ssl.config"
    file.touch(0o644)
    config = wire.SSLConfig(server_key=pem["server_key"].decode(), server_cert=pem["server_cert"].decode())

    def told(host="127.0.0.1", rest=0, allow=False, ssl=config):
        args = argparse.Namespace(
            host=host, rest_api_port=rest, allow_reload=allow, ssl_config_file=str(file)
        )
        return exposures(args, ssl)

    assert told(ssl=None) == [] == told(host="::1", ssl=None)
    assert told(host="0.0.0.0", ssl=None) == [
        "--host 0.0.0.0 answers other machines, unencrypted and to every client"
    ]
    assert told(allow=True, ssl=None) == ["--allow_reload lets every client replace the list of models"]
    (line,) = told()
    assert "can be read by others; run chmod 600" in line
    file.chmod(0o600)
    assert told() == []
    assert told(rest=8501) == ["REST at port 8501 is not encrypted, and hears every client"]


@pytest.mark.parametrize(
    ("begin", "end", "line"),
    [
        (
            "20200101000000Z", "20210301000000Z",
            "the server's certificate expired on 2021-03-01; clients will refuse it",
        ),
        (
            "21000101000000Z", "21010101000000Z",
            "the server's certificate is not valid before 2100-01-01; clients will refuse it",
        ),
    ],
)  # fmt: skip
def test_a_certificate_out_of_its_time_is_told(tmp_path, begin, end, line):
    pem = make_certificates(tmp_path)
    made = certificate_between(tmp_path, begin, end)
    file = tmp_path / "ssl.config"
    file.touch(0o600)
    config = wire.SSLConfig(server_key=pem["server_key"].decode(), server_cert=made.decode())
    args = argparse.Namespace(
        host="127.0.0.1", rest_api_port=0, allow_reload=False, ssl_config_file=str(file)
    )
    assert exposures(args, config) == [line]
