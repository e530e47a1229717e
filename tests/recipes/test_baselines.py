import argparse

import pytest

from tfmeta.cli.settings import run_of
from tfmeta.data.glyphs import glyphs
from tfmeta.fewshot.baselines import NearestCentroid
from tfmeta.fewshot.finetuning import FineTuning
from tfmeta.recipes.evaluate import evaluate, read_results
from tfmeta.recipes.omniglot import baselines, common
from tfmeta.recipes.omniglot.baselines import PIXELS_OMNIGLOT, PRETRAINED_OMNIGLOT
from tfmeta.recipes.train import Run, train


@pytest.fixture(autouse=True)
def drawn_characters(monkeypatch):
    """Stands in for Omniglot."""
    drawings = {part: glyphs(6, 10, seed=seed) for seed, part in enumerate(("train", "validation", "test"))}
    for module in (baselines, common):
        monkeypatch.setattr(module, "load_omniglot", lambda part, **_: drawings[part])


def test_what_has_nothing_to_train_is_evaluated_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = run_of(PIXELS_OMNIGLOT, argparse.Namespace(run=None, split="characters"))
    assert run.folder.name == "pixels-omniglot-characters" and run.budget()["steps"] == 0
    (measured,) = evaluate(PIXELS_OMNIGLOT, run, tasks=20, verbose=0, test_ways=5)
    assert measured.value > 0.3
    (row,) = read_results(run)
    assert row.setting == "5-way 1-shot, split characters" and row.published == 0.417


@pytest.mark.recipe
def test_one_classifier_serves_any_number_of_ways(tmp_path):
    settings = PRETRAINED_OMNIGLOT.configure(steps=2, epoch_steps=2, images=8)
    trained = train(PRETRAINED_OMNIGLOT, settings, tmp_path / "run", verbose=0)
    assert trained.classes == 4 * 1028
    for ways in (3, 5):
        evaluate(PRETRAINED_OMNIGLOT, Run(tmp_path / "run"), tasks=20, verbose=0, test_ways=ways)
    assert len(read_results(Run(tmp_path / "run"))) == 2
    assert isinstance(PRETRAINED_OMNIGLOT.for_test(trained, settings), NearestCentroid)
    tuned = PRETRAINED_OMNIGLOT.for_test(trained, PRETRAINED_OMNIGLOT.configure(head="tuning", inner_steps=7))
    assert isinstance(tuned, FineTuning) and tuned.steps == 7
