import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.core import toys
from tfmeta.cli import main
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import GOLDEN_FILE, export
from tfmeta.core.gate import Finding, Report, c_api, check_artefact
from tfmeta.core.hub import load
from tfmeta.core.stamps import STAMPS_FILE, has_passed
from tfmeta.core.warmup import WARMUP_FILE, write_requests
from tfmeta.paths import CHECKOUT_MODELS

pytestmark = pytest.mark.usefixtures("in_a_hurry")


def findings(report):
    return {finding.check: finding for finding in report.findings}


def failed(report):
    assert not report.ok and "must not be served" in str(report)
    assert all("\n" not in str(finding) for finding in report.findings)
    return {finding.check: finding.detail for finding in report.findings if not finding.holds}


def test_a_right_artefact_passes(tmp_path):
    report = check_artefact(export(toys.recurrent(), tmp_path))
    assert report.ok, str(report)
    assert list(findings(report)) == ["ops", "warm-up", "replay", "golden", "isolation", "composition"]
    assert set(report.latency) == {"serving_default", "initial_state", "act"}
    assert all(0 < seconds < 1 for seconds in report.latency.values())
    assert report.batching.startswith("may be switched on") and "classes" not in report.batching
    assert str(report).endswith("may be served.")
    assert check_artefact(tmp_path / "recurrent").path == report.path


def test_the_wrong_way_to_export_is_caught(tmp_path):
    path = toys.save_the_wrong_way(tmp_path / "1")
    assert load(path)(x=np.ones([1, 2]))["y"].shape == (1, 3)  # Python sees nothing wrong
    report = check_artefact(path)
    assert set(failed(report)) == {"replay", "isolation"}
    assert "Could not find variable" in failed(report)["replay"]
    assert "export with tfmeta.core.export" in failed(report)["replay"]


def test_assignments_are_caught(tmp_path):
    report = check_artefact(toys.save_with_assignments(tmp_path / "1"))
    assert "serving_default: Assign" in failed(report)["ops"]
    assert "changes the model with every request" in failed(report)["ops"]


def test_python_in_the_graph_is_caught(tmp_path):
    report = check_artefact(toys.save_with_python(tmp_path / "1"))
    assert "PyFunc" in failed(report)["ops"] and "needs Python" in failed(report)["ops"]
    assert [finding.check for finding in report.findings] == ["ops"]  # it was not run to find that out


def test_a_model_that_would_write_a_file_is_refused_before_it_is_loaded(tmp_path):
    written = tmp_path / "written"
    module = tf.Module()

    def function(x):
        with tf.control_dependencies([tf.io.write_file(str(written), "seen")]):
            return {"y": tf.identity(x)}

    saved = tf.function(function, input_signature=[toys.X])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=saved)
    written.unlink(missing_ok=True)
    report = check_artefact(tmp_path / "1")
    assert "WriteFile" in failed(report)["ops"] and not written.exists()


def test_a_model_without_signatures_is_refused(tmp_path):
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "1"))
    report = check_artefact(tmp_path / "1")
    assert "there is none" in failed(report)["signatures"]
    assert main(["check", str(tmp_path / "1")]) == 1


def test_a_second_graph_beside_the_first_is_refused(tmp_path):
    path = export(toys.single(lambda x: {"y": x + 1}), tmp_path)
    (path / "saved_model.pbtxt").write_text("")
    assert "saved_model.pbtxt is a second graph" in failed(check_artefact(path))["ops"]


def test_a_model_of_texts_is_asked(tmp_path):
    spec = tf.TensorSpec([None], tf.string, "text")
    servable = toys.single(
        lambda text: {"lower": tf.strings.lower(text), "length": tf.strings.length(text)},
        spec=spec, example={"text": np.array(["Word"], object)},
    )  # fmt: skip
    path = export(servable, tmp_path)
    assert check_artefact(path).ok
    answer = load(path)(text=["A Word", "\u00c4"])
    assert answer["lower"].tolist() == [b"a word", "\u00c4".encode()] and answer["length"].tolist() == [6, 2]
    (path / WARMUP_FILE).unlink()
    (path / GOLDEN_FILE).unlink()
    report = check_artefact(path)  # the empty text is sent
    assert set(failed(report)) == {"warm-up"}


def test_a_model_is_remembered_until_it_changes(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = export(toys.single(lambda x: {"y": x + 1}), tmp_path / "models")
    load(path)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} has not passed the gate: a model may read and write files of this machine; run tfmeta check {path}."
    ]
    assert check_artefact(path).ok and has_passed(path)
    copy = shutil.copytree(path, tmp_path / "copies" / "1")
    copy.chmod(0o500)
    load(copy)
    assert has_passed(copy) and len(caplog.records) == 1
    variables = next(path.glob("variables/*.index"))
    variables.write_bytes(variables.read_bytes() + b" ")
    assert not has_passed(path)


def test_what_a_model_says_of_itself_commands_no_terminal():
    report = Report(Path("model"), (Finding("ops", False, "Assign (red\x1b[31m\x07)"),), "unknown")
    assert "\x1b" not in str(report) and "\x07" not in str(report) and "(red\ufffd[31m\ufffd)" in str(report)


def test_the_shipped_models_are_stamped():
    stamped = (CHECKOUT_MODELS / STAMPS_FILE).read_text().splitlines()
    assert sorted(stamped, key=lambda row: row.split()[1]) == stamped
    names = {f"{path.parent.name}/{path.name}" for path in CHECKOUT_MODELS.glob("*/[0-9]*")}
    assert {row.split()[1] for row in stamped} == names
    assert all(has_passed(CHECKOUT_MODELS / name) for name in names), "run: tfmeta check saved_models/*/*"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux can end a process with the one that started it")
def test_what_the_gate_started_ends_with_it(tmp_path):
    inner = (
        "import os, sys, time; sys.path.insert(0, sys.argv[1]); import c_api;"
        " c_api.end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"
    )
    outer = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], sys.argv[2]])"
    folder = str(Path(c_api.__file__).parent)
    parent = subprocess.Popen([sys.executable, "-c", outer, inner, folder], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        with suppress(OSError):
            if "(zombie)" not in Path(f"/proc/{child}/status").read_text():
                time.sleep(0.1)
                continue
        return
    raise AssertionError(f"process {child} goes on without the one that started it")


def test_tasks_that_touch_each_other_are_caught(tmp_path):
    report = check_artefact(export(toys.single(lambda x: {"y": x - tf.reduce_mean(x, axis=0)}), tmp_path))
    assert set(failed(report)) == {"isolation"}
    assert "merged with another task: y differs" in failed(report)["isolation"]
    assert report.batching.startswith("must stay off: serving_default, merged")


def test_signatures_that_cannot_be_merged_are_told(tmp_path):
    report = check_artefact(export(toys.single(lambda x: {"y": x, "count": tf.size(x)}), tmp_path))
    assert report.ok
    assert report.batching == "must stay off: count of serving_default has no free leading dimension"


def test_rows_as_wide_as_the_largest_integer_are_told(tmp_path):
    spec = tf.TensorSpec([None, None], tf.int64, "x")
    example = {"x": np.array([[2, 1]], np.int64)}
    servable = toys.single(
        lambda x: {"y": tf.one_hot(x, tf.cast(tf.reduce_max(x), tf.int32) + 1)}, spec=spec, example=example
    )
    report = check_artefact(export(servable, tmp_path))
    assert report.ok and "only for requests with the same number of classes" in report.batching


def test_without_warmup_requests_zeros_are_sent(tmp_path):
    path = export(toys.single(lambda x: {"y": x + 1}), tmp_path)
    (path / WARMUP_FILE).unlink()
    (path / GOLDEN_FILE).unlink()
    report = check_artefact(path)
    assert set(failed(report)) == {"warm-up"} and "so zeros were sent" in failed(report)["warm-up"]
    assert findings(report)["replay"].holds


def test_other_answers_than_at_export_are_caught(tmp_path):
    path = export(toys.single(lambda x: {"y": x + 1}), tmp_path)
    np.savez(path / GOLDEN_FILE, **{"serving_default/y": np.array([[2.0, 3.1]], np.float32)})
    assert failed(check_artefact(path)) == {
        "golden": "serving_default: y differs by 3e-02 from what was recorded at export"
    }


def test_two_steps_that_are_not_one_are_caught(tmp_path):
    servable = toys.recurrent()
    act = servable.signatures["act"]

    def act_otherwise(x, state):
        answer = act.function(x, state)
        return {**answer, "state": answer["state"] * 1.01}

    broken = {**servable.signatures, "act": type(act)(act_otherwise, act.inputs, act.example)}
    report = check_artefact(export(type(servable)("broken", broken, servable.card), tmp_path))
    assert "initial_state then act" in failed(report)["composition"]


@pytest.mark.parametrize("damage", ["half a graph", "half the weights"])
def test_a_damaged_artefact_is_told_in_one_line(tmp_path, damage):
    path = export(toys.recurrent(), tmp_path)
    file = path / "saved_model.pb" if damage == "half a graph" else next(path.glob("variables/*.data*"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(TfmetaError, match="no complete SavedModel") as caught:
        check_artefact(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_told_in_one_line(tmp_path):
    with pytest.raises(TfmetaError, match=r"neither saved_model\.pb nor numbered versions"):
        check_artefact(tmp_path)


def test_what_a_warmup_request_leaves_out_is_filled_in(tmp_path):
    one = tf.constant([1.0])
    spec = tf.TensorSpec([None], tf.float32, "x")
    servable = toys.single(lambda x=one: {"y": x + 1}, example={"x": np.zeros(1, np.float32)}, spec=spec)
    path = export(servable, tmp_path)
    write_requests(path / WARMUP_FILE, "single", [("serving_default", {})])
    (path / GOLDEN_FILE).write_bytes(b"damaged")
    report = check_artefact(path)
    assert findings(report)["replay"].holds and findings(report)["isolation"].holds
    assert "golden.npz cannot be read" in failed(report)["golden"]
