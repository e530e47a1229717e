"""The programs of `examples/` do what their first lines say."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.needs_dataset("mnist")
def test_a_perceptron_is_trained_by_a_learnt_rule(capsys):
    model = runpy.run_path(str(EXAMPLES / "train_by_a_learnt_rule.py"))["model"]
    assert model.history.history["accuracy"][-1] > 0.85
    assert "200/200" in capsys.readouterr().out


def test_every_example_is_shown_in_the_docs():
    docs = "".join(path.read_text() for path in (EXAMPLES.parent / "docs").glob("*.md"))
    for example in EXAMPLES.glob("*.py"):
        _, program = example.read_text().split('"""\n\n', 1)
        assert program in docs, f"{example.name} and the docs differ"
