import json

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.data.glyphs import glyphs
from tfmeta.recipes.evaluate import evaluate, read_results
from tfmeta.recipes.export import export_run
from tfmeta.recipes.omniglot import MAML_OMNIGLOT, PROTOTYPICAL_OMNIGLOT, common
from tfmeta.recipes.train import Run, train

ASKED = []


@pytest.fixture(autouse=True)
def drawn_characters(monkeypatch):
    """Stands in for Omniglot, and notes what was asked for."""
    drawings = {part: glyphs(12, 20, seed=seed) for seed, part in enumerate(("train", "validation", "test"))}

    def load_omniglot(part, *, split, rotations):
        ASKED.append((part, split, rotations))
        return drawings[part]

    ASKED.clear()
    monkeypatch.setattr(common, "load_omniglot", load_omniglot)


def first(recipe, settings, part, start=0):
    return next(iter(recipe.episodes(settings, part, start).as_numpy_iterator()))


def test_tasks_of_each_part():
    settings = MAML_OMNIGLOT.configure(ways=3, queries=2, test_queries=4, batch_size=2, split="characters")
    shapes = {
        part: first(MAML_OMNIGLOT, settings, part)[0]["query_x"].shape[:2] for part in ("train", "test")
    }
    assert shapes == {"train": (2, 6), "test": (20, 12)}
    assert ASKED == [("train", "characters", True), ("test", "characters", False)]
    more_ways = PROTOTYPICAL_OMNIGLOT.configure(ways=9, test_ways=4, test_shots=2)
    assert first(PROTOTYPICAL_OMNIGLOT, more_ways, "validation")[0]["support_x"].shape[:2] == (20, 8)
    assert first(PROTOTYPICAL_OMNIGLOT, more_ways, "train")[0]["support_x"].shape[:2] == (1, 9)
    assert PROTOTYPICAL_OMNIGLOT.setting(more_ways) == "4-way 2-shot, split alphabets"


def test_test_tasks_are_the_same_for_everybody():
    tasks = [
        first(recipe, recipe.configure(seed=seed, ways=3, test_ways=3), "test")[0]["query_x"]
        for recipe, seed in ((MAML_OMNIGLOT, 0), (PROTOTYPICAL_OMNIGLOT, 5))
    ]
    np.testing.assert_array_equal(*tasks)


def test_only_training_images_are_distorted():
    settings = MAML_OMNIGLOT.configure(ways=3)
    plain = MAML_OMNIGLOT.configure(ways=3, augment=False)
    for part, same in (("train", False), ("test", True)):
        x, y = (first(MAML_OMNIGLOT, s, part)[0]["support_x"] for s in (settings, plain))
        assert np.array_equal(x, y) == same


@pytest.mark.recipe
def test_from_training_to_an_exported_model(tmp_path):
    recipe = PROTOTYPICAL_OMNIGLOT
    settings = recipe.configure(ways=4, queries=2, steps=4, epoch_steps=2, test_ways=3)
    learner = train(recipe, settings, tmp_path / "run", verbose=0)
    run = Run(tmp_path / "run")
    assert run.settings(recipe) == settings and run.budget()["steps"] == 4
    for trained, kept in zip(learner.get_weights(), run.learner(recipe).get_weights(), strict=True):
        np.testing.assert_array_equal(trained, kept)

    (measured,) = evaluate(recipe, run, tasks=20, verbose=0)
    assert evaluate(recipe, run, part="validation", tasks=20, verbose=0) != [measured]
    evaluate(recipe, run, tasks=20, verbose=0, test_ways=5)
    rows = read_results(run)
    assert [row.setting for row in rows] == [f"{ways}-way 1-shot, split alphabets" for ways in (3, 5)]
    assert (rows[0].value, rows[0].tasks) == (measured.value, 20) and 0.0 < measured.value <= 1.0

    export_run(recipe, run, tmp_path / "models")
    card = json.loads((tmp_path / "models/prototypical_omniglot/1/assets.extra/card.json").read_text())
    assert "--set test_ways=3" in card["command"] and len(card["results"]) == 2
    request = recipe.example(settings)
    answers = load(tmp_path / "models/prototypical_omniglot/1").classify(**request)["probabilities"]
    logits = learner(request, training=False).numpy()
    np.testing.assert_allclose(
        np.log(answers), logits - np.logaddexp.reduce(logits, -1, keepdims=True), atol=1e-3
    )


def test_a_run_of_maml_starts_from_another_with_fewer_ways_and_steps(tmp_path):
    short = MAML_OMNIGLOT.configure(ways=3, seed=1)
    before = MAML_OMNIGLOT.learner(short)
    before.inner_rates.assign(np.random.default_rng(0).random(before.inner_rates.shape))
    Run(tmp_path / "short").begin(MAML_OMNIGLOT, short)
    Run(tmp_path / "short").finish(MAML_OMNIGLOT, before, 1, 1.0)

    settings = MAML_OMNIGLOT.configure(ways=4, inner_steps=2, start_from="short")
    learner = MAML_OMNIGLOT.learner(settings)
    head = [weight.numpy() for weight in learner.network.layers[-1].weights]
    MAML_OMNIGLOT.prepare(learner, settings, tmp_path)
    for own, taken in zip(learner.network.layers[:-1], before.network.layers[:-1], strict=True):
        for one, other in zip(own.get_weights(), taken.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    for weight, fresh in zip(learner.network.layers[-1].weights, head, strict=True):
        np.testing.assert_array_equal(weight.numpy(), fresh)
    np.testing.assert_array_equal(learner.inner_rates, np.repeat(before.inner_rates.numpy(), 2, axis=0))
    assert "started from the weights of the run short" in MAML_OMNIGLOT.protocol(settings)

    with pytest.raises(TfmetaError, match="nowhere holds no trained learner"):
        MAML_OMNIGLOT.prepare(learner, MAML_OMNIGLOT.configure(start_from="nowhere"), tmp_path)
