"""One-shot imitation from the command line, as small as can be."""

import importlib.util
import json

import pytest
from PIL import Image

from docs.render import fetch_pages, imitation_page
from tfmeta.cli import main
from tfmeta.core.hub import load
from tfmeta.recipes.evaluate import evaluate_model
from tfmeta.recipes.registry import find_recipe

SMALL = "--policy final-state --units 4 --batch-size 4 --most 5 --horizon 6 --steps 2 --epoch-steps 2"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main(f"train imitation-reaching {SMALL} --out {folder}".split()) == 0
    assert main(["evaluate", str(folder)]) == 0
    return folder


def test_a_run_is_measured_by_number_of_landmarks(run):
    results = json.loads((run / "results.json").read_text())
    assert [row["setting"].rpartition(", ")[2] for row in results] == ["5 landmarks", "2 landmarks"]
    assert all(row["tasks"] == 200 and 0 <= row["value"] <= 1 for row in results)


STACKING = (
    "--most-cubes 3 --most-stages 1 --units 4 --batch-size 4 --steps 4 --epoch-steps 2 --shard-tasks 4 --first-shards 1"
    " --expert-epochs 1 --shown-steps 3"
)


def test_stacking_is_trained_from_shards_and_measured_by_stages(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_pages, "_EPISODES", 2)
    folder = tmp_path / "stacking"
    assert main(f"train imitation-stacking {STACKING} --out {folder}".split()) == 0
    assert sorted(path.name for path in folder.glob("shards/*")) == ["00000.tfrecord", "00001.tfrecord"]
    assert main(["evaluate", str(folder)]) == 0
    results = json.loads((folder / "results.json").read_text())
    assert [row["setting"].partition(", most")[0] for row in results] == ["stacking"] * 2
    assert [row["setting"].rpartition("1, ")[2] for row in results] == ["unseen, 1 stage", "seen, 1 stage"]
    drawn_page(tmp_path, results)


def drawn_page(runs, results):
    page = runs / "docs" / "imitation_results.md"
    page.parent.mkdir()
    imitation_page.write_imitation(runs, page, filmed="ab c")
    text = page.read_text()
    assert (
        "| unseen | training steps | random seed | 1 stage |" in text and "one-shot, DAgger | 4 | 0 |" in text
    )
    assert f"{100 * results[0]['value']:.1f} ± " in text
    assert "| expert | 100.0 ± 0.0 |" in text or importlib.util.find_spec("gymnasium_robotics") is None
    with Image.open(page.parent / "pictures" / "stacking.gif") as film:
        assert film.n_frames > 10 and len(film.getcolors(4096)) > 8
    with Image.open(page.parent / "pictures" / "stacking_attention.png") as picture:
        assert picture.width > 600


def test_an_exported_model_does_what_its_run_does(run, tmp_path):
    assert main(["export", str(run), "--to", str(tmp_path)]) == 0
    model = load(tmp_path / "imitation_reaching" / "1")
    assert model.card.items["objects at most"] == 5 and model.card.items["action"] == [2]
    recipe = find_recipe("imitation-reaching").configure(most=5, horizon=6)
    served, ran = evaluate_model(model, recipe), json.loads((run / "results.json").read_text())
    assert [found.value for found in served] == pytest.approx([row["value"] for row in ran], abs=0.011)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train imitation-reaching --set least=11", "least=11, most=10; expected 1 <= least <= most"),
        (
            "train imitation-reaching --set policy=transformer",
            "Known: final-state, lstm-attention, one-shot, plain-lstm",
        ),
        ("train imitation-reaching --set dagger=2", "dagger=2.0; expected a part from 0 to 1"),
        (
            "train imitation-reaching --set ensemble=2",
            "ensemble=2 is for the policy one-shot, but policy=lstm",
        ),
        ("train imitation-reaching --set shard_tasks=9", "shard_tasks=9 is for the policy one-shot"),
        ("train imitation-stacking --set most_cubes=2", "most_cubes"),
        (
            "train imitation-stacking --set most_stages=7",
            "most_stages=7, most_cubes=8; expected at most 6 stages",
        ),
        (
            "train imitation --tasks bandit",
            "imitation learns from ImitationTasks, but bandit are BanditTasks",
        ),
    ],
)
def test_a_mistake_is_said_in_one_line(command, message, capsys, tmp_path):
    assert main([*command.split(), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert not (tmp_path / "run").exists()
