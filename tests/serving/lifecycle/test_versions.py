"""Versions come and go while a model answers: the table of TF Serving's behaviour, "Versions"."""

import gc
import shutil
import threading
import weakref

import grpc
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc

from tests.serving.lifecycle.watched import POLL, Held, X, ask, foreign, refused, states, wait_for, wait_until
from tests.serving.requests import spec
from tfmeta import wire
from tfmeta.serving.client import Client, ServingError
from tfmeta.serving.lifecycle.model import LoadRetries
from tfmeta.serving.server import Server


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
        reply = foreign(stub.GetModelStatus, request)
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


def test_each_version_is_told_of_before_it_is_loaded(drop, serve):
    seen = []
    first = drop(1)
    models = serve(before_load=seen.append)
    assert ask(models) == 1
    second = drop(2)
    wait_for(lambda: ask(models) == 2)
    assert seen == [first, second]
