"""The Omniglot table as data, and `--all-cells`, which fills it."""

from pathlib import Path

import keras
import pytest

from tests.one_shot_folder import write_run
from tfmeta.cli import main
from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.data.glyphs import glyphs
from tfmeta.fewshot.methods import Prototypical
from tfmeta.networks.conv4 import conv4
from tfmeta.recipes.evaluate import for_test
from tfmeta.recipes.omniglot import cells as table
from tfmeta.recipes.omniglot.cells import ROWS, Row, cells
from tfmeta.recipes.published import COLUMNS, published
from tfmeta.recipes.registry import RECIPES

SMALL = {"ways": 4, "queries": 1, "steps": 2, "epoch_steps": 1}


def test_the_table_has_every_published_system():
    systems = {row.system for row in ROWS} - {""}
    assert systems == {"siamese", "matching", "statistician", "memory", "maml"}
    assert all(published(system, *column) for system in systems for column in COLUMNS)
    assert len(cells("characters")) == len(ROWS) * len(COLUMNS) == len(cells()) / 2
    assert [str(cell) for cell in cells("alphabets", ["prototypical"])][:2] == [
        "Prototypical Network 5-way 1-shot, alphabets",
        "Prototypical Network 5-way 5-shot, alphabets",
    ]
    for wrong, words in ((("x", ["maml"]), "no split 'x'"), ((None, ["mmal"]), "Did you mean maml?")):
        with pytest.raises(TfmetaError, match=words):
            cells(*wrong)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_the_settings_of_a_cell_are_those_of_its_column(row):
    recipe, seen = RECIPES[row.recipe], {}
    for cell in (cell for cell in cells() if cell.row is row):
        trained = recipe.configure(**cell.trained)
        assert seen.setdefault(cell.run(Path("runs")), trained) == trained, "one folder, two runs"
        measured = for_test(trained, **cell.tested)
        assert measured.tested_as.startswith(f"{cell.ways}-way {cell.shots}-shot, split {cell.split}")
        if row.system:
            (shown,) = measured.beside_published([Result("accuracy", 0.5, 0.1, 10, measured.tested_as)])
            assert shown.published == published(row.system, cell.ways, cell.shots).value
        if row.method == "maml":
            assert trained.training.ways == cell.ways, "its last layer has an output for each class"


@pytest.fixture
def small_table(tmp_path, monkeypatch, draw_characters):
    """Two methods and two columns, in a folder of one's own, on characters that are drawn."""
    monkeypatch.chdir(tmp_path)
    draw_characters(8, 4)
    small = conv4(filters=4, downsampling="stride", seed=0)
    monkeypatch.setattr(Prototypical, "embedding", lambda *_: keras.models.clone_model(small))
    monkeypatch.setattr(table, "COLUMNS", ((3, 1), (2, 2)))
    rows = [
        Row("lost", "Lost", "lost-omniglot"),
        Row("prototypical", "Prototypical", "prototypical-omniglot", runs={"": SMALL}, test={"test_queries": 2}),
    ]  # fmt: skip
    monkeypatch.setattr(table, "ROWS", rows)
    monkeypatch.setattr(
        "keras.backend.clear_session", lambda: None
    )  # other tests have left more behind than these


def run(capsys, *argv):
    code = main([str(word) for word in argv])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.recipe
def test_all_cells_are_trained_and_measured_once(small_table, capsys, tmp_path):
    every = ("--all-cells", "--split", "characters")
    code, out, err = run(capsys, "evaluate", *every)
    assert code == 1 and "4 of 4 failed" in err and "holds no trained learner; train it first" in err

    code, out, err = run(capsys, "train", *every)
    assert code == 1 and "lost-omniglot-characters: There is no recipe or method 'lost-omniglot'" in err
    assert "1 of 2 failed; the same command tries them again." in err
    assert "prototypical-omniglot-characters: trained" in out
    learner = tmp_path / "runs/prototypical-omniglot-characters/learner.keras"
    written = learner.stat().st_mtime_ns

    code, out, err = run(capsys, "train", *every, "--only", "prototypical")
    assert code == 0 and "stands; skipped" in out and not err and learner.stat().st_mtime_ns == written

    measure = ("evaluate", *every, "--only", "prototypical", "--count", 20)
    code, out, err = run(capsys, *measure)
    assert code == 0 and out.count("20 tasks") == 2 and "skipped" not in out
    code, again, _ = run(capsys, *measure)
    assert code == 0 and again.count("; stands, skipped") == 2
    assert run(capsys, *measure[:-1], 40)[1].count("40 tasks") == 2

    table.ROWS[1].runs[""]["seed"] = 5
    try:
        code, _, err = run(capsys, *measure)
        assert code == 1 and err.count("holds a run with other settings: seed") == 2
    finally:
        del table.ROWS[1].runs[""]["seed"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train", "Say which RECIPE, or --all-cells"),
        ("train maml-omniglot --only maml", "narrow --all-cells"),
        ("train maml-omniglot --all-cells", "maml-omniglot has no folds"),
        ("train --all-cells --steps 3", "unrecognized arguments: --steps"),
        ("train --all-cells --out x", "--out is for a single run"),
        ("train --all-cells --only mmal", "Did you mean maml?"),
        ("evaluate --all-cells --split x", "no split 'x'"),
        ("evaluate --all-cells --run x", "--run is for a single run"),
    ],
)
def test_a_mistake_is_told_in_one_line(command, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *command.split())
    assert code == 2 and words in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_one_shot_runs_of_a_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawings = glyphs(12, 2)
    for name, classes in (("run01", drawings[:7]), ("run02", drawings[7:])):
        write_run(tmp_path / "runs" / name, classes)
    command = ["evaluate", "prototypical_omniglot", "--one-shot-runs", tmp_path / "runs"]
    code, out, _ = run(capsys, *command)
    assert code == 0 and "(2 runs, 12 trials), one-shot within an alphabet" in out
    assert float(out.split()[1]) > 0.7
    code, _, err = run(capsys, *command, "--ways", 5)
    assert code == 2 and "unrecognized arguments: --ways 5" in err
    command[-1] = tmp_path / "runs" / "run01"
    code, _, err = run(capsys, *command)
    assert code == 2 and "holds no one-shot run" in err and err.count("\n") == 1
