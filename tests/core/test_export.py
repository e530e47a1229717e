import json
import resource
from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.core import toys
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import GOLDEN_FILE, Servable, export
from tfmeta.core.hub import load
from tfmeta.core.warmup import WARMUP_FILE, read_requests


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    return export(toys.recurrent(), tmp_path_factory.mktemp("models"), version=3)


def test_it_lies_where_a_server_looks(artefact):
    assert artefact.parts[-2:] == ("recurrent", "3")
    assert [path.name for path in artefact.parent.iterdir()] == ["3"]
    assert (artefact / "saved_model.pb").is_file() and (artefact / "variables" / "variables.index").is_file()


def test_inputs_and_outputs_have_their_names(artefact):
    act = tf.saved_model.load(str(artefact)).signatures["act"]
    assert set(act.structured_input_signature[1]) == {"x", "state"}
    assert set(act.structured_outputs) == {"action", "state"}


def test_the_card_tells_the_signatures(artefact):
    card = Card.read(artefact)
    assert (card.name, card.version, card.summary) == ("recurrent", 3, "A recurrent cell.")
    assert set(card.signatures) == {"serving_default", "initial_state", "act"}
    assert card.signatures["act"] == {
        "inputs": {
            "state": {"dtype": "float32", "shape": [None, 3]},
            "x": {"dtype": "float32", "shape": [None, 2]},
        },
        "outputs": {
            "action": {"dtype": "int64", "shape": [None]},
            "state": {"dtype": "float32", "shape": [None, 3]},
        },
    }


def test_warmup_requests_are_what_tf_serving_reads(artefact):
    records = tf.data.TFRecordDataset(str(artefact / WARMUP_FILE)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    requests = {log.predict_log.request.model_spec.signature_name: log.predict_log.request for log in logs}
    assert set(requests) == {"serving_default", "initial_state", "act"}
    assert {log.WhichOneof("log_type") for log in logs} == {"predict_log"}
    act = requests["act"]
    assert act.model_spec.name == "recurrent" and set(act.inputs) == {"x", "state"}
    np.testing.assert_array_equal(tf.make_ndarray(act.inputs["x"]), toys.EXAMPLE["x"])
    assert act.inputs["x"].dtype == tf.float32.as_datatype_enum


def test_warmup_requests_are_read_back(artefact):
    requests = dict(read_requests(artefact / WARMUP_FILE))
    np.testing.assert_array_equal(requests["act"]["state"], np.full([1, 3], 0.5, np.float32))


def test_a_damaged_warmup_file_is_refused_in_one_line(artefact, tmp_path):
    data = (artefact / WARMUP_FILE).read_bytes()
    for damaged in (data[:-3], b"\0" + data[1:], data[:40] + b"?" + data[41:]):
        (tmp_path / "file").write_bytes(damaged)
        with pytest.raises(TfmetaError, match="has no readable warm-up") as caught:
            read_requests(tmp_path / "file")
        assert "\n" not in str(caught.value)


def test_answers_are_recorded_before_saving(artefact):
    golden = np.load(artefact / GOLDEN_FILE)
    assert {"act/state", "act/action", "serving_default/action", "initial_state/state"} <= set(golden)
    answer = load(artefact)(rows=[0], **toys.EXAMPLE)
    np.testing.assert_allclose(golden["serving_default/state"], answer["state"], rtol=1e-6, atol=1e-6)


def test_an_input_with_a_default_may_be_left_out(tmp_path):
    one = tf.constant([1.0])
    spec = tf.TensorSpec([None], tf.float32, "x")
    servable = toys.single(lambda x=one: {"y": x + 1}, example={"x": np.zeros(1, np.float32)}, spec=spec)
    path = export(servable, tmp_path)
    assert load(path)()["y"] == 2.0 and load(path)(x=[2.0])["y"] == 3.0


def test_a_version_is_replaced_only_when_asked(tmp_path):
    path = export(toys.single(lambda x: {"y": x}), tmp_path)
    with pytest.raises(TfmetaError, match="exists already"):
        export(toys.single(lambda x: {"y": 2 * x}), tmp_path)
    assert json.loads((path / "assets.extra" / "card.json").read_text())["version"] == 1
    export(toys.single(lambda x: {"y": 2 * x}), tmp_path, overwrite=True)
    assert np.load(path / GOLDEN_FILE)["serving_default/y"].tolist() == [[2.0, 4.0]]
    assert [entry.name for entry in path.parent.iterdir()] == ["1"]
    assert export(toys.single(lambda x: {"y": x}), tmp_path, version=2).name == "2"


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TfmetaError, match="cannot be written: Not a directory") as caught:
        export(toys.single(lambda x: {"y": x}), tmp_path / "file")
    assert "\n" not in str(caught.value)


@contextmanager
def files_at_most(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path):
    big = keras.Variable(np.zeros([1000, 1000], np.float32))
    servable = toys.single(lambda x: {"y": x + big[0, 0]})
    with (
        files_at_most(1_000_000),
        pytest.raises(TfmetaError, match=r"cannot be written: .*Free some space") as caught,
    ):
        export(servable, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_signature_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(tf.errors.InvalidArgumentError):
        export(toys.single(lambda x: {"y": tf.debugging.check_numerics(x / 0.0, "odd")}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_makes_no_servable_is_refused():
    signature = toys.single(lambda x: {"y": x}).signatures["serving_default"]
    with pytest.raises(ValueError, match="names a folder"):
        Servable("../x", {"serving_default": signature}, Card(""))
    with pytest.raises(ValueError, match="'serving_default'"):
        Servable("x", {"act": signature}, Card(""))
    with pytest.raises(ValueError, match=r"inputs \['x'\], but its example has \['z'\]"):
        toys.single(lambda x: {"y": x}, example={"z": toys.EXAMPLE["x"]})
    with pytest.raises(ValueError, match="version=0"):
        export(toys.single(lambda x: {"y": x}), ".", version=0)


def test_an_answer_that_is_not_finite_is_an_error(tmp_path):
    model = load(export(toys.single(lambda x: {"y": x * x, "label": tf.argmax(x, axis=-1)}), tmp_path))
    assert model(x=[[1.0, 2.0]])["y"].tolist() == [[1.0, 4.0]]
    with pytest.raises(
        TfmetaError, match="the answer would hold in y 1 numbers that are NaN or infinite; expected"
    ):
        model(x=[[1.0, 1e30]])
