"""`tfmeta ask`, of models that have learnt nothing: what it prints, draws, and refuses."""

import json

import numpy as np
import pytest
from PIL import Image

from tests import places
from tests.modules.test_module_servable import of_images
from tfmeta.cli import main
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.modules import parse
from tfmeta.modules.servable import module_servable
from tfmeta.recipes.modules import NMN_GEOQA, geoqa_questions

SHAPES_QUESTION = "is there a red shape above a circle"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two models, a world and pictures, in the working directory."""
    root = tmp_path_factory.mktemp("ask")
    network, example = of_images()
    servable = module_servable(network, "nmn_shapes", example=example, card=Card("Guesses."))
    export(servable, root / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFMETA_GEOQA", str(places.build(root / "geoqa")))
        patch.setenv("TFMETA_MODELS", str(root / "models"))
        patch.setattr(geoqa_questions, "parse_question", places.PARSER)
        patch.setattr(parse, "SpacyParser", lambda: places.PARSER)
        patch.chdir(root)
        geoqa_questions._data.cache_clear()
        settings = NMN_GEOQA.configure(quantified=True, units=2)
        export(NMN_GEOQA.servable(NMN_GEOQA.learner(settings), settings, Card("Guesses.")), root / "models")
        Image.new("RGB", (12, 8), "red").save(root / "red.png")
        Image.new("RGB", (12, 9), "red").save(root / "high.png")
        (root / "not.png").write_text("no picture")
        yield root
    geoqa_questions._data.cache_clear()


def ask(capsys, *words):
    code = main(["ask", *words])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


ABOUT_PLACES = ("--model", "nmn_geoqa_quantified", "--world", "geoqa/fl")
ABOUT_A_PICTURE = ("--model", "nmn_shapes", "--image", "red.png")


def test_a_question_about_places(place, capsys):
    found = json.loads(ask(capsys, *ABOUT_PLACES, "--json", places.QUESTION))
    assert set(found) == {"answer", "probability", "layout", "candidates", "unknown"}
    assert found["answer"] in ("yes", "no") or set(found["answer"]) <= {
        "Miami",
        "Key Largo",
        "Everglades",
        "Georgia",
    }
    assert 0 < found["probability"] <= 1
    candidates = {candidate["layout"]: candidate["probability"] for candidate in found["candidates"]}
    assert found["layout"] in candidates and sum(candidates.values()) == pytest.approx(1)
    assert {"(and find[park] (relate[south-of] lookup[miami]))", "(exists find[park])"} < set(candidates)

    told = ask(capsys, *ABOUT_PLACES, *places.QUESTION.split())
    assert told.splitlines()[1] == found["layout"] and "%)" in told.splitlines()[0]


def test_a_question_about_a_picture(place, capsys):
    found = json.loads(ask(capsys, *ABOUT_A_PICTURE, "--json", SHAPES_QUESTION))
    assert found["answer"] in ("yes", "no") and found["probability"] >= 0.5
    assert found["candidates"][0]["layout"] == "(exists (and find[red] (relate[above] find[circle])))"


def test_words_that_were_not_learnt_are_told(place, capsys):
    asked = (*ABOUT_A_PICTURE, "--layout", "(exists (and find[mauve] (relate[above] find[mauve])))")
    assert json.loads(ask(capsys, *asked, "--json"))["unknown"] == ["mauve"]
    assert ask(capsys, *asked).splitlines()[2] == "The model has not learnt mauve: this is a guess."
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
    with Image.open("modules.png") as drawn:
        assert drawn.width > 300 and np.asarray(drawn).std() > 10


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
        (["--model", "nmn_geoqa_quantified", "--image", "red.png", "q"], "not asked about pictures, but about places"),
        (["--model", "nmn_geoqa_quantified", "--world", "nowhere", "q"], "locations.txt cannot be read"),
        (["--model", "nmn_shapes", "--world", "geoqa/fl", "q"], "not asked about places, but about a picture"),
        (["--model", "nmn_shapes", "--image", "high.png", "q"], "is 12x9 pixels, but the model looks at 12x8"),
        (["--model", "nmn_shapes", "--image", "not.png", "q"], "not.png is no picture"),
        (["--model", "nmn_shapes", "--image", "no.png", "q"], "no.png: No such file"),
        (["--model", "nmn_shape", "--image", "red.png", "q"], "Did you mean nmn_shapes?"),
        (["--model", "nmn_shapes", "q"], "one of the arguments --image --world is required"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(command, words, place, capsys):
    try:
        code = main(["ask", *command])
    except SystemExit as ended:
        code = ended.code
    err = capsys.readouterr().err
    assert code == 2 and err.startswith("tfmeta: ") and err.count("\n") == 1 and words in err


def test_without_spacy_it_says_how_to_get_it(place, capsys, monkeypatch):
    def missing():
        raise TfmetaError("Questions are parsed by spaCy, which is not installed: pip install 'tfmeta[nlp]'.")

    monkeypatch.setattr(parse, "SpacyParser", missing)
    assert main(["ask", *ABOUT_PLACES, places.QUESTION]) == 2
    assert "pip install 'tfmeta[nlp]'" in capsys.readouterr().err
