import shutil
from pathlib import Path

import numpy as np
import pytest

from docs.render.__main__ import main
from tfmeta.optimizers.comparison import Comparison
from tfmeta.optimizers.method import comparison_file
from tfmeta.optimizers.tuning import Sensitivity
from tfmeta.recipes.registry import find_recipe
from tfmeta.recipes.run import Run


def race(steps):
    losses = np.exp(-0.02 * np.arange(steps + 1)) * np.linspace(1.0, 2.0, 5)[:, None]
    rates = np.array([0.1, 1.0])
    tuned = {"Adam": Sensitivity(rates, np.stack([losses, 2 * losses]))}
    return Comparison({"LSTM": 0.5 * losses, "Adam": losses}, tuned)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two recipes as training and racing leave them; the one with a race on one more variant."""
    monkeypatch.chdir(tmp_path)
    for name, variants in (("lstm-optimizer-quadratic", [""]), ("lstm-optimizer-mnist", ["", "ReLU"])):
        run = Run(Path("runs") / name)
        run.begin(find_recipe(name).configure(tuned_for=30, test_descent=60))
        for variant in variants:
            race(60).write(comparison_file(run.folder, variant))
    return tmp_path


def test_the_page_and_its_pictures(runs, capsys):
    main(["optimizers"])
    page = (runs / "docs/optimizers_results.md").read_text()
    for picture in ("race_quadratic", "race_mnist", "transfer_mnist", "learning_rates"):
        assert f"pictures/{picture}.png" in page and (runs / f"docs/pictures/{picture}.png").is_file()
    assert "cifar" not in page.lower()
    assert "| rule | learning rate | after 20 updates | after 30 updates | after 60 updates |" in page
    assert "**20 ReLUs**" in page and "tfmeta train lstm-optimizer-quadratic" in page
    assert capsys.readouterr().out.splitlines()[-1] == "docs/optimizers_results.md"


def test_what_has_no_race_at_hand_stays_as_it_was(runs):
    main(["optimizers"])
    page = runs / "docs/optimizers_results.md"
    before = page.read_text()
    cifar = "## A convolution network on CIFAR-10\n\n| rule |\n\n"
    page.write_text(before.replace("## Each rule", f"{cifar}## Each rule"))
    shutil.rmtree(runs / "runs/lstm-optimizer-mnist")
    comparison_file(runs / "runs/lstm-optimizer-quadratic").unlink()
    race(90).write(comparison_file(runs / "runs/lstm-optimizer-quadratic"))
    main(["optimizers"])
    after = page.read_text()
    assert cifar in after
    for text in (before, after):
        assert text.count("## A perceptron") == text.count("## Each rule") == text.count("**20 ReLUs**") == 1
    mnist = before.index("## A perceptron")
    assert after[after.index("## A perceptron") :].replace(cifar, "") == before[mnist:]


def test_nothing_to_show(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["optimizers", "--runs", "nowhere"]) == 2
    assert "holds no race" in capsys.readouterr().err
