"""`tfmeta ask`, of models that have learnt nothing: what it prints, draws, and refuses."""

import io
import json
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import places
from tests.modules.test_module_servable import of_images
from tfmeta import asking
from tfmeta.cli import main
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.core.model import LoadedModel
from tfmeta.data.geo_world import load_geo_world, names_of_features
from tfmeta.modules import ModuleNetwork, parse, parse_layout
from tfmeta.modules.servable import module_servable
from tfmeta.serving.client import Client
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

SHAPES_QUESTION = "is there a red shape above a circle"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two models, a world and pictures, in the working directory."""
    root = tmp_path_factory.mktemp("ask")
    network, example = of_images()
    servable = module_servable(network, "shapes", example=example, card=Card("Guesses."))
    export(servable, root / "models")
    with pytest.MonkeyPatch.context() as patch:
        places.build(root / "geoqa")
        export(of_places(root / "geoqa/fl"), root / "models")
        patch.setenv("TFMETA_MODELS", str(root / "models"))
        patch.setattr(parse, "SpacyParser", lambda: places.PARSER)
        patch.chdir(root)
        Image.new("RGB", (12, 8), "red").save(root / "red.png")
        Image.new("RGB", (12, 9), "red").save(root / "high.png")
        (root / "not.png").write_text("no picture")
        (root / "half.png").write_bytes((root / "red.png").read_bytes()[:50])
        yield root


def of_places(folder):
    """A network that answers with places, or with yes and no, and reads questions as GeoQA+Q is read."""
    world = load_geo_world(folder)
    features, pairs = map(len, names_of_features("facts"))
    network = ModuleNetwork(
        ["park", "city", "south-of", "in"], ["which", "park", "is", "of"], ["no", "yes"], features=features, sets=True,
        pairs=pairs, units=2, hidden=4, attention="sigmoid", form="product", choice="expected", seed=0,
    )  # fmt: skip
    example = {
        "question": np.array([places.QUESTION], object),
        "layouts": np.array([[["find[park]", "exists"]]], object),
        **asking.places.inputs_of_world(world),
    }
    reading = {"tops": ["set", "exists"], "adjectives": ["major"], "limit": 8}
    return module_servable(network, "places", example=example, card=Card("Guesses."), reading=reading)


def ask(capsys, *words):
    code = main(["ask", *words])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


ABOUT_PLACES = ("--model", "places", "--world", "geoqa/fl")
ABOUT_A_PICTURE = ("--model", "shapes", "--image", "red.png")


def test_a_question_about_places(place, capsys):
    found = json.loads(ask(capsys, *ABOUT_PLACES, "--json", places.QUESTION))
    assert set(found) == {"answer", "found", "probability", "layout", "candidates", "unknown"}
    assert {*found["answer"]} <= {"Miami", "Key Largo", "Everglades", "Georgia"}
    assert 0 < found["probability"] <= 1
    candidates = {candidate["layout"]: candidate["probability"] for candidate in found["candidates"]}
    assert found["layout"] in candidates and sum(candidates.values()) == pytest.approx(1)
    assert {"(and find[park] (relate[south-of] lookup[miami]))", "find[park]"} < set(candidates)
    assert not any("exists" in layout for layout in candidates), "which park asks for names"

    told = ask(capsys, *ABOUT_PLACES, *places.QUESTION.split())
    assert told.splitlines()[1] == found["layout"] and "%)" in told.splitlines()[0]


def test_a_question_about_a_picture(place, capsys):
    found = json.loads(ask(capsys, *ABOUT_A_PICTURE, "--json", SHAPES_QUESTION))
    assert found["found"] in ("yes", "no") and found["probability"] >= 0.5
    assert found["answer"] is None and found["unknown"] == ["circle"], (
        "this model has not learned what a circle is"
    )
    assert found["candidates"][0]["layout"] == "(exists (and find[red] (relate[above] find[circle])))"


def test_words_that_were_not_learnt_are_told(place, capsys):
    asked = (*ABOUT_A_PICTURE, "--layout", "(exists (and find[mauve] (relate[above] find[mauve])))")
    assert json.loads(ask(capsys, *asked, "--json"))["unknown"] == ["mauve"]
    told = ask(capsys, *asked).splitlines()
    assert told[0].startswith("I do not know: ") and told[0].endswith(" would be a guess.")
    assert told[2] == "The model has not learned 'mauve': this is a guess."
    assert json.loads(ask(capsys, *asked, "--json"))["answer"] is None
    known = ask(capsys, *ABOUT_A_PICTURE, "--layout", "(exists (relate[above] find[red]))")
    assert len(known.splitlines()) == 2
    # A name is looked up among those of the world.
    looked_up = ask(capsys, *ABOUT_PLACES, "--json", "--layout", "lookup[miami]")
    assert json.loads(looked_up)["unknown"] == []


@pytest.mark.parametrize("about", [ABOUT_PLACES, ABOUT_A_PICTURE], ids=["places", "picture"])
def test_a_layout_of_ones_own_needs_no_parser(about, place, capsys, monkeypatch):
    monkeypatch.delattr(parse, "SpacyParser")
    layout = "(exists (relate[above] find[red]))"
    told = ask(capsys, *about, "--layout", layout, "--pictures", "modules.png")
    assert told.splitlines()[1] == layout
    # A column for each module and one for what is asked about; the pictures' own tests say what is in them.
    with Image.open("modules.png") as drawn:
        assert drawn.width > 3 * 150 and len(np.unique(np.asarray(drawn).reshape(-1, 4), axis=0)) > 50


def test_a_set_is_told_by_its_names(place, capsys):
    told = ask(capsys, *ABOUT_PLACES, "--layout", "lookup[key-largo]")
    assert told == "Key Largo (100.0%)\nlookup[key-largo]\n"
    nothing = ask(capsys, *ABOUT_PLACES, "--layout", "(and lookup[key-largo] lookup[miami])")
    assert nothing.startswith("nothing (100.0%)")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([*ABOUT_PLACES], "The question is empty"),
        ([*ABOUT_PLACES, " "], "The question is empty"),
        ([*ABOUT_PLACES, "Which of them is it?"], "has no noun, name or verb: there is nothing to look for"),
        ([*ABOUT_PLACES, "Is Boston in Georgia?"], "The world has no 'boston'"),
        ([*ABOUT_PLACES, "--layout", "lookup[boston]"], "looks up boston, but the positions of this world are called"),
        ([*ABOUT_PLACES, "--layout", "colour[red]"], "--layout 'colour[red]': "),
        ([*ABOUT_PLACES, "--layout", "(exists (exists find[a]))"], "exists takes "),
        ([*ABOUT_PLACES, "--layout", "(measure[count] find[city])"], "but a step is one of lookup[word]"),
        (["--model", "places", "--image", "red.png", "q"], "not asked about pictures, but about places"),
        (["--model", "places", "--world", "nowhere", "q"], "locations.txt cannot be read"),
        (["--model", "shapes", "--world", "geoqa/fl", "q"], "not asked about places, but about a picture"),
        (["--model", "shapes", "--image", "high.png", "q"], "is 12x9 pixels, but the model looks at 12x8"),
        (["--model", "shapes", "--image", "not.png", "q"], "not.png cannot be read as an image"),
        (["--model", "shapes", "--image", "half.png", "q"], "half.png cannot be read as an image"),
        (["--model", "shapes", "--image", "no.png", "q"], "There is no image no.png"),
        (["--model", "shape", "--image", "red.png", "q"], "Did you mean shapes?"),
        (["--model", "shapes", "q"], "one of the arguments --image --world is required"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(command, words, place, capsys):
    try:
        code = main(["ask", *command])
    except SystemExit as ended:
        code = ended.code
    err = capsys.readouterr().err
    assert code == 2 and err.startswith("tfmeta: ") and err.count("\n") == 1 and words in err


@pytest.fixture(scope="module")
def address(place):
    with Server(Models(place / "models")) as server:
        yield server.address


ASKED = {
    "places": (*ABOUT_PLACES, places.QUESTION),
    "picture": (*ABOUT_A_PICTURE, SHAPES_QUESTION),
    "layout": (*ABOUT_PLACES, "--layout", "lookup[key-largo]"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_server_answers_as_a_model_in_this_process(asked, place, address, capsys, monkeypatch):
    here = json.loads(ask(capsys, *ASKED[asked], "--json"))
    monkeypatch.setenv("TFMETA_MODELS", str(place / "geoqa"))  # which holds no model
    there = json.loads(ask(capsys, *ASKED[asked], "--json", "--server", address))
    for answer in (here, there):
        answer["candidates"] = {each["layout"]: each["probability"] for each in answer["candidates"]}
    assert there.pop("candidates") == pytest.approx(here.pop("candidates"), abs=1e-6)
    assert there.pop("probability") == pytest.approx(here.pop("probability"), abs=1e-6)
    assert there == here


def test_what_a_server_refuses_is_told_in_one_line(place, address, capsys):
    for model, layout, words in (
        ("places", "lookup[boston]", "looks up boston, but the positions of this world are called"),
        ("places", "colour[red]", "--layout 'colour[red]': Unknown module 'colour'"),
        ("place", "lookup[miami]", "place"),
    ):
        asked = ["--model", model, "--world", "geoqa/fl", "--server", address, "--layout", layout]
        assert main(["ask", *asked]) == 2
        err = capsys.readouterr().err
        assert err.startswith("tfmeta: ") and err.count("\n") == 1 and words in err


def test_a_served_model_that_does_not_say_how_it_reads_is_asked_as_its_artefact_here(place, address):
    with Client(address) as client:
        told = asking.reading_of_model(client.model("places"))
    assert told == asking.reading_of_artefact(place / "models/places/1")
    assert told.settings["tops"] == ["set", "exists"]
    shipped = Path(__file__).parents[2] / "saved_models"
    newest = max((shipped / "nmn_shapes").iterdir(), key=lambda version: int(version.name))
    assert asking.reading_of_artefact(newest).settings["anything"] == ["shape", "thing"]
    assert asking.reading_of_model(LoadedModel(newest)) == asking.reading_of_artefact(newest)
    silent = max((shipped / "lstm_optimizer_quadratic").iterdir(), key=lambda version: int(version.name))
    assert asking.reading_of_model(LoadedModel(silent)) is None


def test_several_questions_are_answered_at_once(place, capsys, monkeypatch):
    other = "which city is in georgia"
    monkeypatch.setattr(parse, "SpacyParser", lambda: places.PARSER)
    told = ask(capsys, *ABOUT_PLACES, "--json", places.QUESTION, places.QUESTION)
    first, second = map(json.loads, told.splitlines())
    assert first == second and first["question"] == places.QUESTION
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{places.QUESTION}\n\n{other}\n{places.QUESTION}\n"))
    assert main(["ask", *ABOUT_PLACES, "-"]) == 2
    said = capsys.readouterr()
    assert said.out.count(f"{places.QUESTION}\n  ") == 2
    assert said.err.startswith(f"tfmeta: {other}: ") and said.err.count("\n") == 1
    assert main(["ask", *ABOUT_PLACES, "--pictures", "p.png", places.QUESTION, places.QUESTION]) == 2
    assert "--pictures is for one question, but 2 are asked" in capsys.readouterr().err


def answered(
    probabilities=(), positions=(), layout="find[park]", question="which park", least=0.0, unread=()
):
    """The answer of a model that says just this."""
    size = len(parse_layout(layout).tokens())
    says = {
        "layout": np.array([0]), "scores": np.array([[0.0]]), "attentions": np.zeros([1, 1, size, 3]),
        "unknown": np.zeros([1, 1, size], bool), "probabilities": np.array([[*probabilities, 0.0]]),
        "answer": np.array([b"yes"]), "positions": np.array([positions]),
    }  # fmt: skip
    model = types.SimpleNamespace(ask=lambda signature, inputs: says)
    read = asking.Question(question, [parse_layout(layout)], unread)
    return asking.answer.ask(model, read, {}, ["A", "B", "C"], least)


def test_a_number_is_told_where_one_is_asked():
    two = answered(positions=[0.9, 0.2, 0.8], question="how many parks are there")
    assert two.told == "2: A, C" and json.loads(two.to_json())["answer"] == 2
    assert json.loads(two.to_json())["found"] == ["A", "C"]
    none = answered(positions=[0.1, 0.2, 0.2], question="How much water is there?")
    assert none.told == "0" and json.loads(none.to_json())["answer"] == 0
    assert answered(positions=[0.1, 0.2, 0.2]).told == "nothing"


def test_an_answer_of_a_low_probability_is_not_given():
    low = answered(positions=[0.6, 0.4, 0.5], least=0.4)
    assert low.probability == pytest.approx(0.18) and low.told == "I do not know"
    told = json.loads(low.to_json())
    assert told["answer"] is None and told["found"] == ["A"]
    high = answered(probabilities=[0.41], layout="(exists find[park])", question="is there a park", least=0.4)
    assert high.told == "yes" and json.loads(high.to_json())["answer"] == "yes"


def test_an_answer_that_leaves_out_a_word_is_not_given():
    guess = answered(
        probabilities=[0.9], layout="(exists find[park])", question="is it a park", unread=("it",)
    )
    assert guess.told == "I do not know" and (guess.found, guess.unknown) == ("yes", ("it",))
    told = json.loads(guess.to_json())
    assert (told["answer"], told["found"], told["unknown"]) == (None, "yes", ["it"])


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("is Miami a city", "label"), ("Are there parks in Florida?", "label"), ("Isn't Miami a city?", "label"),
        ("does florida have parks", "label"), ("island of Florida", "names"), ("which parks are there", "names"),
        ("how many parks are there", "number"), ("What is the number of parks?", "number"),
        ("what is in florida", "names"), ("count the parks", "number"), ("country of Miami", "names"),
    ],
)  # fmt: skip
def test_the_first_words_say_what_is_asked(question, kind):
    assert asking.kinds.kind_of_question(question) == kind
    layouts = [parse_layout("find[park]"), parse_layout("(exists find[park])")]
    assert asking.kinds.of_kind(layouts, question) == [layouts[kind == "label"]]
    assert asking.kinds.of_kind(layouts[:1], question) == layouts[:1]


def test_without_spacy_it_says_how_to_get_it(place, capsys, monkeypatch):
    def missing():
        raise TfmetaError("Questions are parsed by spaCy, which is not installed: pip install 'tfmeta[nlp]'.")

    monkeypatch.setattr(parse, "SpacyParser", missing)
    assert main(["ask", *ABOUT_PLACES, places.QUESTION]) == 2
    assert "pip install 'tfmeta[nlp]'" in capsys.readouterr().err
