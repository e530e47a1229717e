"""Learned update rules from training to an exported optimizer, on descents as short as can be."""

import json

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.data.digits import load_digits
from tfmeta.optimizers import Comparison, LearnedOptimizer, image_tasks
from tfmeta.optimizers.method import comparison_file
from tfmeta.optimizers.problem_tasks import ProblemTasks
from tfmeta.recipes.evaluate import evaluate, evaluate_model
from tfmeta.recipes.export import export_run
from tfmeta.recipes.registry import RECIPES, TASKS, compose
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train
from tfmeta.recipes.update_rules import LSTM_CIFAR, LSTM_MNIST, LSTM_QUADRATIC, MEMORY_QUADRATIC

TINY = {
    "batch_size": 4, "steps": 6, "epoch_steps": 2, "descent": 4, "unrolled": 2, "tuned_for": 3, "test_descent": 5,
    "validation_batches": 1,
}  # fmt: skip
QUADRATIC = LSTM_QUADRATIC.configure(**TINY)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run of quadratics that is as short as can be, raced."""
    run = Run(tmp_path_factory.mktemp("runs") / "rule")
    learner = train(QUADRATIC, run.folder, verbose=0)
    return run, learner, evaluate(run, count=4, verbose=0)


def begun(recipe, learner):
    """A fresh learner of a recipe, after it has taken over the weights of another."""
    fresh = recipe.learner()
    recipe.method.start_from(fresh, learner, recipe.training)
    return fresh


def test_a_run_keeps_the_best_rule_and_what_it_cost(ended):
    run, learner, _ = ended
    assert run.budget()["steps"] == 6 and int(learner.descents) == 6
    again = run.learner()
    with np.load(run.folder / "best/best.npz") as best:
        for kept, known, key in zip(
            again.rule.get_weights(), learner.rule.get_weights(), best.files, strict=True
        ):
            np.testing.assert_array_equal(kept, known)
            np.testing.assert_array_equal(kept, best[key])


def test_a_run_starts_from_another(ended):
    run, learner, _ = ended
    recipe = QUADRATIC.configure(seed=5, start_from=run.folder.name)
    for one, other in zip(
        begun(recipe, run.learner()).rule.get_weights(), learner.rule.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert recipe.protocol.endswith(f"started from the weights of the run {run.folder.name}")


def test_a_run_starts_from_no_run_that_is_not_there(tmp_path):
    with pytest.raises(TfmetaError, match="holds no run"):
        train(QUADRATIC.configure(start_from="gone"), tmp_path / "next", verbose=0)
    assert not (tmp_path / "next").exists()


def test_a_rule_of_two_networks_starts_both_from_one(ended):
    _, learner, _ = ended
    for network in begun(QUADRATIC.configure(groups=True, start_from="rule"), learner).rule.networks:
        for one, other in zip(network.get_weights(), learner.rule.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_rule_with_a_memory_does_not_start_from_one_without(ended):
    recipe = MEMORY_QUADRATIC.configure(**TINY, start_from="rule")
    assert "at a time, with second derivatives;" in recipe.protocol
    assert "coordinates share a memory of 10 slots" in recipe.protocol
    with pytest.raises(TfmetaError, match="only one has a memory; start from a run with the same slots"):
        begun(recipe, ended[1])
    with pytest.raises(TfmetaError, match="rule is no run of an update rule"):
        begun(recipe, ended[1].rule.network)


def test_a_race_has_a_row_for_each_rule_and_number_of_updates(ended):
    run, _, results = ended
    assert results[0].setting == QUADRATIC.tested_as == "LSTM, quadratics, 3 updates"
    assert len(results) == 16 and results == run.results()
    race = Comparison.read(comparison_file(run.folder))
    assert race.losses["LSTM"].shape == (4, 6)
    assert results[1].setting == "LSTM, quadratics, 5 updates"
    assert results[1].value == pytest.approx(race.losses["LSTM"][:, 5].mean())


def test_validation_problems_are_others_and_their_results_are_not_kept(ended):
    run, _, results = ended
    other = evaluate(run, part="validation", count=4, verbose=0)
    assert [row.setting for row in other] == [row.setting for row in results[:2]]
    assert other[0].value != results[0].value and run.results() == results


def test_an_exported_rule_is_an_optimizer(ended, tmp_path):
    run, learner, _ = ended
    folder = export_run(run, tmp_path)
    card = json.loads((folder / "assets.extra/card.json").read_text())
    assert card["name"] == "lstm_optimizer_quadratic" and "6 steps of 4 problems" in card["training"]
    assert "--batch-size 4" in card["command"] and "--steps 6" in card["command"]
    assert card["recipe"]["method"] == "lstm-optimizer" and card["recipe"]["tasks"] == "quadratic"
    optimizer = LearnedOptimizer.from_saved(folder)
    for one, other in zip(optimizer.rule.get_weights(), learner.rule.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model = load(folder)
    state = model.initial_state(count=np.array([2]))
    assert model.update(gradient=np.ones([1, 2], np.float32), **state)["update"].shape == (1, 2)
    measured = evaluate_model(model, run.recipe(), count=4, verbose=0)
    assert [row.setting for row in measured] == [row.setting for row in ended[2][:2]]
    assert [row.value for row in measured] == pytest.approx([row.value for row in ended[2][:2]])


def test_an_unknown_variant_is_told_the_nearest(ended):
    with pytest.raises(TfmetaError, match="problem=steep: quadratic has one problem only; leave it out"):
        evaluate(ended[0], count=4, verbose=0, problem="steep")
    with pytest.raises(TfmetaError, match=r"mnist has no such problem\. Did you mean ReLU"):
        LSTM_MNIST.configure(problem="Relu")
    assert LSTM_MNIST.configure(problem="ReLU").tested_as == "LSTM, 20 ReLUs, 100 updates"


def test_perceptrons_come_in_variants_of_which_one_is_trained_on(monkeypatch):
    monkeypatch.setattr(image_tasks, "load_mnist", lambda part: load_digits())
    tasks = LSTM_MNIST.tasks
    shapes = {
        variant: [theta.shape[1:].as_list() for theta in tasks.problem("test", variant).initial([0, 0], 1)]
        for variant in tasks.variants
    }
    assert shapes[""] == shapes["ReLU"] == [[784, 20], [20], [20, 10], [10]]
    assert shapes["40 units"][0] == [784, 40] and len(shapes["2 layers"]) == 6
    trainer = LSTM_MNIST.configure(problem="40 units").learner()
    assert trainer.problem.initial([0, 0], 1)[0].shape == [1, 784, 20]


def test_convolutions_have_a_network_of_their_own(monkeypatch):
    images = np.zeros([10, 32, 32, 3], np.uint8)
    monkeypatch.setattr(image_tasks, "load_cifar10", lambda part: (images, np.arange(10)))
    assert LSTM_CIFAR.learner().rule.convolution is not None
    assert "convolution kernels have a network of their own" in LSTM_CIFAR.protocol


def test_the_fingerprint_is_of_images_and_labels(monkeypatch):
    images, labels = np.zeros([10, 32, 32, 3], np.uint8), np.arange(10)
    found = set()
    for shown, told in ((images, labels), (images + 1, labels), (images, labels[::-1])):
        monkeypatch.setattr(image_tasks, "load_cifar10", lambda part, pair=(shown, told): pair)
        found.add(LSTM_CIFAR.tasks.fingerprint())
    assert len(found) == 3 and LSTM_QUADRATIC.tasks.fingerprint() == ""


@pytest.mark.parametrize("method", ["lstm-optimizer", "memory-optimizer"])
@pytest.mark.parametrize(
    "tasks", [name for name, kind in TASKS.items() if issubclass(kind, ProblemTasks)]
)  # the ones of other packages too
def test_every_rule_is_made_for_every_family_of_problems(method, tasks, monkeypatch):
    monkeypatch.setattr(image_tasks, "load_mnist", lambda part: load_digits())
    monkeypatch.setattr(
        image_tasks, "load_cifar10", lambda part: (np.zeros([20, 32, 32, 3], np.uint8), np.arange(20) % 10)
    )
    recipe = compose(method, TASKS[tasks]())
    assert recipe.name == f"{method}-{tasks}" and recipe.artefact == recipe.name.replace("-", "_")
    if recipe.name in RECIPES:
        assert recipe is RECIPES[recipe.name]
    assert (recipe.method.slots > 0) == (method == "memory-optimizer")
    assert len(recipe.training.problem) == 0 and "" in recipe.tasks.variants
    problem = recipe.tasks.problem("train")
    first, again = (problem.initial([0, 7], 1) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert problem.loss(first, [0, 7], 0).shape == [1]
    assert recipe.learner().count == recipe.training.batch_size
    assert recipe.tasks.items in recipe.method.summary(recipe.tasks) and recipe.tasks.source
