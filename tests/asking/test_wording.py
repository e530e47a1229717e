"""How questions are worded that people type, asked of the shipped model of places: right, or not known, or refused."""

from pathlib import Path

import pytest

from tests import places
from tfmeta import asking
from tfmeta.asking.wording import as_written
from tfmeta.core.model import LoadedModel
from tfmeta.modules import Layout, ModuleType
from tfmeta.modules.parse import QuestionError, SpacyParser
from tfmeta.modules.reading import QuestionReading

SHIPPED = Path(__file__).parents[2] / "saved_models"


@pytest.fixture(scope="module")
def parser():
    pytest.importorskip("spacy")
    return SpacyParser()


@pytest.fixture(scope="module")
def answer(parser, tmp_path_factory):
    """Asks the shipped model about a world of Miami, Key Largo, Everglades and Georgia."""
    folder = max((SHIPPED / "nmn_geoqa").iterdir(), key=lambda version: int(version.name))
    model, reading = LoadedModel(folder), asking.reading_of_artefact(folder)
    world = asking.load_world(model, places.build(tmp_path_factory.mktemp("geoqa")) / "fl")

    def answer(question):
        read = asking.read_question(reading, question, parser, world.entities)
        return asking.ask_about_world(model, read, world)

    return answer


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("is Miami a city", "yes"), ("is miami a city", "yes"), ("IS MIAMI A CITY", "yes"),
        ("isn't Miami a city?", "yes"), ("is keylargo an island", "yes"), ("is key  largo an island", "yes"),
        ("is miami an island", "no"), ("is there a city", "yes"), ("is there a city in Georgia", "yes"),
        ("are there cities in georgia", "yes"), ("are there any lakes in Georgia", "no"),
        ("how many cities are there in georgia", "1: Miami"), ("count the cities in Georgia", "1: Miami"),
        ("what is the number of lakes in Georgia", "0"), ("which city is in georgia?", "Miami"),
        ("can you tell me which city is in georgia", "Miami"), ("Which City Is In Georgia", "Miami"),
        ("which of these are cities", "Miami"), ("what's in georgia", "Miami"),
        ("is Miami a city in Georgia", "yes"), ("in which state is Miami", "Georgia"),
    ],
)  # fmt: skip
def test_a_question_is_answered_however_it_is_written(question, told, answer):
    assert answer(question).told == told


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("is tampa in georgia", "tampa"), ("is boston a city", "boston"), ("is qwertz in Georgia", "qwertz"),
        ("is miammi a city", "miammi"), ("is there a volcano", "volcano"),
        ("which park flumps Miami", "flump"), ("who is the president", "president"), ("is it in Georgia", "it"),
        ("is Miami big", "big"), ("what is the smallest city in Georgia", "smallest"),
        ("which city is not in Georgia", "not"), ("which cities aren't in Georgia", "n't"),
        ("is there no city in Georgia", "no"), ("is there a city or an island in Georgia", "or"),
        ("are there cities and islands in Georgia", "and"), ("are all cities in Georgia", "all"),
        ("are there 50 cities in Georgia", "50"), ("are there more cities than parks", "more"),
        ("does Georgia have cities", "have"), ("is there a city in Georgia's park", "'s"),
        ("where are the parks", "where"),
        ("is North Miami a city", "north"), ("will there be a city in Georgia", "will"), ("is 😀 a city", "😀"),
        ("how many people live in Miami", "people"), ("what is the population of Miami", "population"),
    ],
)  # fmt: skip
def test_a_word_that_nothing_stands_for_leads_to_no_answer(question, unknown, answer):
    found = answer(question)
    assert unknown in found.unknown and not found.known and found.told == "I do not know"


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("is Tampa in Georgia", "The world has no 'tampa'"), ("which city is in Texas", "The world has no 'texas'"),
        ("is Miammi a city", "Did you mean Miami?"),
        ("which city is in gorgia", "Did you mean Georgia?"), ("", "The question is empty"),
        ("???", "The question is empty"),
        ("12345", "there is nothing to look for"), ("hello", "there is nothing to look for"),
        ("Is Miami a city? Is Key Largo an island?", "asks more than one question"),
        ("Miami is a city. Is Key Largo an island?", "asks more than one question"),
        ("which park is south of Miami and which city is in Georgia", "asks more than one question"),
        ("is Miami a city and is Key Largo an island", "asks more than one question"),
        ("what is Miami", "asks nothing of 'miami'"), ("where is miami", "asks nothing of 'miami'"),
        ("Georgia cities", "asks nothing of 'georgia'"), ("what are Georgia's cities", "asks nothing of 'georgia'"),
        ("when was Miami founded", "asks nothing of 'miami'"), ("whose city is Miami", "asks nothing of 'miami'"),
        ("is Miami a city?is Key Largo an island?", "asks more than one question"),
        ("are Miami and Key Largo cities", "takes 'miami' and 'key-largo' for one"),
        ("is Miami, Georgia a city", "takes 'miami' and 'georgia' for one"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused(question, words, answer):
    with pytest.raises(QuestionError, match=words.replace("?", r"\?")):
        answer(question)


def test_a_city_that_is_something_else_too_is_one_thing(answer):
    assert answer("is Miami a city and a capital").unknown == ()
    assert answer("which city is in Georgia and south of Key Largo").unknown == ()


@pytest.mark.parametrize(
    "question", ["how many shapes are there", "what color is the circle", "which shape is red"]
)
def test_a_model_that_only_says_yes_or_no_is_not_asked_for_more(question, parser):
    with pytest.raises(QuestionError, match="asks for more than yes or no"):
        asking.read_question(QuestionReading({"tops": ("exists",)}), question, parser)
    asking.read_question(QuestionReading({"tops": ("describe",)}), question, parser)
    asking.read_question(QuestionReading({"tops": ("exists",)}), "is there a shape that is red", parser)


def test_a_module_of_ones_own_stands_for_its_cue(parser):
    reading = QuestionReading(
        {"tops": ("exists",)}, (ModuleType("not", takes=1, cues=("not",)), *QuestionReading().modules)
    )
    question = asking.read_question(reading, "is there a shape that is not red", parser)
    assert "not" not in question.unread
    assert asking.read_question(QuestionReading(), "is there a shape that is not red", parser).unread == (
        "not",
    )


def test_a_model_that_does_not_say_its_words_is_asked_as_before(parser):
    question = asking.read_question(
        QuestionReading({"adjectives": ()}), "is there a small city", parser, ["Miami"]
    )
    assert question.unread == () and Layout("exists", children=(Layout("find", "city"),)) in question.layouts
    known = QuestionReading({"adjectives": ()}, words=("is", "city"))
    assert asking.read_question(known, "is there a small city", parser, ["Miami"]).unread == ("small",)


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("is west virginia a state", "is West Virginia a state"), ("is st.  mary's a city", "is St. Mary's a city"),
        ("is virginias a state", "is virginias a state"), ("please show me the parks", "the parks"),
        ("WHAT IS THERE", "what is there"), ("USA", "USA"), ("tell me", "tell me"),
        (r"is a\b a city", r"is A\b a city"),
        ("which cities aren't there", "which cities aren't there"), ("Show me", "Show me"),
    ],
)  # fmt: skip
def test_questions_are_written_as_the_training_writes_them(question, written):
    assert as_written(question, ["Virginia", "West Virginia", "St. Mary's", "A\\b"]) == written
