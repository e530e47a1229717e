import json

import numpy as np
import pytest

from tfmeta.core.hub import load
from tfmeta.recipes import cifar_fs
from tfmeta.recipes.cifar_fs import PROTOTYPICAL_CIFAR_FS as RECIPE
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.train import Run, train


@pytest.fixture(autouse=True)
def painted(monkeypatch):
    """Stands in for CIFAR-FS: each class has a colour of its own, under noise."""

    def load_cifar_fs(part):
        random = np.random.default_rng(["train", "validation", "test"].index(part))
        colours = random.integers(0, 200, [8, 1, 1, 1, 3])
        return (colours + random.integers(0, 56, [8, 6, 32, 32, 3])).astype(np.uint8)

    monkeypatch.setattr(cifar_fs, "load_cifar_fs", load_cifar_fs)


def test_published_numbers_are_those_of_the_test():
    assert RECIPE.setting(RECIPE.settings) == "5-way 5-shot"
    assert RECIPE.published(RECIPE.settings)[0] == 0.72
    assert RECIPE.published(RECIPE.configure(test_shots=1))[0] == 0.555
    assert RECIPE.published(RECIPE.configure(test_ways=20)) == (None, "")


def test_only_training_images_are_changed():
    settings = RECIPE.configure(ways=3, shots=1, queries=2, test_ways=4, test_shots=2, test_queries=3)
    for part, support, queries in (("train", (1, 3), 6), ("test", (20, 8), 12)):
        plain, changed = (
            next(iter(RECIPE.episodes(each, part, 0)))[0]
            for each in (settings, RECIPE.configure(**{**vars(settings), "augment": False}))
        )
        assert plain["support_x"].shape == (*support, 32, 32, 3) and plain["query_x"].shape[1] == queries
        assert np.array_equal(plain["query_x"], changed["query_x"]) == (part == "test")


@pytest.mark.recipe
def test_from_training_to_an_exported_model(tmp_path):
    settings = RECIPE.configure(ways=3, shots=1, queries=1, steps=2, epoch_steps=1, test_queries=2)
    train(RECIPE, settings, tmp_path / "run", verbose=0)
    run = Run(tmp_path / "run")
    assert evaluate(RECIPE, run, tasks=20, verbose=0)[0].value > 0.5
    folder = export_run(RECIPE, run, tmp_path / "models")
    card = json.loads((folder / "assets.extra/card.json").read_text())
    assert card["name"] == "prototypical_cifar_fs" and card["results"][0]["setting"] == "5-way 1-shot"
    request = RECIPE.example(settings)
    assert load(folder).classify(**request)["probabilities"].shape == (1, 10, 5)
