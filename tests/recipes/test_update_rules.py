import json

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.data.digits import load_digits
from tfmeta.optimizers import Comparison, LearnedOptimizer
from tfmeta.recipes.evaluate import evaluate, read_results
from tfmeta.recipes.export import export_run
from tfmeta.recipes.train import Run, train
from tfmeta.recipes.update_rules import (
    LSTM_CIFAR,
    LSTM_MNIST,
    LSTM_QUADRATIC,
    MEMORY_QUADRATIC,
    comparison_file,
    convolutions,
    perceptrons,
)

TINY = {
    "batch_size": 4, "steps": 6, "epoch_steps": 2, "descent": 4, "unrolled": 2, "tuned_for": 3, "test_descent": 5,
    "validation_batches": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run of quadratics that is as short as can be, raced."""
    run = Run(tmp_path_factory.mktemp("runs") / "rule")
    learner = train(LSTM_QUADRATIC, LSTM_QUADRATIC.configure(**TINY), run.folder, verbose=0)
    return run, learner, evaluate(LSTM_QUADRATIC, run, tasks=4, verbose=0)


def test_a_run_keeps_the_best_rule_and_what_it_cost(ended):
    run, learner, _ = ended
    assert run.budget()["steps"] == 6 and int(learner.descents) == 6
    again = run.learner_of(LSTM_QUADRATIC)
    with np.load(run.folder / "best/best.npz") as best:
        for kept, known, key in zip(
            again.rule.get_weights(), learner.rule.get_weights(), best.files, strict=True
        ):
            np.testing.assert_array_equal(kept, known)
            np.testing.assert_array_equal(kept, best[key])


def test_a_run_starts_from_another(ended, tmp_path):
    run, learner, _ = ended
    settings = LSTM_QUADRATIC.configure(**TINY, seed=5, start_from=run.folder.name)
    fresh = LSTM_QUADRATIC.learner(settings)
    LSTM_QUADRATIC.begin(fresh, settings, run.folder.parent)
    for one, other in zip(fresh.rule.get_weights(), learner.rule.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert f"from the rule of the run {run.folder.name};" in LSTM_QUADRATIC.protocol(settings)
    with pytest.raises(TfmetaError, match="holds no run"):
        LSTM_QUADRATIC.begin(fresh, settings, tmp_path)


def test_a_rule_of_two_networks_starts_both_from_one(ended):
    run, learner, _ = ended
    settings = LSTM_QUADRATIC.configure(**TINY, groups=True, start_from=run.folder.name)
    fresh = LSTM_QUADRATIC.learner(settings)
    LSTM_QUADRATIC.begin(fresh, settings, run.folder.parent)
    for network in fresh.rule.networks:
        for one, other in zip(network.get_weights(), learner.rule.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_rule_with_a_memory_does_not_start_from_one_without(ended):
    run, _, _ = ended
    settings = MEMORY_QUADRATIC.configure(**TINY, start_from=run.folder.name)
    protocol = MEMORY_QUADRATIC.protocol(settings)
    assert "at a time, with second derivatives;" in protocol
    assert "coordinates share a memory of 10 slots" in protocol
    with pytest.raises(TfmetaError, match="only one has a memory; start from a run with the same slots"):
        MEMORY_QUADRATIC.begin(MEMORY_QUADRATIC.learner(settings), settings, run.folder.parent)


def test_a_race_has_a_row_for_each_rule_and_number_of_updates(ended):
    run, _, results = ended
    assert results[0].setting == LSTM_QUADRATIC.setting(LSTM_QUADRATIC.configure(**TINY))
    assert len(results) == 16 and results == read_results(run)
    race = Comparison.read(comparison_file(run.folder))
    assert race.losses["LSTM"].shape == (4, 6)
    assert results[1].setting == "LSTM, quadratics, 5 updates"
    assert results[1].value == pytest.approx(race.losses["LSTM"][:, 5].mean())


def test_validation_problems_are_others_and_their_results_are_not_kept(ended):
    run, _, results = ended
    other = evaluate(LSTM_QUADRATIC, run, part="validation", tasks=4, verbose=0)
    assert [row.setting for row in other] == [row.setting for row in results[:2]]
    assert other[0].value != results[0].value and read_results(run) == results


def test_an_exported_rule_is_an_optimizer(ended, tmp_path, monkeypatch):
    run, learner, _ = ended
    folder = export_run(LSTM_QUADRATIC, run, tmp_path)
    card = json.loads((folder / "assets.extra/card.json").read_text())
    assert card["name"] == "lstm_optimizer_quadratic" and "6 steps of 4 problems" in card["training"]
    assert "--set batch_size=4" in card["command"] and "--steps 6" in card["command"]
    optimizer = LearnedOptimizer.from_saved(folder)
    for one, other in zip(optimizer.rule.get_weights(), learner.rule.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    state = load(folder).initial_state(count=np.array([2]))
    assert load(folder).update(gradient=np.ones([1, 2], np.float32), **state)["update"].shape == (1, 2)


def test_an_unknown_variant_is_told_the_nearest(ended):
    with pytest.raises(TfmetaError, match="has one problem only"):
        evaluate(LSTM_QUADRATIC, ended[0], tasks=4, verbose=0, problem="steep")
    with pytest.raises(TfmetaError, match=r"no variant 'Relu' .*ReLU"):
        LSTM_MNIST.measure(
            ended[1], LSTM_MNIST.configure(problem="Relu"), "test", tasks=4, folder=ended[0].folder, verbose=0
        )


def test_a_model_is_measured_in_the_folder_of_its_run(ended, tmp_path):
    model = load(export_run(LSTM_QUADRATIC, ended[0], tmp_path))
    with pytest.raises(TfmetaError, match="tfmeta evaluate lstm-optimizer-quadratic"):
        LSTM_QUADRATIC.measure_model(model, LSTM_QUADRATIC.settings, tasks=1, verbose=0)


def test_perceptrons_come_in_variants_of_which_one_is_trained_on(monkeypatch):
    monkeypatch.setattr(perceptrons, "load_mnist", lambda part: load_digits())
    shapes = {
        variant: [
            theta.shape[1:].as_list()
            for theta in LSTM_MNIST.problems(LSTM_MNIST.configure(problem=variant), "test").initial([0, 0], 1)
        ]
        for variant in LSTM_MNIST.variants
    }
    assert shapes[""] == shapes["ReLU"] == [[784, 20], [20], [20, 10], [10]]
    assert shapes["40 units"][0] == [784, 40] and len(shapes["2 layers"]) == 6
    trainer = LSTM_MNIST.learner(LSTM_MNIST.configure(problem="40 units"))
    assert trainer.problem.initial([0, 0], 1)[0].shape == [1, 784, 20]


def test_convolutions_have_a_network_of_their_own(monkeypatch):
    images = np.zeros([10, 32, 32, 3], np.uint8)
    monkeypatch.setattr(convolutions, "load_cifar10", lambda part: (images, np.arange(10)))
    assert LSTM_CIFAR.learner(LSTM_CIFAR.settings).rule.convolution is not None
