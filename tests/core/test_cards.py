import dataclasses
import json
import subprocess
import sys

import pytest

from tfmeta.core import cards
from tfmeta.core.cards import CARD_FILE, Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.paths import CHECKOUT_MODELS

CARD = Card(
    summary="Tells characters apart.",
    command="tfmeta train prototypical-omniglot --seed 0",
    seed=0,
    results=(Result("accuracy", 0.98, 0.002, 1000, "5-way 1-shot, split alphabets", 0.988, "Snell 2017"),),
    signatures={"adapt": {"inputs": {}, "outputs": {}}},
)


def test_json_gives_back_what_it_took():
    assert Card.from_json(CARD.to_json()) == CARD


def test_a_card_knows_where_it_was_made():
    assert {"python", "tfmeta", "tensorflow", "keras", "numpy"} == set(CARD.versions)
    assert CARD.git_hash == cards.git_hash()


def test_without_a_checkout_there_is_no_commit(monkeypatch, tmp_path):
    subprocess.run(
        ["git", "init", "-q", str(tmp_path)], check=True
    )  # a stranger's repository around the package
    monkeypatch.setattr(
        cards, "__file__", str(tmp_path / "venv" / "site-packages" / "tfmeta" / "core" / "cards.py")
    )
    assert cards.git_hash() == ""


def test_file_gives_back_what_it_took(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    CARD.write(tmp_path / "assets.extra" / "card.json")
    assert Card.read(tmp_path) == Card.read(tmp_path / "assets.extra" / "card.json") == CARD
    assert [path.name for path in (tmp_path / "assets.extra").iterdir()] == ["card.json"]


def test_a_field_of_a_later_version_is_left_out():
    fields = json.loads(CARD.to_json()) | {"of a later version": "CC0"}
    assert Card.from_json(json.dumps(fields)) == CARD


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", '{"summary": "x", "results": [3]}', "[" * 100_000, '{"summary": 3}',
        '{"summary": "x", "results": 3}', '{"summary": "x", "seed": true}', '{"summary": "x", "parents": [[]]}',
        '{"summary": "x", "items": []}', '{"summary": "x", "version": "1"}',
        '{"summary": "x", "seed": ' + "9" * 5000 + "}",
        '{"summary": "x", "results": [{"metric": "m", "value": "1", "ci95": 0, "tasks": 1, "setting": ""}]}',
        '{"summary": "x", "results": [{"metric": "m", "value": 1, "ci95": null, "tasks": 1, "setting": ""}]}',
    ],
)  # fmt: skip
def test_what_is_no_card_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(TfmetaError, match="no model card") as caught:
        Card.read(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_card_is_refused(tmp_path):
    with pytest.raises(TfmetaError, match="cannot be read"):
        Card.read(tmp_path)


def test_results_may_be_added_later():
    assert dataclasses.replace(CARD, results=()).results == ()


def test_cards_need_no_tensorflow():
    code = "import sys, tfmeta.core.cards; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_a_terminal_would_obey_is_left_out():
    text = json.dumps({"summary": "red\x1b[31m\x07 \u202eabc", "items": {"classes": ["a\x9b2J"]}})
    card = Card.from_json(text)
    assert card.summary == "red\ufffd[31m\ufffd \ufffdabc" and card.items == {"classes": ["a\ufffd2J"]}


def test_the_shipped_cards_are_of_the_right_types():
    files = sorted(CHECKOUT_MODELS.glob(f"*/*/{CARD_FILE}"))
    assert len(files) > 20
    for file in files:
        told = json.loads(file.read_text(encoding="utf-8"))
        read = json.loads(Card.read(file).to_json())
        assert {name: read[name] for name in told} == told, file
