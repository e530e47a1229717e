"""A new list of models while the old ones answer: the table of TF Serving's behaviour, "Reload"."""

import threading

import grpc
import pytest
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.serving.lifecycle.watched import (
    Held,
    ask,
    config_list,
    foreign,
    refused,
    reload,
    states,
    wait_for,
    wait_until,
)
from tfmeta import wire
from tfmeta.serving.client import ServingError
from tfmeta.serving.server import Server
from tfmeta.serving.services.table import services


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


def test_reload_over_the_wire(drop, serve, tmp_path):
    drop(1), drop(1, model="n")
    models = serve()
    with Server(models, reload_below=[tmp_path]) as server, grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        config = config_list("m", "n", folder=tmp_path)
        reply = foreign(stub.HandleReloadConfigRequest, wire.ReloadConfigRequest(config=config))
        assert reply.HasField("status") and reply.status.error_code == 0
        assert models.names == ["m", "n"]
        with pytest.raises(grpc.RpcError) as error:
            stub.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=30)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == (
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported"
    )


@pytest.mark.parametrize(
    ("below", "path", "words"),
    [
        ((), "", "takes no list of models from clients; start it with --allow_reload"),
        (("allowed",), "", "lies below none of the folders"),
        (("allowed",), "allowed/../elsewhere", "lies below none of the folders"),
        (("allowed",), "allowed/link", "lies below none of the folders"),
    ],
)
def test_clients_load_only_what_the_operator_allows(drop, serve, tmp_path, below, path, words):
    drop(1)
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path)
    models = serve()
    folders = [tmp_path / name for name in below]
    rpc = services(models, None, folders)["tensorflow.serving.ModelService"]["HandleReloadConfigRequest"]
    for config in (config_list("m", folder=tmp_path / path), config_list(folder=tmp_path / path)):
        if below and not config.model_config_list.config:
            continue
        with pytest.raises(ServingError) as error:
            rpc.answer(wire.ReloadConfigRequest(config=config))
        assert error.value.code == "PERMISSION_DENIED" and words in error.value.message
    assert models.names == ["m"] and ask(models) == 1


def test_a_reload_waits_no_longer_than_its_caller(drop, serve, tmp_path):
    drop(1)
    models = serve()
    with Server(models, reload_below=[tmp_path]) as server, grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)

        def request(name):
            body = wire.ReloadConfigRequest(
                config=config_list("m", name, folder=tmp_path)
            ).SerializeToString()
            return model_management_pb2.ReloadConfigRequest.FromString(body)

        abandoned = [
            stub.HandleReloadConfigRequest.future(request(f"n{number}"), timeout=0.5) for number in range(8)
        ]
        assert ask(models) == 1
        for call in abandoned:
            call.exception(timeout=20)
        drop(1, model="n")
        wait_for(lambda: not server._reloads.full)
        stub.HandleReloadConfigRequest(request("n"), timeout=30)
        assert models.names == ["m", "n"]
