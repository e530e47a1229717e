"""CIFAR-FS: photographs in colour."""

import json

import numpy as np
import pytest

from tfmeta.core.hub import load
from tfmeta.data import cifar_fs
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.few_shot import PROTOTYPICAL_CIFAR_FS as RECIPE
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train


@pytest.fixture(autouse=True)
def painted(monkeypatch):
    """Stands in for CIFAR-FS: each class has a colour of its own, under noise."""

    def load_cifar_fs(part):
        random = np.random.default_rng(["train", "validation", "test"].index(part))
        count = len(cifar_fs.CLASSES[part])
        colours = random.integers(0, 200, [count, 1, 1, 1, 3])
        return (colours + random.integers(0, 56, [count, 6, 32, 32, 3])).astype(np.uint8)

    monkeypatch.setattr(cifar_fs, "load_cifar_fs", load_cifar_fs)


def test_only_training_images_are_changed():
    recipe = RECIPE.configure(ways=3, shots=1, queries=2, test_ways=4, test_shots=2, test_queries=3)
    assert recipe.tested_as == "4-way 2-shot"
    for part, support, queries in (("train", (1, 3), 6), ("test", (20, 8), 12)):
        plain, changed = (
            next(iter(each.method.batches(each.tasks, each.training, part)))[0]
            for each in (recipe, recipe.configure(augment=False))
        )
        assert plain["support_x"].shape == (*support, 32, 32, 3) and plain["query_x"].shape[1] == queries
        assert np.array_equal(plain["query_x"], changed["query_x"]) == (part == "test")


@pytest.mark.recipe
def test_from_training_to_an_exported_model(tmp_path):
    recipe = RECIPE.configure(ways=3, shots=1, queries=1, steps=2, epoch_steps=1, test_queries=2)
    train(recipe, tmp_path / "run", verbose=0)
    run = Run(tmp_path / "run")
    assert evaluate(run, count=20, verbose=0)[0].value > 0.5
    folder = export_run(run, tmp_path / "models")
    card = json.loads((folder / "assets.extra/card.json").read_text())
    assert card["name"] == "prototypical_cifar_fs" and card["results"][0]["setting"] == "5-way 1-shot"
    assert card["items"]["classes"]["test"][0] == "baby" and card["items"]["reading"] == "colour"
    x = np.zeros([1, 5, 32, 32, 3], np.float32)
    answers = load(folder).classify(support_x=x, support_y=np.arange(5)[None], query_x=x[:, :3])
    assert answers["probabilities"].shape == (1, 3, 5)
