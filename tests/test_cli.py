"""The command line: what each verb does, and that a mistake is told in one line with exit code 2."""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests import tiny_models
from tests.serving.certificates import make_certificates
from tfmeta.cli import main
from tfmeta.cli.entry import VERBS
from tfmeta.cli.serve_flags import WITHOUT_EFFECT, add_flags, given_without_effect
from tfmeta.data.digits import load_digits
from tfmeta.serving.client import Client, ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server
from tfmeta.serving.tls import Tls

ROOT = Path(__file__).resolve().parent.parent
TRAIN = [
    "train", "maml-sinusoid", "--steps", "400", "--set", "epoch_steps=20", "--set", "steps_per_execution=5",
    "--set", "batch_size=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def models(exported_tiny_models, tmp_path_factory):
    """Two good models, one that is cut off, and one without a card."""
    folder = shutil.copytree(exported_tiny_models, tmp_path_factory.mktemp("models") / "of_mine")
    whole = folder / tiny_models.NAMES[0] / "1" / "saved_model.pb"
    (folder / "half" / "1").mkdir(parents=True)
    (folder / "half" / "1" / "saved_model.pb").write_bytes(whole.read_bytes()[:1000])
    return folder


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """Digits as somebody would send them: dark on light, of any size, in colour."""
    folder = tmp_path_factory.mktemp("drawings")
    images, _ = load_digits()
    for digit in range(5):
        (folder / "support" / f"is {digit}").mkdir(parents=True)
        ink = (255 * images[digit, ..., 0]).astype(np.uint8)
        Image.fromarray(255 - ink).resize((112, 112)).convert("RGB").save(
            folder / "support" / f"is {digit}" / "a.png"
        )
        Image.fromarray(ink).save(folder / f"{digit}.png")
    (folder / "not.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def configs(models, tmp_path_factory):
    """Lists of models, each with a mistake."""
    folder = tmp_path_factory.mktemp("configs")
    entry = 'config {\n    name: "m"\n    %s\n    model_platform: "tensorflow" %s\n  }'
    for name, base_path, rest in [
        ("unknown", 'base_pth: "/m"', ""),
        ("missing", 'base_path: "/no/such/folder"', ""),
        ("relative", 'base_path: "models/m"', ""),
        ("label", f'base_path: "{models}/matching_tiny"', 'version_labels { key: "stable" value: 1 }'),
    ]:
        (folder / f"{name}.config").write_text(f"model_config_list {{ {entry % (base_path, rest)} }}\n")
    (folder / "empty.config").write_text("")
    return folder


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, models):
    """A folder of one's own, and no models but the tiny ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMETA_MODELS", str(models))
    for name in ("PACKAGED_MODELS", "CHECKOUT_MODELS"):
        monkeypatch.setattr(f"tfmeta.paths.{name}", tmp_path / "none")
    monkeypatch.delenv("TFMETA_DEBUG", raising=False)
    return tmp_path


def run(capsys, *argv):
    """Runs `tfmeta` here; returns its exit code, and what it said."""
    try:
        code = main([str(argument) for argument in argv])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    return code, said.out, said.err


def start(*argv):
    """Starts `tfmeta` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # the command keeps TensorFlow quiet of itself
    command = [sys.executable, "-m", "tfmeta.cli", *map(str, argv)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job begins deaf to it
    )  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    code, out, _ = run(capsys, verb, "--help")
    assert code == 0 and f"usage: tfmeta {verb}" in out
    assert verb in run(capsys, "--help")[1]
    assert max(map(len, out.splitlines())) <= 120


def test_help_is_there_at_once():
    def seconds():
        began = time.perf_counter()
        process = start("--help")
        assert "usage: tfmeta" in process.communicate()[0]
        return time.perf_counter() - began

    assert min(seconds() for _ in range(3)) < 1.0


MISTAKES = {
    "an unknown verb": ("trian", "no verb 'trian'. Did you mean train?"),
    "an unknown option": ("list --all", "unrecognized arguments: --all"),
    "an unknown recipe": ("train maml-omnigolt", "no recipe or method 'maml-omnigolt'. Did you mean maml-omniglot?"),
    "no number": ("train maml-sinusoid --steps many", "steps=many: expected a whole number"),
    "no steps": ("train maml-sinusoid --steps 0", "steps=0: expected at least 1"),
    "a setting without a value": ("train maml-sinusoid --set steps", "expected name=value"),
    "an unknown setting": ("train maml-sinusoid --set inner_step=2", "Did you mean inner_steps?"),
    "a setting of another type": ("train maml-sinusoid --set inner_steps=x", "expected a whole number"),
    "no truth": ("train maml-sinusoid --set learn_rates=perhaps", "expected true or false"),
    "a flag that is misspelt": ("train maml-sinusoid --inner-step 2", "Did you mean --inner-steps?"),
    "a value out of range": ("train maml-sinusoid --set batch_size=0", "batch_size=0: expected at least 1"),
    "an unknown split": ("train maml-omniglot --split foo", "Known: alphabets, characters"),
    "a split where there is none": ("train maml-sinusoid --split foo", "unrecognized arguments: --split foo"),
    "a folder that cannot be made": ("train maml-sinusoid --out {models}/half/1/saved_model.pb/x", "cannot be written"),
    "no run to evaluate": ("evaluate maml-omniglot", "Train it first: tfmeta train maml-omniglot"),
    "nothing of that name": ("evaluate protoypical-omniglot", "Did you mean prototypical-omniglot?"),
    "a model that no recipe made": ("evaluate matching_tiny", "names no recipe"),
    "a method without tasks": ("train prototypical", "say what it learns from: --tasks DIR"),
    "tasks that are none": ("train prototypical --tasks nowhere", "no tasks 'nowhere', and no such folder"),
    "tasks that do not fit": ("train prototypical --tasks sinusoid", "learns from ClassTasks"),
    "no run to export": ("export maml-sinusoid --run nowhere", "There is no run in nowhere"),
    "an unknown model": ("check protoypical_tiny", "Did you mean prototypical_tiny?"),
    "no folder": ("check ./nowhere", "There is no folder nowhere"),
    "a model cut off": ("check half", "is no complete SavedModel"),
    "serving a model cut off": ("serve --port 0", "model 'half' cannot be served"),
    "serving from nowhere": ("serve --port 0 --model_base_path nowhere", "there is no such directory"),
    "serving from an empty folder": ("serve --port 0 --model_base_path .", "There are no models in ."),
    "serving what is not there": ("serve --port 0 --model_name matching_tin", "Did you mean matching_tiny?"),
    "serving by two names": (
        "serve --port 0 --model_base_path {models}/half --model_name x --model_name y", "give it one name"
    ),
    "no port": ("serve --port 70000", "expected 1 to 65535"),
    "no port for REST": ("serve --rest_api_port -1", "--rest_api_port -1: expected 1 to 65535"),
    "one port for both": ("serve --port {free_port} --rest_api_port {free_port}", "are both"),
    "no truth in a flag": ("serve --strict_shapes=perhaps", "'perhaps' is neither true nor false"),
    "no threads": ("serve --grpc_max_threads=0", "'0' is no number from 1 on"),
    "no pair": ("serve --grpc_channel_arguments=a=1,b", "'b' is no key=value"),
    "no number in a flag": ("serve --file_system_poll_wait_seconds=often", "'often' is no number of seconds"),
    "a flag that is none": ("serve --model_basepath x", "unrecognized arguments: --model_basepath x"),
    "no list of models": ("serve --port 0 --model_config_file nowhere", "nowhere cannot be read: No such file"),
    "an unknown field": (
        "serve --port 0 --model_config_file {configs}/unknown.config",
        "unknown.config:3:5: ModelConfig has no field 'base_pth'. Did you mean base_path?",
    ),
    "a list without models": ("serve --port 0 --model_config_file {configs}/empty.config", "lists no models"),
    "a listed model without a folder": (
        "serve --port 0 --model_config_file {configs}/missing.config", "there is no such folder"
    ),
    "a folder that depends on where one is": (
        "serve --port 0 --model_config_file {configs}/relative.config", "to have an absolute path or URI"
    ),
    "a label at the start": (
        "serve --port 0 --model_config_file {configs}/label.config",
        "not currently available for inference; say --allow_version_labels_for_unavailable_models",
    ),
    "no certificate": ("serve --port 0 --ssl_config_file {configs}/empty.config", "server_key of the SSLConfig"),
    "no monitoring": ("serve --port 0 --monitoring_config_file {configs}/label.config", "is no MonitoringConfig"),
    "no labelled images": ("predict matching_tiny --support nowhere --query a.png", "There is no folder nowhere"),
    "no such image": ("predict matching_tiny --support {drawings}/support --query {drawings}/6.png", "no image"),
    "no image": ("predict matching_tiny --support {drawings}/support --query {drawings}/not.png", "cannot be read as"),
    "no classes": ("predict matching_tiny --support {models}/half/1 --query a.png", "has 0 subfolders"),
    "an empty class": ("predict matching_tiny --support {models} --query a.png", "holds no image"),
    "no server": (
        "predict matching_tiny --support {drawings}/support --query {drawings}/1.png --server 127.0.0.1:9",
        "no server answers at 127.0.0.1:9",
    ),
    "no place for a picture": ("quickstart --out nowhere/a.png", "no folder nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_in_one_line(case, capsys, models, drawings, configs, place):
    command, words = MISTAKES[case]
    before = sorted(models.rglob("*"))
    command = command.format(models=models, drawings=drawings, configs=configs, free_port=free_port())
    code, _, err = run(capsys, *command.split())
    assert code == 2
    assert words in err and err.startswith("tfmeta: ") and err.count("\n") == 1, err
    assert not list(place.iterdir()) and sorted(models.rglob("*")) == before, "something was left behind"


def test_a_port_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, _, err = run(capsys, "serve", "--port", other.getsockname()[1])
    assert code == 2 and "cannot be listened on" in err and err.count("\n") == 1


def test_a_missing_package_is_named_with_its_extra(capsys, monkeypatch, drawings):
    monkeypatch.setitem(sys.modules, "PIL", None)
    code, _, err = run(
        capsys, "predict", "matching_tiny", "--support", drawings / "support", "--query", drawings / "1.png"
    )
    assert code == 2 and "pip install 'tfmeta[plot]'" in err


def test_debug_shows_where(monkeypatch):
    with pytest.raises(Exception, match="no verb 'x'"):
        main(["x", "--debug"])
    monkeypatch.setenv("TFMETA_DEBUG", "1")
    with pytest.raises(Exception, match="no verb 'x'"):
        main(["x"])


def test_list(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert "maml-omniglot" in out and "Finn, Abbeel, Levine, ICML 2017" in out
    assert (
        "prototypical_tiny           version 1: accuracy 0.250 ± 0.013, 5-way 1-shot; 1 more on its card"
        in out
    )
    assert "half                        version 1: no readable card" in out


def test_check(capsys, in_a_hurry):
    code, out, _ = run(capsys, "check", "prototypical_tiny")
    assert code == 0 and "may be served" in out


@pytest.mark.parametrize("served", [False, True], ids=["here", "served"])
def test_predict(served, capsys, models, drawings):
    command = ["predict", "prototypical_tiny", "--support", drawings / "support"]
    command += ["--query", *(drawings / f"{digit}.png" for digit in range(5))]
    if not served:
        code, out, _ = run(capsys, *command)
        assert code == 0 and f"{drawings / '3.png'}: is 3 " in out
        answers = json.loads(run(capsys, *command, "--json")[1])
    else:
        with Server(Models(models, names=["prototypical_tiny"])) as server:
            answers = json.loads(run(capsys, *command, "--json", "--server", server.address)[1])
    assert [answer["label"] for answer in answers] == [f"is {digit}" for digit in range(5)]
    for answer in answers:
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)


def test_serves_one_models_folder_until_it_is_told_to_end(models, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where nothing says that it has passed the gate
    process = start("serve", "--port", 0, "--model_base_path", models / "matching_tiny")
    line = process.stdout.readline()
    assert line.startswith("Serving matching_tiny at 127.0.0.1:"), line + process.stderr.read()
    with Client(line.split(" at ")[1].split(";")[0]) as client:
        assert client.status("matching_tiny") == {1: "AVAILABLE"}
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (
        err.startswith(f"tfmeta: {models / 'matching_tiny/1'} has not passed the gate: ")
        and err.count("\n") == 1
    )


def test_a_base_path_that_is_a_version_is_told(models, capsys):
    code, _, err = run(capsys, "serve", "--model_base_path", models / "matching_tiny" / "1")
    assert code == 2 and err.endswith(
        f"--model_base_path names the folder of its versions: {models}/matching_tiny.\n"
    )


def test_the_flags_of_tf_serving_are_taken():
    parser = argparse.ArgumentParser()
    add_flags(parser)
    given = [
        "--enable_profiler=true", "--num_request_iterations_for_warmup=2", "--platform_config_file=a",
        "--enable_batching", "--thread_pool_factory_config_file=b", "--xla_cpu_compilation_enabled",
        "--saved_model_tags=serve",
    ]  # fmt: skip
    ignored = given_without_effect(parser.parse_args(given))
    assert {flag.partition("=")[0] for flag in given} - {*ignored} == {"--saved_model_tags"}
    assert len({*WITHOUT_EFFECT}) == len(WITHOUT_EFFECT) == 27


def test_a_damaged_card_is_told_and_no_traceback(models, capsys, monkeypatch, tmp_path):
    for name, text in {
        "deep": "[" * 100_000,
        "wrong": '{"summary": []}',
        "painted": '{"summary": "\\u001b[31mred"}',
    }.items():
        place = tmp_path / name / "1" / "assets.extra"
        place.mkdir(parents=True)
        (place / "card.json").write_text(text)
    monkeypatch.setenv("TFMETA_MODELS", str(tmp_path))
    code, out, _ = run(capsys, "list")
    assert code == 0 and out.count("no readable card") == 2 and "\x1b" not in out


def test_serves_a_list_of_models_as_its_file_changes(models, place, monkeypatch):
    """A command line of TensorFlow Serving's, with its flags and in its spelling."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(place))  # where nothing says that the model has passed the gate

    def write(*labels):
        pairs = " ".join(f'version_labels {{ key: "{label}" value: 1 }}' for label in labels)
        (place / "models.config").write_text(
            f'model_config_list {{ config {{ name: "m" base_path: "{models}/matching_tiny"'
            f' model_platform: "tensorflow" {pairs} }} }}'
        )

    def asks(label):
        try:
            return client.metadata("m", label=label)
        except ServingError:
            return None

    write("stable")
    (place / "monitoring.config").write_text("prometheus_config { enable: true }")
    rest_port = free_port()
    process = start(
        "serve", "--port=0", f"--rest_api_port={rest_port}", "--rest_api_timeout_in_ms=30000",
        "--model_config_file=models.config", "--model_config_file_poll_wait_seconds=0.05",
        "--allow_version_labels_for_unavailable_models", "--enable_grpc_healthcheck_service=true",
        "--enable_batching", "--monitoring_config_file=monitoring.config", "--grpc_socket_path=grpc.sock",
        "--file_system_poll_wait_seconds=0.05", "--max_num_load_retries=0", "--grpc_max_threads=4",
        "--max_queued_requests=16", "--grpc_channel_arguments=grpc.max_receive_message_length=1000",
    )  # fmt: skip
    line = process.stdout.readline()
    assert line.startswith("Serving m at 127.0.0.1:"), line + process.stderr.read()
    assert f"REST at 127.0.0.1:{rest_port}" in line
    with Client(line.split(" at ")[1].split(";")[0]) as client, Client("unix:grpc.sock") as local:
        assert asks("stable") and not asks("canary") and local.status("m") == {1: "AVAILABLE"}
        with pytest.raises(ServingError, match="larger than max"):
            client.predict("m", {"x": np.zeros(1000, np.float32)})
        write("stable", "canary")
        wait_for(lambda: asks("canary"), process)
    base = f"http://127.0.0.1:{rest_port}"
    with urllib.request.urlopen(f"{base}/v1/models/m/labels/canary", timeout=30) as reply:
        assert json.load(reply)["model_version_status"][0]["state"] == "AVAILABLE"
    with urllib.request.urlopen(f"{base}/monitoring/prometheus/metrics", timeout=30) as reply:
        assert b":tensorflow:serving:request_count" in reply.read()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = err.splitlines()
    assert lines[0] == "tfmeta: --enable_batching has no effect here"
    assert lines[-1] == "tfmeta: models.config is in force"
    assert len(lines) == 3 and f"{models}/matching_tiny/1 has not passed the gate" in lines[1], err


def test_serves_one_folder_under_another_name_and_encrypted_as_versions_come(models, place):
    (place / "certificates").mkdir()
    pem = make_certificates(place / "certificates")
    (place / "ssl.config").write_text(
        "\n".join(f"{name}: {json.dumps(pem[name].decode())}" for name in ("server_key", "server_cert"))
    )
    (place / "ssl.config").chmod(0o600)
    (place / "later").mkdir()
    process = start(
        "serve", "--port", 0, "--model_base_path", "later", "--model_name", "m",
        "--file_system_poll_wait_seconds", 0.05, "--ssl_config_file", "ssl.config",
    )  # fmt: skip
    assert "waiting for a version of model 'm'" in process.stderr.readline()
    source = models / "matching_tiny" / "1"
    shutil.copytree(source, place / "copying")
    (place / "copying").rename(place / "later" / "1")
    line = process.stdout.readline()
    assert line.startswith("Serving m at "), line
    with Client(line.split(" at ")[1].split(";")[0], tls=Tls(pem["ca"])) as client:
        shutil.copytree(source, place / "copying")
        (place / "copying").rename(place / "later" / "2")
        wait_for(lambda: client.status("m") == {2: "AVAILABLE", 1: "END"}, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    first, second, *changes = err.splitlines()
    assert "later/1 has not passed the gate" in first and "later/2 has not passed the gate" in second
    assert changes == [
        "tfmeta: model 'm': version 2 is available", "tfmeta: model 'm': version 1 is out of service",
    ]  # fmt: skip


def test_lists_what_would_be_served(capsys, models, configs):
    code, out, _ = run(capsys, "serve", "--list")
    assert code == 0
    assert f"prototypical_tiny  ({models / 'prototypical_tiny'})" in out
    assert "accuracy 0.250 ± 0.013, 5-way 1-shot" in out and "    signatures: adapt, " in out
    assert "  version 1: no readable card" in out
    code, out, _ = run(capsys, "serve", "--list", "--model_config_file", configs / "label.config")
    assert code == 0 and out.startswith(f"m  ({models / 'matching_tiny'}, stable is 1)\n  version 1: ")
    code, out, _ = run(capsys, "serve", "--list", "--model_config_file", configs / "missing.config")
    assert code == 0 and "m  (/no/such/folder)\n  no version" in out


@pytest.mark.recipe
def test_from_training_to_a_checked_model(capsys, place, in_a_hurry):
    code, out, _ = run(
        capsys, *TRAIN[:2], "--steps", "4", "--set", "epoch_steps=2", "--set", "steps_per_execution=1"
    )
    assert code == 0 and "Next: tfmeta evaluate runs/maml-sinusoid" in out
    run_of_mine = place / "runs" / "maml-sinusoid"
    assert (run_of_mine / "learner.keras").is_file()

    code, _, err = run(capsys, "train", "maml-sinusoid", "--steps", "6")
    assert code == 2 and "holds a run with other settings: epoch_steps, steps" in err

    code, out, _ = run(capsys, "evaluate", "maml-sinusoid", "--count", "50", "--test-steps", "2")
    assert code == 0 and "(50 tasks), 10 points, 2 gradient steps" in out and "±" in out
    run(capsys, "evaluate", "runs/maml-sinusoid", "--count", "50")
    kept = json.loads((run_of_mine / "results.json").read_text())
    assert [row["tasks"] for row in kept] == [50, 50]

    code, out, _ = run(capsys, "export", "maml-sinusoid", "--to", "models")
    assert code == 0 and "models/maml_sinusoid/1" in out
    code, _, err = run(capsys, "export", "maml-sinusoid", "--to", "models")
    assert code == 2 and "exists already" in err
    assert run(capsys, "check", "models/maml_sinusoid")[0] == 0

    code, out, _ = run(capsys, "evaluate", "models/maml_sinusoid", "--count", "50")
    assert code == 0
    measured = float(out.split("mse ")[-1].split()[0])
    assert measured == pytest.approx(kept[1]["value"], abs=1e-3)


@pytest.mark.recipe
def test_a_run_that_was_interrupted_and_killed_ends_where_an_unbroken_one_ends(capsys, place):
    assert run(capsys, *TRAIN, "--out", "unbroken")[0] == 0
    state = place / "broken" / "backup" / "state.weights.h5"

    process = start(*TRAIN, "--out", "broken")
    wait_for(lambda: state.exists(), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "tfmeta: interrupted; the same command goes on from the last epoch.\n"

    written = state.stat().st_mtime_ns
    process = start(*TRAIN, "--out", "broken")
    wait_for(lambda: state.stat().st_mtime_ns != written, process)
    process.kill()
    process.communicate(timeout=60)
    assert not (place / "broken" / "learner.keras").exists(), "it was killed too late to tell anything"

    assert run(capsys, *TRAIN, "--out", "broken")[0] == 0
    unbroken, broken = (keras.saving.load_model(f"{name}/learner.keras") for name in ("unbroken", "broken"))
    for one, other in zip(unbroken.weights, broken.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.recipe
def test_a_full_disk_is_told_in_one_line(capsys, place, monkeypatch):
    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: full)
    code, _, err = run(capsys, *TRAIN, "--out", "run")
    assert code == 2 and "run cannot be written: the disk is full" in err and err.count("\n") == 1


def wait_for(happens, process):
    until = time.monotonic() + 120
    while not happens():
        assert process.poll() is None and time.monotonic() < until, process.communicate()[1]
        time.sleep(0.005)
