"""Baselines on Omniglot: nothing is trained, or an ordinary classifier."""

import pytest

from tfmeta.cli.settings import run_named
from tfmeta.fewshot.baselines import NearestCentroid
from tfmeta.fewshot.finetuning import FineTuning
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.few_shot import PIXELS_OMNIGLOT, PRETRAINED_OMNIGLOT
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train


@pytest.fixture(autouse=True)
def drawn_characters(draw_characters):
    draw_characters(6, 10)


def test_what_has_nothing_to_train_is_evaluated_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = run_named("pixels-omniglot", PIXELS_OMNIGLOT.configure(split="characters"), None)
    assert run.folder.name == "pixels-omniglot-characters" and run.budget()["steps"] == 0
    (measured,) = evaluate(run, count=20, verbose=0, test_ways=5)
    assert measured.value > 0.3
    (row,) = run.results()
    assert row.setting == "5-way 1-shot, split characters" and row.published == 0.417


@pytest.mark.recipe
def test_one_classifier_serves_any_number_of_ways(tmp_path):
    recipe = PRETRAINED_OMNIGLOT.configure(steps=2, epoch_steps=2, images=8)
    trained = train(recipe, tmp_path / "run", verbose=0)
    assert trained.classes == 6
    run = Run(tmp_path / "run")
    for ways in (3, 5):
        evaluate(run, count=20, verbose=0, test_ways=ways)
    assert [row.setting for row in run.results()] == [
        f"{ways}-way 1-shot, split alphabets, centroid" for ways in (3, 5)
    ]
    tested = recipe.method.for_test(trained, recipe.tasks, recipe.training)
    assert isinstance(tested, NearestCentroid)
    tuning = recipe.configure(head="tuning", inner_steps=7).method
    tuned = tuning.for_test(trained, recipe.tasks, recipe.training)
    assert isinstance(tuned, FineTuning) and tuned.steps == 7
