"""The quickstart on tiny models, over real gRPC, with the server in a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests import tiny_models
from tfmeta.core.checks import TfmetaError
from tfmeta.data.digits import load_digit_files
from tfmeta.quickstart import quickstart
from tfmeta.quickstart.tasks import QUERIES, WAYS, draw_tasks
from tfmeta.serving.errors import ModelLoadError
from tfmeta.serving.process import ServerProcess

KILLED_PARENT = """
import os, signal, sys
from tfmeta.serving.process import ServerProcess
if __name__ == "__main__":
    server = ServerProcess([sys.argv[1]], ["matching_tiny"])
    server.wait()
    print(server._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def models(exported_tiny_models):
    return exported_tiny_models


@pytest.fixture(scope="module")
def drawn():
    return draw_tasks(*load_digit_files(), 4)


def test_tasks_are_of_five_digits_seen_once(drawn):
    images, labels = load_digit_files()
    digit_of = dict(zip(images, labels, strict=True))
    for task in drawn:
        assert len(set(task.digits)) == WAYS
        assert [digit_of[image] for image in task.support] == list(task.digits)
        assert [digit_of[image] for image in task.queries] == list(task.digits[task.truth])
        assert np.bincount(task.truth).tolist() == [QUERIES] * WAYS
        everything = [*task.support, *task.queries]
        assert len(set(everything)) == len(everything)


def test_a_task_does_not_depend_on_how_many_there_are(drawn):
    fewer = draw_tasks(*load_digit_files(), 2)
    assert all((few.queries == more.queries).all() for few, more in zip(fewer, drawn[:2], strict=True))
    other = draw_tasks(*load_digit_files(), 2, seed=1)
    assert not np.array_equal(other[0].queries, fewer[0].queries)


def test_asks_every_model_and_draws_a_picture(models, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFMETA_MODELS", str(models))
    monkeypatch.setattr("tfmeta.paths.PACKAGED_MODELS", tmp_path / "none")
    monkeypatch.setattr("tfmeta.paths.CHECKOUT_MODELS", tmp_path / "none")
    scores = quickstart(tmp_path / "answers.png", tasks=3)
    assert [score.model for score in scores] == list(tiny_models.NAMES)
    for score in scores:
        assert score.labels.shape == (3, WAYS * QUERIES)
        assert 0.3 < score.accuracy.mean <= 1.0  # even coarse pixels tell digits apart better than chance
        assert (score.adapt > 0).all() and (score.predict > 0).all()
    table = capsys.readouterr().out
    assert all(name in table for name in tiny_models.NAMES) and "±" in table
    assert (tmp_path / "answers.png").read_bytes().startswith(b"\x89PNG")


def test_says_where_it_searched_for_models(tmp_path, monkeypatch):
    monkeypatch.setenv("TFMETA_MODELS", str(tmp_path))
    monkeypatch.setattr("tfmeta.paths.PACKAGED_MODELS", tmp_path / "none")
    monkeypatch.setattr("tfmeta.paths.CHECKOUT_MODELS", tmp_path / "none")
    with pytest.raises(TfmetaError, match=r"No few-shot classifier .* Searched: .*" + tmp_path.name):
        quickstart(tmp_path / "answers.png")


def test_the_servers_trouble_reaches_the_parent(tmp_path):
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"half")
    with (
        ServerProcess([tmp_path]) as server,
        pytest.raises(ModelLoadError, match="'broken' cannot be served"),
    ):
        server.wait()


def test_the_server_ends_with_its_parent_even_when_that_is_killed(models, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(KILLED_PARENT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    finished = subprocess.run(
        [sys.executable, script, models], capture_output=True, text=True, env=environment, timeout=120
    )
    server = int(finished.stdout)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            os.kill(server, 0)
            # Where nobody reaps orphans, one that has ended stays as a zombie.
            if "State:\tZ" in Path(f"/proc/{server}/status").read_text():
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        time.sleep(0.1)
    pytest.fail(f"the server, process {server}, outlived its parent")
