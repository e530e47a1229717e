import numpy as np
import pytest

from tfmeta.core.hub import load
from tfmeta.core.pairs import pairs
from tfmeta.data.glyphs import glyphs
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.omniglot import SIAMESE_OMNIGLOT, common, siamese
from tfmeta.recipes.train import Run, train


@pytest.fixture(autouse=True)
def drawn_characters(monkeypatch):
    """Stands in for Omniglot, and takes fewer pairs of it."""
    monkeypatch.setattr(siamese, "_BATCHES", 2)
    drawings = {part: glyphs(12, 20, seed=seed) for seed, part in enumerate(("train", "validation", "test"))}
    monkeypatch.setattr(common, "load_omniglot", lambda part, split, rotations: drawings[part])


@pytest.mark.recipe
def test_from_training_to_a_model_that_verifies(tmp_path):
    recipe, run = SIAMESE_OMNIGLOT, Run(tmp_path / "run")
    settings = recipe.configure(ways=4, queries=2, steps=4, epoch_steps=2, test_ways=3)
    learner = train(recipe, settings, run.folder, verbose=0)
    measured, errors = evaluate(recipe, run, part="validation", tasks=20, verbose=0, test_shots=5)
    nearest, _ = evaluate(
        recipe, run, part="validation", tasks=20, verbose=0, test_shots=5, class_score="nearest"
    )
    assert 0.0 < measured.value <= 1.0 and nearest != measured
    assert errors.metric == "equal error rate" and 0.0 < errors.value < 0.5

    export_run(recipe, run, tmp_path / "models")
    model = load(tmp_path / "models/siamese_omniglot/1")
    request, _ = next(iter(pairs(glyphs(5, 4, seed=9), batch_size=6)))
    answers = model.verify(a=request["a"].numpy(), b=request["b"].numpy())["probability"]
    calibrated = recipe.for_test(learner, settings)
    np.testing.assert_allclose(answers, calibrated.verify(**request), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("loss", ["contrastive", "verification"])
def test_settings_reach_the_learner(loss):
    settings = SIAMESE_OMNIGLOT.configure(loss=loss, margin=2.5, hard_pairs=False, class_score="nearest")
    config = SIAMESE_OMNIGLOT.learner(settings).get_config()
    names = ("loss", "margin", "hard_pairs", "class_score")
    assert [config[name] for name in names] == [loss, 2.5, False, "nearest"]
