"""Siamese networks on Omniglot, which verify pairs too."""

import numpy as np
import pytest

from tfmeta.core.hub import load
from tfmeta.core.pairs import pairs
from tfmeta.data.glyphs import glyphs
from tfmeta.fewshot.methods import siamese
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.few_shot import SIAMESE_OMNIGLOT
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train


@pytest.fixture(autouse=True)
def drawn_characters(monkeypatch, draw_characters):
    """Takes fewer pairs."""
    monkeypatch.setattr(siamese, "_BATCHES", 2)
    draw_characters(12, 20)


@pytest.mark.recipe
def test_from_training_to_a_model_that_verifies(tmp_path):
    recipe = SIAMESE_OMNIGLOT.configure(ways=4, queries=2, steps=4, epoch_steps=2, test_ways=3)
    run = Run(tmp_path / "run")
    learner = train(recipe, run.folder, verbose=0)
    test = {"part": "validation", "count": 20, "verbose": 0, "test_shots": 5}
    measured, errors = evaluate(run, **test)
    nearest, _ = evaluate(run, **test, class_score="nearest")
    assert 0.0 < measured.value <= 1.0 and nearest != measured
    assert errors.metric == "equal error rate" and 0.0 < errors.value < 0.5
    assert errors.setting == "pairs of validation characters, split alphabets"

    model = load(export_run(run, tmp_path / "models"))
    request, _ = next(iter(pairs(glyphs(5, 4, seed=9), batch_size=6)))
    answers = model.verify(a=request["a"].numpy(), b=request["b"].numpy())["probability"]
    calibrated = recipe.method.for_test(learner, recipe.tasks, recipe.training)
    np.testing.assert_allclose(answers, calibrated.verify(**request), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("loss", ["contrastive", "verification"])
def test_settings_reach_the_learner(loss):
    recipe = SIAMESE_OMNIGLOT.configure(loss=loss, margin=2.5, hard_pairs=False, class_score="nearest")
    config = recipe.learner().get_config()
    names = ("loss", "margin", "hard_pairs", "class_score")
    assert [config[name] for name in names] == [loss, 2.5, False, "nearest"]
