"""Versions come and go while a model answers: the table of TF Serving's behaviour, "Versions, reload"."""

import contextlib
import gc
import shutil
import threading
import time
import weakref

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.serving.behaviour import spec
from tfmeta.serving.api import wire
from tfmeta.serving.client import Client, ServingError
from tfmeta.serving.errors import ModelLoadError
from tfmeta.serving.lifecycle.model import LoadRetries
from tfmeta.serving.lifecycle.model_config import parse_model_config
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

POLL = 0.02  # seconds
X = np.float32([0])


class Plus(tf.Module):
    """Says which version it is: y = x + number."""

    def __init__(self, number):
        super().__init__()
        self.number = tf.Variable(float(number))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def plus(self, x):
        return {"y": x + self.number}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Versions 1 to 4, and what a bad export looks like."""
    folder = tmp_path_factory.mktemp("built")
    for number in range(1, 5):
        tf.saved_model.save(Plus(number), str(folder / str(number)))
    shutil.copytree(folder / "3", folder / "corrupt")
    (data,) = (folder / "corrupt" / "variables").glob("*.data-*")
    data.write_bytes(b"")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def drop(built, tmp_path):
    """Puts a version into a model's folder in one step, as an operator should."""

    def drop(version, what=None, model="m"):
        (tmp_path / model).mkdir(exist_ok=True)
        shutil.copytree(built / str(what or version), tmp_path / "copying")
        return (tmp_path / "copying").rename(tmp_path / model / str(version))

    return drop


@pytest.fixture
def serve(tmp_path):
    """Serves models of this test's folder, watched every few milliseconds."""
    with contextlib.ExitStack() as stack:

        def serve(*configs, load=True, watch=True, **options):
            models = Models.from_config(config_list(*configs, folder=tmp_path), **options)
            stack.callback(models.unload)
            if load:
                models.load()
            if watch:
                models.watch(POLL)
            return models

        yield serve


def config_list(*configs, folder):
    """A ModelServerConfig of text such as `name: "m"`; the folder is the model's name unless it says another."""
    entries = []
    for config in configs or ("m",):
        name, _, rest = config.partition(" ")
        path = "" if "base_path" in rest else f'base_path: "{folder}/{name}"'
        entries.append(f'config {{ name: "{name}" {path} model_platform: "tensorflow" {rest} }}')
    return parse_model_config(f"model_config_list {{ {' '.join(entries)} }}", "the test")


def states(models, name="m"):
    return {version.number: version.state for version in models.status(wire.ModelSpec(name=name))}


def wait_for(happens, seconds=30.0):
    until = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


def wait_until(models, expected, name="m"):
    wait_for(lambda: states(models, name) == expected)


def ask(models, **choice):
    """The version that answers, by its own word."""
    lease = models.find(spec("m", **choice))
    answer = int(lease.engine.run("", {"x": X})["y"][0])
    assert answer == lease.number
    return answer


def refused(models, **choice):
    with pytest.raises(ServingError) as error:
        models.find(spec("m", **choice))
    return str(error.value)


class Held:
    """A request that stays in flight until it is let go."""

    def __init__(self, models):
        lease = models.latest("m")
        run = lease.engine.run
        entered, self._go_on = threading.Event(), threading.Event()
        self.answers = []

        def slow(*args):
            entered.set()
            assert self._go_on.wait(30)
            return run(*args)

        def request():
            self.answers.append(ask(models))

        lease.engine.run = slow
        del lease
        self._thread = threading.Thread(target=request)
        self._thread.start()
        assert entered.wait(30)

    def let_go(self):
        self._go_on.set()
        self._thread.join(30)


def test_a_new_version_comes_up_before_the_old_goes(drop, serve):
    drop(1)
    models = serve()
    assert ask(models) == 1
    drop(2)
    seen = set()
    while (now := states(models)) != {2: "AVAILABLE", 1: "END"}:
        seen.add(tuple(sorted(now.items())))
        assert ask(models) in (1, 2)
    assert all("AVAILABLE" in dict(row).values() for row in seen)
    assert ask(models) == 2 and ask(models, version=2) == 2
    assert refused(models, version=1) == "NOT_FOUND: Servable not found for request: Specific(m, 1)"


def test_retired_versions_stay_listed_newest_first(drop, serve):
    drop(1)
    models = serve()
    for number in (2, 3, 4):
        drop(number)
        wait_for(lambda number=number: ask(models) == number)
    wait_until(models, {4: "AVAILABLE", 3: "END", 2: "END", 1: "END"})
    assert list(states(models)) == [4, 3, 2, 1]


def test_a_request_in_flight_finishes(drop, serve):
    drop(1)
    models = serve()
    held = Held(models)
    drop(2)
    wait_until(models, {2: "AVAILABLE", 1: "UNLOADING"})
    assert refused(models, version=1) == "NOT_FOUND: Servable not found for request: Specific(m, 1)"
    assert ask(models) == 2
    held.let_go()
    assert held.answers == [1]
    wait_until(models, {2: "AVAILABLE", 1: "END"})


def test_a_version_that_has_ended_leaves_no_memory_behind(drop, serve):
    drop(1)
    models = serve(watch=False)
    assert ask(models) == 1
    engine = weakref.ref(models.latest("m").engine)
    drop(2)
    gc.disable()
    try:
        models.refresh()
    finally:
        gc.enable()
    assert states(models) == {2: "AVAILABLE", 1: "END"} and engine() is None


def test_other_names_are_no_versions(drop, serve):
    drop("00000002", what=2)
    models = serve()
    for name in ("temp-3", "x7", "-4", "2.5", ".9"):
        drop(name, what=3)
    models.refresh()
    assert states(models) == {2: "AVAILABLE"}


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("corrupt", "OUT_OF_RANGE", "Read less bytes than requested"),
        ("empty", "NOT_FOUND", "Could not find SavedModel .pb"),
    ],
)
def test_a_bad_version_never_takes_the_old_one_down(drop, serve, what, code, message):
    drop(1)
    models = serve()
    drop(3, what=what)
    wait_until(models, {3: "END", 1: "AVAILABLE"})
    models.refresh()
    assert states(models) == {3: "END", 1: "AVAILABLE"}, "it is not tried again at once"
    with Server(models) as server, grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = wire.GetModelStatusRequest(model_spec=spec("m"))
        reply = _foreign(stub.GetModelStatus, request)
    status = reply.model_version_status[0].status
    assert status.error_code == wire.Code[code] and message in status.error_message
    assert ask(models) == 1
    drop(4)
    wait_until(models, {4: "AVAILABLE", 3: "END", 1: "END"})


def test_a_deleted_version_goes_on_while_nothing_that_is_wanted_loads(drop, serve):
    drop(1)
    models = serve()
    path = drop(2)
    wait_until(models, {2: "AVAILABLE", 1: "END"})
    drop(3, what="corrupt")
    wait_until(models, {3: "END", 2: "AVAILABLE", 1: "END"})
    shutil.rmtree(path)
    models.refresh()
    assert ask(models) == 2
    drop(4)
    wait_until(models, {4: "AVAILABLE", 3: "END", 2: "END", 1: "END"})


def _foreign(method, message):
    """Sends our message by the stub of another client."""
    kind = {"GetModelStatusRequest": "get_model_status_pb2", "ReloadConfigRequest": "model_management_pb2"}
    module = __import__(f"tensorflow_serving.apis.{kind[message.DESCRIPTOR.name]}", fromlist=["x"])
    request_type = getattr(module, message.DESCRIPTOR.name)
    return method(request_type.FromString(message.SerializeToString()), timeout=30)


def test_whatever_happens_while_it_loads_the_old_one_stays(drop, serve, monkeypatch):
    drop(1)
    models = serve(watch=False)

    def replay(engine, path, name):
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("tfmeta.serving.lifecycle.warmup.replay", replay)
    drop(2)
    models.refresh()
    assert states(models) == {2: "END", 1: "AVAILABLE"} and ask(models) == 1
    error = models.status(spec("m", version=2))[0].error
    assert (error.code, error.reason) == ("UNKNOWN", "RuntimeError: nobody thought of this")


def test_a_version_comes_back_while_its_last_requests_run(drop, serve):
    path = drop(2)
    drop(1)
    models = serve()
    held = Held(models)
    path.rename(path.with_name("away"))
    wait_until(models, {2: "UNLOADING", 1: "AVAILABLE"})
    path.with_name("away").rename(path)
    wait_until(models, {2: "AVAILABLE", 1: "END"})
    assert ask(models) == 2
    held.let_go()
    assert held.answers == [2] and ask(models) == 2


def test_removing_the_latest_falls_back_and_removing_all_unloads_all(drop, serve):
    older, latest = drop(1), drop(2)
    models = serve()
    assert states(models) == {2: "AVAILABLE"}
    shutil.rmtree(latest)
    wait_until(models, {2: "END", 1: "AVAILABLE"})
    assert ask(models) == 1
    shutil.rmtree(older)
    wait_until(models, {2: "END", 1: "END"})
    assert refused(models) == "NOT_FOUND: Servable not found for request: Latest(m)"
    drop(2)
    wait_until(models, {2: "AVAILABLE", 1: "END"})


def test_a_folder_that_is_away_changes_nothing_and_is_complained_of_once(drop, serve, tmp_path, caplog):
    drop(1)
    models = serve(watch=False)
    (tmp_path / "m").rename(tmp_path / "away")
    for _ in range(3):
        models.refresh()
    assert ask(models) == 1
    (record,) = caplog.records
    assert record.getMessage() == f"model 'm' stays as it is: there is no folder {tmp_path / 'm'}"
    (tmp_path / "away").rename(tmp_path / "m")
    models.refresh()
    shutil.rmtree(tmp_path / "m")
    models.refresh()
    assert ask(models) == 1 and len(caplog.records) == 2


def test_a_folder_that_cannot_be_read_changes_nothing(drop, serve, monkeypatch, caplog):
    drop(1)
    models = serve(watch=False)

    def versions_in(folder):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("tfmeta.serving.lifecycle.model.versions_in", versions_in)
    models.refresh()
    assert ask(models) == 1 and "cannot be read: Input/output error" in caplog.text


def test_a_version_that_was_half_copied_is_tried_again(drop, serve, built):
    drop(1)
    models = serve(load_retries=LoadRetries(times=1000, seconds=POLL))
    broken = drop(2, what="corrupt")
    wait_for(lambda: 2 in states(models) and models.status(spec("m", version=2))[0].attempts > 1)
    assert ask(models) == 1
    shutil.copytree(built / "2", broken, dirs_exist_ok=True)
    wait_until(models, {2: "AVAILABLE", 1: "END"})


def test_retries_end(drop, serve):
    drop(1)
    models = serve(watch=False, load_retries=LoadRetries(times=2, seconds=0.0))
    path = drop(2, what="corrupt")
    for _ in range(5):
        models.refresh()
    assert models.status(spec("m", version=2))[0].attempts == 3
    path.rename(path.with_name("elsewhere"))
    models.refresh()
    path.with_name("elsewhere").rename(path)
    models.refresh()
    assert models.status(spec("m", version=2))[0].attempts == 1, "a version that is put in anew is new"


def test_policies(drop, serve):
    for number in (1, 2, 3, 4):
        drop(number)
    models = serve("m model_version_policy { latest { num_versions: 2 } }")
    assert states(models) == {4: "AVAILABLE", 3: "AVAILABLE"}
    models = serve("m model_version_policy { all {} }")
    assert [number for number, state in states(models).items() if state == "AVAILABLE"] == [4, 3, 2, 1]
    models = serve("m model_version_policy { specific { versions: 1 versions: 3 versions: 9 } }")
    assert states(models) == {3: "AVAILABLE", 1: "AVAILABLE"}
    assert ask(models) == 3


def test_one_bad_version_of_several_does_not_stop_the_start(drop, serve):
    drop(1), drop(2, what="corrupt")
    models = serve("m model_version_policy { all {} }")
    assert states(models) == {2: "END", 1: "AVAILABLE"}


def test_one_bad_model_fails_the_start(drop, serve):
    drop(1), drop(1, what="corrupt", model="bad")
    with pytest.raises(ModelLoadError, match="model 'bad' cannot be served"):
        serve("m", "bad")


def test_an_empty_folder_is_waited_for_and_a_missing_one_is_said(drop, serve, tmp_path):
    with pytest.raises(ModelLoadError, match="there is no such folder"):
        serve()
    (tmp_path / "m").mkdir()
    models = serve(load=False, watch=False)
    starting = threading.Thread(target=models.load)
    starting.start()
    starting.join(0.1)
    assert starting.is_alive()
    drop(1)
    starting.join(30)
    assert not starting.is_alive() and ask(models) == 1


def test_a_stop_ends_every_wait(drop, serve, tmp_path):
    (tmp_path / "m").mkdir()
    models = serve(load=False, watch=False)
    starting = threading.Thread(target=models.load)
    starting.start()
    starting.join(0.1)
    assert starting.is_alive()

    def stopped():  # again and again, since a load that has hardly begun would not have heard it
        models.stop_waiting()
        return not starting.is_alive()

    wait_for(stopped)
    drop(1)
    models.load()
    reloading = threading.Thread(target=reload, args=(models, "m", "n"), kwargs={"folder": tmp_path})
    reloading.start()
    reloading.join(0.1)
    assert reloading.is_alive()
    models.stop_waiting()
    reloading.join(30)
    assert not reloading.is_alive() and ask(models) == 1


def reload(models, *configs, folder):
    models.reload(config_list(*configs, folder=folder))


def test_reload_replaces_the_whole_list(drop, serve, tmp_path):
    drop(1), drop(2, model="n")
    models = serve()
    reload(models, "n", folder=tmp_path)
    assert models.names == ["n"] and models.latest("n").number == 2, "it waits for what is new"
    assert refused(models) == "NOT_FOUND: Servable not found for request: Latest(m)"
    assert states(models) == {1: "END"}
    reload(models, "n", "m", folder=tmp_path)
    assert ask(models) == 1
    reload(models, folder=tmp_path)
    assert models.names == ["m"]


def test_reload_lets_requests_of_a_dropped_model_finish(drop, serve, tmp_path):
    drop(1), drop(1, model="n")
    models = serve()
    held = Held(models)
    reload(models, "n", folder=tmp_path)
    assert states(models) == {1: "UNLOADING"}
    held.let_go()
    assert held.answers == [1]
    wait_until(models, {1: "END"})


def test_reload_waits_for_new_models_and_blocks_on_a_missing_folder(drop, serve, tmp_path):
    drop(1)
    models = serve()
    reloading = threading.Thread(target=reload, args=(models, "m", "n"), kwargs={"folder": tmp_path})
    reloading.start()
    reloading.join(0.1)
    assert reloading.is_alive() and ask(models) == 1
    drop(1, model="n")
    reloading.join(30)
    assert not reloading.is_alive() and models.latest("n").number == 1


def test_a_later_reload_frees_one_that_waits(drop, serve, tmp_path):
    drop(1)
    models = serve()
    reloading = threading.Thread(target=reload, args=(models, "m", "n"), kwargs={"folder": tmp_path})
    reloading.start()
    wait_for(lambda: models.names == ["m", "n"])
    reload(models, "m", folder=tmp_path)
    reloading.join(30)
    assert not reloading.is_alive()


def test_reload_with_a_new_model_that_does_not_load(drop, serve, tmp_path):
    drop(1), drop(1, what="empty", model="bad")
    models = serve()
    with pytest.raises(ServingError) as error:
        reload(models, "m", "bad", folder=tmp_path)
    assert error.value.code == "UNKNOWN"
    assert error.value.message.startswith(
        "1 model(s) did not become available: {{{name: bad version: 1} due to error: NOT_FOUND: Could not find"
    )
    assert error.value.message.endswith("}, }") and ask(models) == 1


def test_a_policy_changes_after_the_reply_and_loads_before_it_unloads(drop, serve, tmp_path):
    drop(1), drop(2)
    models = serve()
    models.reload(config_list("m model_version_policy { specific { versions: 1 } }", folder=tmp_path))
    wait_until(models, {2: "END", 1: "AVAILABLE"})


def test_a_list_at_fault_is_refused_and_the_old_one_stays(drop, serve, tmp_path):
    drop(1)
    models = serve(watch=False)
    with pytest.raises(ServingError, match="Illegal to list model n multiple times"):
        reload(models, "n", "n", folder=tmp_path)
    assert models.names == ["m"] and ask(models) == 1


NOT_AVAILABLE = (
    "FAILED_PRECONDITION: Request to assign label to version 2 of model m, "
    "which is not currently available for inference"
)
BOTH = "m model_version_policy { all {} }"


def labelled(label, number):
    return f'{BOTH} version_labels {{ key: "{label}" value: {number} }}'


def test_labels_at_the_start_need_the_flag(drop, serve):
    drop(1), drop(2)
    with pytest.raises(ServingError) as error:
        serve(labelled("canary", 2))
    assert str(error.value) == NOT_AVAILABLE
    models = serve(labelled("canary", 2), allow_unavailable_labels=True)
    assert ask(models, label="canary") == 2
    assert refused(models, label="stable") == "INVALID_ARGUMENT: Unrecognized servable version label: stable"


def test_a_label_is_moved_at_once_and_only_to_what_is_available(drop, serve, tmp_path):
    drop(1)
    models = serve(BOTH)
    reload(models, labelled("stable", 1), folder=tmp_path)
    assert ask(models, label="stable") == 1
    with pytest.raises(ServingError) as error:
        reload(models, labelled("stable", 2), folder=tmp_path)
    assert str(error.value) == NOT_AVAILABLE
    assert ask(models, label="stable") == 1
    drop(2)
    wait_until(models, {2: "AVAILABLE", 1: "AVAILABLE"})
    reload(models, labelled("stable", 2), folder=tmp_path)
    assert ask(models, label="stable") == 2
    reload(models, BOTH, folder=tmp_path)
    assert refused(models, label="stable").startswith("INVALID_ARGUMENT")


def test_the_flag_lets_a_new_label_run_ahead_but_moves_none(drop, serve, tmp_path):
    drop(1)
    models = serve(labelled("stable", 1), allow_unavailable_labels=True)
    reload(models, f'{labelled("stable", 1)} version_labels {{ key: "canary" value: 2 }}', folder=tmp_path)
    assert refused(models, label="canary") == "NOT_FOUND: Servable not found for request: Specific(m, 2)"
    with pytest.raises(ServingError) as error:
        reload(models, labelled("stable", 2), folder=tmp_path)
    assert str(error.value) == NOT_AVAILABLE


def test_a_label_left_on_an_unloaded_version(drop, serve):
    drop(1)
    path = drop(2)
    models = serve(labelled("canary", 2), allow_unavailable_labels=True)
    shutil.rmtree(path)
    wait_until(models, {2: "END", 1: "AVAILABLE"})
    assert refused(models, label="canary") == "NOT_FOUND: Servable not found for request: Specific(m, 2)"


def test_reload_over_the_wire(drop, serve, tmp_path):
    drop(1), drop(1, model="n")
    models = serve()
    with Server(models) as server, grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        config = config_list("m", "n", folder=tmp_path)
        reply = _foreign(stub.HandleReloadConfigRequest, wire.ReloadConfigRequest(config=config))
        assert reply.HasField("status") and reply.status.error_code == 0
        assert models.names == ["m", "n"]
        with pytest.raises(grpc.RpcError) as error:
            stub.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=30)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == (
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported"
    )


def test_no_request_for_the_latest_fails_while_versions_change(drop, serve):
    drop(1)
    models = serve()
    failures, done, answers = [], threading.Event(), set()

    def keep_asking(address):
        with Client(address) as client:
            while not done.is_set():
                try:
                    answers.add(int(client.predict("m", {"x": X})["y"][0]))
                except ServingError as error:
                    failures.append(error)

    with Server(models) as server:
        threads = [threading.Thread(target=keep_asking, args=(server.address,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        drop(2)
        wait_until(models, {2: "AVAILABLE", 1: "END"})
        bad = drop(3, what="corrupt")
        wait_until(models, {3: "END", 2: "AVAILABLE", 1: "END"})
        latest = drop(4)
        wait_until(models, {4: "AVAILABLE", 3: "END", 2: "END", 1: "END"})
        wait_for(lambda: 4 in answers)
        shutil.rmtree(bad), shutil.rmtree(latest)
        wait_until(models, {4: "END", 3: "END", 2: "AVAILABLE", 1: "END"})
        done.set()
        for thread in threads:
            thread.join(30)
    assert not failures and answers == {1, 2, 4}
