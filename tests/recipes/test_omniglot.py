"""Recipes on Omniglot, from tasks to an exported model."""

import json

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.data.omniglot import OmniglotTasks
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.few_shot import MAML_OMNIGLOT, PROTOTYPICAL_OMNIGLOT
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train


@pytest.fixture(autouse=True)
def asked(draw_characters):
    return draw_characters(12, 20)


def first(recipe, part, start=0):
    batches = recipe.method.batches(recipe.tasks, recipe.training, part, start)
    return next(iter(batches.as_numpy_iterator()))


def test_tasks_of_each_part(asked):
    recipe = MAML_OMNIGLOT.configure(ways=3, queries=2, test_queries=4, batch_size=2, split="characters")
    shapes = {part: first(recipe, part)[0]["query_x"].shape[:2] for part in ("train", "test")}
    assert shapes == {"train": (2, 6), "test": (20, 12)}
    assert asked == [("train", "characters"), ("test", "characters")]
    more_ways = PROTOTYPICAL_OMNIGLOT.configure(ways=9, test_ways=4, test_shots=2)
    assert first(more_ways, "validation")[0]["support_x"].shape[:2] == (20, 8)
    assert first(more_ways, "train")[0]["support_x"].shape[:2] == (1, 9)
    assert more_ways.tested_as == "4-way 2-shot, split alphabets"


def test_test_tasks_are_the_same_for_everybody():
    tasks = [
        first(recipe.configure(seed=seed, ways=3, test_ways=3), "test")[0]["query_x"]
        for recipe, seed in ((MAML_OMNIGLOT, 0), (PROTOTYPICAL_OMNIGLOT, 5))
    ]
    np.testing.assert_array_equal(*tasks)


def test_only_training_images_are_distorted():
    recipe, plain = (MAML_OMNIGLOT.configure(ways=3, augment=augment) for augment in (True, False))
    for part, same in (("train", False), ("test", True)):
        x, y = (first(each, part)[0]["support_x"] for each in (recipe, plain))
        assert np.array_equal(x, y) == same


@pytest.mark.recipe
def test_from_training_to_an_exported_model(tmp_path):
    recipe = PROTOTYPICAL_OMNIGLOT.configure(ways=4, queries=2, steps=4, epoch_steps=2, test_ways=3)
    learner = train(recipe, tmp_path / "run", verbose=0)
    run = Run(tmp_path / "run")
    assert run.recipe() == recipe and run.budget()["steps"] == 4
    for trained, kept in zip(learner.get_weights(), run.learner().get_weights(), strict=True):
        np.testing.assert_array_equal(trained, kept)

    (measured,) = evaluate(run, count=20, verbose=0)
    assert evaluate(run, part="validation", count=20, verbose=0) != [measured]
    evaluate(run, count=20, verbose=0, test_ways=5)
    rows = run.results()
    assert [row.setting for row in rows] == [f"{ways}-way 1-shot, split alphabets" for ways in (3, 5)]
    assert (rows[0].value, rows[0].tasks) == (measured.value, 20) and 0.0 < measured.value <= 1.0
    assert (rows[0].published, rows[1].published) == (None, 0.988)

    folder = export_run(run, tmp_path / "models")
    assert folder == tmp_path / "models/prototypical_omniglot/1"
    card = json.loads((folder / "assets.extra/card.json").read_text())
    assert "--test-ways 3" in card["command"] and len(card["results"]) == 2
    assert card["recipe"]["test_ways"] == 3 and card["fingerprint"] == recipe.tasks.fingerprint()
    assert card["items"]["shape"] == [28, 28, 1] and card["items"]["reading"] == "drawing"
    request = {name: value[:1] for name, value in first(recipe, "validation")[0].items()}
    answers = load(folder).classify(**request)["probabilities"]
    logits = learner(request, training=False).numpy()
    np.testing.assert_allclose(
        np.log(answers), logits - np.logaddexp.reduce(logits, -1, keepdims=True), atol=1e-3
    )


def test_a_test_keeps_the_tasks_of_its_training(tmp_path):
    run = Run(tmp_path / "run")
    run.begin(PROTOTYPICAL_OMNIGLOT)
    with pytest.raises(
        TfmetaError, match="tested on the tasks that it was trained for, with split=alphabets"
    ):
        evaluate(run, split="characters")


def test_a_run_of_maml_starts_from_another_with_fewer_ways_and_steps(tmp_path):
    short = MAML_OMNIGLOT.configure(ways=3, seed=1)
    before = short.learner()
    before.inner_rates.assign(np.random.default_rng(0).random(before.inner_rates.shape))
    Run(tmp_path / "short").begin(short)
    Run(tmp_path / "short").finish(short, before, 1, 1.0)

    recipe = MAML_OMNIGLOT.configure(ways=4, inner_steps=2, start_from="short", steps=1, epoch_steps=1)
    learner = recipe.learner()
    head = learner.network.layers[-1].get_weights()
    recipe.method.start_from(learner, Run(tmp_path / "short").learner(), recipe.training)
    for own, taken in zip(learner.network.layers[:-1], before.network.layers[:-1], strict=True):
        for one, other in zip(own.get_weights(), taken.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    for weight, fresh in zip(learner.network.layers[-1].get_weights(), head, strict=True):
        np.testing.assert_array_equal(weight, fresh)
    np.testing.assert_array_equal(learner.inner_rates, np.repeat(before.inner_rates.numpy(), 2, axis=0))
    assert "started from the weights of the run short" in recipe.protocol

    with pytest.raises(TfmetaError, match="nowhere holds no run"):
        train(recipe.configure(start_from="nowhere"), tmp_path / "lost")
    assert not (tmp_path / "lost").exists()


@pytest.mark.needs_dataset("omniglot")
def test_names_and_sizes_are_those_of_the_drawings(monkeypatch):
    monkeypatch.undo()  # the real characters
    for split in ("alphabets", "characters"):
        tasks = OmniglotTasks(split)
        for part in ("train", "validation", "test"):
            found = tasks.classes(part)
            assert (len(found.names), found.items.shape[1]) == tasks.sizes(part)
            assert len(set(found.names)) == len(found.names) == len(found.items)
