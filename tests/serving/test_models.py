"""Which models a server finds and loads, and how it says that one is broken."""

import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.requests import ONE, classify, multi, predict, regress
from tfmeta import wire
from tfmeta.core.warmup import WARMUP_FILE
from tfmeta.serving.client import Client, ServingError
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.errors import ModelLoadError
from tfmeta.serving.lifecycle import warmup
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.lifecycle.versions import version_number, versions_in
from tfmeta.serving.server import Server, serve_forever


@pytest.fixture
def folder(model_folder, tmp_path):
    """A base directory with a model of its own to break."""
    shutil.copytree(model_folder / "arithmetic", tmp_path / "arithmetic")
    return tmp_path


def _write_warmup(version, *logs):
    file = version / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def _log(request):
    return wire.PredictionLog(predict_log=wire.PredictLog(request=request))


@pytest.mark.parametrize(("name", "number"), [("00000002", 2), ("7", 7), ("0", 0)])
def test_version_names(name, number):
    assert version_number(name) == number


@pytest.mark.parametrize("name", ["temp-3", "x7", "-4", "2.5", ".9", "", "٣", " 1", "9" * 30])
def test_other_names_are_passed_over(name):
    assert version_number(name) is None


def test_latest_version_is_loaded(folder):
    for name in ("00000012", "3", "temp-99"):
        shutil.copytree(folder / "arithmetic" / "1", folder / "arithmetic" / name)
    (folder / "arithmetic" / "77").write_text("a file is no version")
    (folder / "no_versions").mkdir()
    assert sorted(versions_in(folder / "arithmetic")) == [1, 3, 12]
    models = Models(folder)
    loaded = []
    models.load(on_loaded=lambda version: loaded.append((version.name, version.number)))
    assert models.names == ["arithmetic"] and loaded == [("arithmetic", 12)]
    assert models.latest("arithmetic").number == 12
    models.unload()
    with pytest.raises(ServingError, match=r"Latest\(arithmetic\)"):
        models.latest("arithmetic")


def test_first_folder_wins_and_names_choose(folder, model_folder):
    models = Models(folder, model_folder)
    assert models.names == ["arithmetic", "mean_regressor", "nearest_mean"]
    models = Models(folder, model_folder, names=["arithmetic"])
    models.load()
    assert models.latest("arithmetic").path.parent.parent == folder


def test_missing_model_or_folder_in_one_line(model_folder):
    with pytest.raises(
        ModelLoadError, match=r"no such model. Did you mean arithmetic\? Known: arithmetic, mean_regressor"
    ):
        Models(model_folder, names=["arithmetik"])
    with pytest.raises(ModelLoadError, match="no such directory"):
        Models(model_folder / "nowhere")


def _remove_graph(version):
    (version / "saved_model.pb").unlink()


def _cut_graph(version):
    graph = version / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:100])


def _empty_graph(version):
    (version / "saved_model.pb").write_bytes(b"")


def _remove_variables(version):
    shutil.rmtree(version / "variables")


def _cut_variables(version):
    (data,) = (version / "variables").glob("*.data-*")
    data.write_bytes(data.read_bytes()[:2])


@pytest.mark.parametrize(
    ("damage", "code", "reason"),
    [
        (_remove_graph, "NOT_FOUND", "Could not find SavedModel .pb"),
        (_cut_graph, "DATA_LOSS", "Cannot parse file"),
        (_empty_graph, "UNKNOWN", "MetaGraphDef"),
        (_remove_variables, "UNKNOWN", "variables"),
        (_cut_variables, "OUT_OF_RANGE", "Read less bytes than requested"),
    ],
)
def test_corrupt_model_fails_in_one_line(folder, damage, code, reason):
    damage(folder / "arithmetic" / "1")
    models = Models(folder)
    with pytest.raises(ModelLoadError) as error:
        Server(models).start()
    assert str(error.value).startswith(f"model 'arithmetic' cannot be served from {folder}/arithmetic/1: ")
    assert reason in str(error.value) and "\n" not in str(error.value)
    assert error.value.code == code
    (version,) = models.status(wire.ModelSpec(name="arithmetic"))
    assert version.state == "END" and version.error is error.value


def test_warmup_is_replayed(folder):
    path = folder / "arithmetic" / "1"
    _write_warmup(
        path,
        _log(predict(name="whatever")),
        _log(predict()),
        wire.PredictionLog(classify_log={"request": classify(ONE)}),
        wire.PredictionLog(regress_log={"request": regress(ONE)}),
        wire.PredictionLog(
            multi_inference_log={"request": multi(("regress", "regress"), ("classify", "classify"))}
        ),
    )
    Models(folder).load()
    assert warmup.replay(Engine(path), path, "arithmetic") == 5


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (_log(predict({"x": np.float32([1])})), "warm-up request 2 failed: INVALID_ARGUMENT: input size"),
        (wire.PredictionLog(), "a record holds no request"),
        (wire.PredictionLog(classify_log=wire.ClassifyLog()), "warm-up request 2 failed: INVALID_ARGUMENT: "),
    ],
)
def test_failing_warmup_fails_the_load(folder, log, reason):
    _write_warmup(folder / "arithmetic" / "1", _log(predict()), log)
    with pytest.raises(ModelLoadError, match=reason):
        Models(folder).load()


def test_corrupt_warmup_fails_the_load(folder):
    file = folder / "arithmetic" / "1" / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"this is no TFRecord, but long enough for a header")
    with pytest.raises(ModelLoadError, match="cannot be replayed: corrupted record"):
        Models(folder).load()


def test_port_in_use_is_one_line(server):
    with pytest.raises(OSError, match=f"cannot listen on {server.address}"):
        Server(server.models, port=server.port).start()


def test_requests_in_flight_finish_when_the_server_stops(folder):
    server = Server(Models(folder))
    server.start()
    entered, go_on = threading.Event(), threading.Event()
    engine = server.models.latest("arithmetic").engine
    run = engine.run

    def slow(*args):
        entered.set()
        go_on.wait(10)
        return run(*args)

    engine.run = slow
    answers = []
    with Client(server.address) as client:
        asking = threading.Thread(
            target=lambda: answers.append(
                client.predict("arithmetic", {"x": np.float32([2])}, signature="half")
            )
        )
        asking.start()
        entered.wait(10)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        go_on.set()
        asking.join()
        stopping.join()
    assert answers[0]["y"].tolist() == [3.0]


def test_serve_forever_gives_up_on_a_corrupt_model(folder):
    _cut_graph(folder / "arithmetic" / "1")
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ModelLoadError):
        serve_forever(Server(Models(folder)))
    assert signal.getsignal(signal.SIGTERM) is handler


def test_serve_forever_drains_on_sigterm(model_folder):
    code = (
        "from tfmeta.serving.lifecycle.models import Models\n"
        "from tfmeta.serving.server import Server, serve_forever\n"
        f"serve_forever(Server(Models({str(model_folder)!r}, names=['arithmetic'])),\n"
        "              on_ready=lambda server: print(server.address, flush=True))\n"
        "print('drained')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            with Client(address) as client:
                assert client.status("arithmetic") == {1: "AVAILABLE"}
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()  # of one that has ended nothing comes
    assert process.returncode == 0 and out == "drained\n"


def ends_by_a_signal(code, begin):
    """Runs a server of nothing in a process of its own, where `begin` is what `code` calls when it is ready."""
    whole = (
        "import os, signal, sys, threading\n"
        "from tfmeta.serving.server import serve_forever\n"
        "class Nothing:\n"
        "    start = stop = lambda *_: None\n"
        f"{code}"
        f"serve_forever(Nothing(), on_ready={begin})\n"
        "print('drained')\n"
    )
    ended = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and ended.stdout == "drained\n", ended.stderr


def test_a_signal_that_another_thread_takes_is_heard():
    # The system may hand a process's signal to any of its threads, whose wait it then ends in place of the main one's.
    code = (
        "def end():\n"
        "    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)\n"
        "    threading.Event().wait()\n"
        "timer = threading.Timer(0.5, end)\n"
        "timer.daemon = True\n"
    )
    ends_by_a_signal(code, "lambda _: timer.start()")


def test_a_signal_that_comes_as_the_wait_begins_is_heard():
    # What waits by a lock of threading's could be interrupted while it holds it, by a handler that takes it.
    code = (
        "def end():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "def trap(frame, event, _):\n"
        "    if event == 'call' and frame.f_code.co_qualname == 'Condition.wait':\n"
        "        sys.setprofile(None)\n"
        "        end()\n"
        "threading.Timer(0.5, end).start()\n"
    )
    ends_by_a_signal(code, "lambda _: sys.setprofile(trap)")
