"""The Omniglot table, rendered and drawn from cards and from runs."""

import dataclasses
import json
from pathlib import Path

import pytest

from docs.render.__main__ import main
from docs.render.omniglot import measured_cells, render_table
from docs.render.results import read_cards, render_results
from tfmeta.core.cards import Card, Result
from tfmeta.recipes.evaluate import for_test
from tfmeta.recipes.omniglot.cells import ROWS, cells
from tfmeta.recipes.registry import RECIPES, command_of, describe
from tfmeta.recipes.run import Run


def card_of_a_run(cell, *accuracies):
    """A card as `card_of` writes it: of the run that fills a cell, with results in its first columns."""
    recipe = RECIPES[cell.row.recipe].configure(**cell.trained)
    tests = [each for each in cells(cell.split) if each.row is cell.row]
    results = tuple(
        Result("accuracy", accuracy, 0.002, 1000, for_test(recipe, **each.tested).tested_as)
        for accuracy, each in zip(accuracies, tests, strict=False)
    )
    return Card(
        "Tells.",
        recipe=describe(recipe),
        command=command_of(recipe),
        seed=0,
        training="12 steps of 1 task, 1 minute on 2 cores",
        results=results,
        name=recipe.artefact,
    )


@pytest.fixture
def cards():
    return [
        card_of_a_run(cells("characters", ["matching"])[0], 0.99, 0.9889, 0.9),
        card_of_a_run(cells("alphabets", ["prototypical"])[0], 0.981),
        Card("Waves.", name="waves", results=(Result("mse", 0.5, 0.1, 100, "ten points"),)),
    ]


def test_results_stand_beside_the_published_numbers(cards):
    page = render_table(measured_cells(cards))
    assert "| Matching Network | **99.00** ± 0.20 (98.1) | 98.89 ± 0.20 (98.9: −0.01)" in page
    assert "| 90.00 ± 0.20 (93.8: −3.80) | – (98.5) |" in page
    assert "| Neural Statistician | – (98.1) | – (99.5) | – (93.2) | – (98.1) |" in page
    assert "| Prototypical Network | 98.10 ± 0.20 | – | – | – |" in page
    assert "in 1 of 4 columns: 5-way 1-shot 99.00 (Matching Network; 98.7)" in page
    assert "- Matching Network, 5-way 5-shot: 0.01 points below, inside the interval of ours." in page
    assert "- Matching Network, 20-way 1-shot: 3.80 points below, outside the interval of ours." in page
    assert "Matching Network: 5w1s, 5w5s, 20w1s | `tfmeta train matching-omniglot --split characters`" in page


def test_a_reason_stands_with_its_loss(cards, monkeypatch):
    row = next(row for row in ROWS if row.title == "Matching Network")
    monkeypatch.setitem(row.reasons, "20w1s-characters", "It was trained for a minute.")
    page = render_table(measured_cells(cards))
    assert "outside the interval of ours. It was trained for a minute.\n" in page


def test_only_planned_runs_are_in_the_table(cards):
    other = [dataclasses.replace(card, recipe={**card.recipe, "steps": 7}) for card in cards]
    assert not measured_cells(other) and not render_table({})
    page = render_results(other)
    assert "## Omniglot" not in page and "| `matching_omniglot_characters` | 5-way 1-shot" in page


def test_each_result_is_on_the_page_once(cards):
    page = render_results(cards)
    assert page.count("99.00") == 2  # in the table, and in the verdict below it
    assert "| `waves` | ten points | mse 0.500 ± 0.100 | – |" in page
    assert page.count("### `matching_omniglot_characters`") == 1


def run(capsys, *argv):
    code = main([str(word) for word in argv])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


def test_the_report_of_runs_is_the_same_again(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMETA_MODELS", "")
    for name in ("PACKAGED_MODELS", "CHECKOUT_MODELS"):
        monkeypatch.setattr(f"tfmeta.paths.{name}", tmp_path / "none")
    cell = cells("characters", ["matching"])[0]
    recipe, folder = RECIPES[cell.row.recipe].configure(**cell.trained), cell.run(Path("runs"))
    Run(folder).begin(recipe)
    (folder / "budget.json").write_text(json.dumps({"steps": 100, "seconds": 60, "cores": 2}))
    row = card_of_a_run(cell, 0.99).results[0]
    (folder / "results.json").write_text(json.dumps([dataclasses.asdict(row)]))

    def files():
        paths = sorted(path for path in (tmp_path / "docs").rglob("*") if path.is_file())
        return {str(path.relative_to(tmp_path)): path.read_bytes() for path in paths}

    out = run(capsys, "omniglot", "--runs", "runs")
    assert f"{folder}: docs/cards/matching_omniglot_characters.json" in out
    first = files()
    assert list(first) == [
        "docs/cards/matching_omniglot_characters.json", "docs/pictures/omniglot_table.png", "docs/results.md"
    ]  # fmt: skip
    assert b"**99.00**" in first["docs/results.md"]
    monkeypatch.setattr("tfmeta.core.cards.git_hash", lambda: "another")
    run(capsys, "omniglot", "--runs", "runs")
    assert files() == first
    run(capsys, "results")
    assert files() == first and len(read_cards("docs/cards")) == 1
