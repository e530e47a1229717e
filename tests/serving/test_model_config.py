"""The list of models in TF Serving's text format: how it is read, what is refused, what a policy picks."""

import logging
import threading

import pytest

from tfmeta import wire
from tfmeta.core.checks import TfmetaError
from tfmeta.serving.errors import ServingError, not_found
from tfmeta.serving.lifecycle.model_config import (
    base_folder,
    check_model_config,
    latest_of_each,
    parse_model_config,
    read_model_config,
    wanted_versions,
)
from tfmeta.serving.lifecycle.watcher import ConfigFile, Watcher

FULL = """
# Comments, commas and colons are as in protobuf's text format.
model_config_list: {
  config: {
    name: "m",
    base_path: '/models/m',
    model_platform: "tensorflow",
    model_version_policy { specific { versions: 1 versions: [2, 3] } },
    version_labels { key: "stable" value: 1 }
    version_labels { key: "canary" value: 3 }
  },
  config {
    name: "n" base_path: "file:///models/n" model_type: TENSORFLOW
    logging_config { log_collector_config { type: "" filename_prefix: "" } sampling_config { sampling_rate: 0.1 } }
  }
}
"""


def one(rest, base_path="/models/m"):
    return f'model_config_list {{ config {{ name: "m" base_path: "{base_path}" {rest} }} }}'


def test_every_field_is_read():
    m, n = parse_model_config(FULL, "here").model_config_list.config
    assert (m.name, m.base_path, m.model_platform) == ("m", "/models/m", "tensorflow")
    assert list(m.model_version_policy.specific.versions) == [1, 2, 3]
    assert dict(m.version_labels) == {"stable": 1, "canary": 3}
    assert str(base_folder(n)) == "/models/n"


def test_the_shipped_example_of_the_docstring_parses():
    from tfmeta.serving.lifecycle import model_config

    example = model_config.__doc__.split("\n\n")[1]
    config = parse_model_config(example, "the docstring")
    check_model_config(config)
    assert [model.name for model in config.model_config_list.config] == ["maml_sinusoid"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (one('nam: "x"'), "f:1:63: ModelConfig has no field 'nam'. Did you mean name?"),
        (
            one("model_version_policy { lates {} }"),
            "f:1:86: ServableVersionPolicy has no field 'lates'. Did you mean latest? Known: all, latest, specific.",
        ),
        ("model_config_list { config {", 'f:1:28: Expected "}".'),
        (one("version_labels { key: 1 }"), "Expected string but found: '1'"),
        (one('name: "again"'), 'should not have multiple "name" fields'),
        ("", "f lists no models; expected model_config_list"),
        ("custom_model_config {}", "f lists no models; expected model_config_list"),
    ],
)
def test_what_is_none_is_told_with_its_line(text, message):
    with pytest.raises(TfmetaError) as error:
        parse_model_config(text, "f")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(TfmetaError, match=r"nowhere cannot be read: No such file"):
        read_model_config(tmp_path / "nowhere")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(TfmetaError, match="is no text"):
        read_model_config(tmp_path / "binary")


PLATFORM = 'model_platform: "tensorflow"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"model_config_list {{ {2 * ('config { name: ' + repr('m') + ' }')} }}",
            "Illegal to list model m multiple times in config list",
        ),
        (
            one(PLATFORM, base_path="models/m"),
            "Expected model m to have an absolute path or URI; got base_path()=models/m",
        ),
        (one('model_platform: "pytorch"'), "Model m requests unsupported platform pytorch"),
        (
            one(f"{PLATFORM} model_type: TENSORFLOW"),
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
        ),
        (
            one(""),
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform.",
        ),
        (one("model_type: OTHER"), "ModelServerConfig::model_type choice 2 not supported."),
    ],
)
def test_a_list_that_tf_serving_would_not_take(text, message):
    text = text.replace("name: 'm' }", f"name: 'm' base_path: '/m' {PLATFORM} }}")
    with pytest.raises(ServingError) as error:
        check_model_config(parse_model_config(text, "f"))
    assert str(error.value) == f"INVALID_ARGUMENT: {message}"


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", [7]),
        ("model_version_policy { latest {} }", [7]),
        ("model_version_policy { latest { num_versions: 2 } }", [7, 3]),
        ("model_version_policy { latest { num_versions: 9 } }", [7, 3, 1]),
        ("model_version_policy { all {} }", [7, 3, 1]),
        ("model_version_policy { specific { versions: [1, 3, 4] } }", [3, 1]),
        ("model_version_policy { specific {} }", []),
    ],
)
def test_policies(policy, wanted):
    (config,) = parse_model_config(one(policy), "f").model_config_list.config
    assert wanted_versions(config, [3, 1, 7]) == wanted
    assert wanted_versions(config, []) == []


def test_the_latest_of_each_is_a_list_to_be_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = latest_of_each({"m": "models/m"})
    check_model_config(config)
    assert config.model_config_list.config[0].base_path == str(tmp_path / "models" / "m")
    check_model_config(latest_of_each({}))


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(one(PLATFORM))
    taken = []
    file = ConfigFile(path, taken.append, read_model_config(path))
    file.taken, file.path = taken, path
    return file


def test_a_file_is_reloaded_when_what_it_says_has_changed(config_file):
    config_file.look()
    config_file.path.write_text("# the same list\n" + one(PLATFORM))
    config_file.look()
    assert not config_file.taken
    config_file.path.write_text(one(PLATFORM, base_path="/elsewhere"))
    config_file.look()
    config_file.look()
    (config,) = config_file.taken
    assert config.model_config_list.config[0].base_path == "/elsewhere"


def test_a_file_that_is_refused_is_tried_again_and_complained_of_once(config_file, caplog):
    answers = [not_found("later"), not_found("later"), None]

    def reload(config):
        answer = answers.pop(0)
        if answer:
            raise answer

    config_file._reload = reload
    config_file.path.write_text(one(PLATFORM, base_path="/elsewhere"))
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            config_file.look()
    assert not answers
    assert [record.getMessage() for record in caplog.records] == [
        "the list of models stays as it was: NOT_FOUND: later",
        f"{config_file.path} is in force",
    ]


def test_a_file_that_is_broken_or_gone_changes_nothing(config_file, caplog):
    config_file.path.write_text("model_config_list {")
    config_file.look()
    config_file.path.unlink()
    config_file.look()
    assert not config_file.taken
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_watch_goes_on_after_a_failure(caplog):
    twice = threading.Event()
    calls = []

    def look():
        calls.append(1)
        if len(calls) == 2:
            twice.set()
        raise RuntimeError("a bug")

    watcher = Watcher(look, seconds=0.001)
    assert twice.wait(10)
    watcher.stop()
    seen = len(calls)
    assert "watching failed, and goes on" in caplog.text
    watcher.wake()
    assert len(calls) == seen


def test_a_watch_can_be_woken():
    looked = threading.Event()
    watcher = Watcher(looked.set, seconds=3600)
    watcher.wake()
    assert looked.wait(10)
    watcher.stop()


def test_wire_config_of_a_foreign_client_is_the_same():
    from tensorflow_serving.config import model_server_config_pb2

    ours = parse_model_config(FULL, "f")
    theirs = model_server_config_pb2.ModelServerConfig.FromString(ours.SerializeToString())
    assert wire.ModelServerConfig.FromString(theirs.SerializeToString()) == ours
