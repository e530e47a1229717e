"""GeoQA on made-up environments in the real format, and on the real ones where they are."""

import os
import shutil

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data.geo_layouts import load_recorded_layouts
from tfmeta.data.geo_world import FEATURES, load_geo_world
from tfmeta.data.geoqa import ENVIRONMENTS, load_geoqa

WORLD = """\
*city;Oz Town,Emerald;
*state;Oz,Kansas

*in-rel;Oz Town#Oz,Emerald#Oz,Kansas#
*border-rel;Oz#Kansas,Kansas#Oz
*near-rel;Emerald#Oz Town
"""
TRAINING = """\
# how many cities are there ?;2
is Emerald a city ?;Emerald;1;(lambda $x (and (city $x) (kb-Emerald $x)))
is Oz a city ?;;1;(lambda $x (and (city $x) (kb-Oz $x)))

what cities are in Oz ?;Oz Town,Emerald;1;(lambda $x (exists $y (and (city $x) (in-rel $x $y) (kb-Oz $y))))
what lies between Oz and Kansas ?;;4
does Oz border Kansas;Oz;1;
"""


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    root = tmp_path_factory.mktemp("geoqa")
    for name in ENVIRONMENTS:
        folder = root / "environments" / name
        folder.mkdir(parents=True)
        (folder / "locations.txt").write_text(
            "Oz Town;Oz Town;1\nEmerald;Emerald;2\nOz;Oz;3\nKansas;Kansas;4\n"
        )
        (folder / "world.txt").write_text(WORLD)
        (folder / "training.txt").write_text(TRAINING)
        area = 2.5 if name == "fl" else 0.5
        (folder / "cat_features.txt").write_text(
            f"Oz,T,f_f__F_landmarkArea,{area}\nOz,T,bias,1.0\n"
            f"Emerald,T,towers, domes of _,1\nEmerald,T,only in {name},1\n"
        )
        (folder / "rel_features.txt").write_text("Oz,Kansas,T,F_distBtwnCentroids_f_l,-3.5e-1\n")
    return root


def test_questions_and_answers(made_up):
    data = load_geoqa(made_up)
    assert tuple(data.worlds) == ENVIRONMENTS
    assert len(data.questions) == 10 * 5
    first = data.questions[:5]
    assert [set(question.entities) for question in first] == [
        {"Emerald"}, set(), {"Oz Town", "Emerald"}, set(), {"Oz"}
    ]  # fmt: skip
    assert {question.answer for question in data.questions} == {""}
    assert [question.level for question in first] == [1, 1, 1, 4, 1]
    assert (first[0].world, first[0].text) == ("fl", "is Emerald a city ?")


def test_quantified_questions_are_answered_by_yes_and_no(made_up):
    answers = [question.answer for question in load_geoqa(made_up, quantified=True).questions[:5]]
    assert answers == ["yes", "no", "", "", ""]


def test_folds_leave_one_environment_out(made_up):
    folds = list(load_geoqa(made_up).folds())
    assert tuple(fold.held_out for fold in folds) == ENVIRONMENTS
    for fold in folds:
        assert {question.world for question in fold.test} == {fold.held_out}
        assert {question.world for question in fold.train} == set(ENVIRONMENTS) - {fold.held_out}


def test_facts(made_up):
    data = load_geoqa(made_up)
    world, names = data.worlds["fl"], data.names
    assert world.entities == ("Oz Town", "Emerald", "Oz", "Kansas")
    assert world.features.shape == (4, 18)
    assert world.pairs.shape == (4, 4, 42)
    assert world.features[:, names.of_entities.index("city")].tolist() == [1, 1, 0, 0]

    def holds(relation):
        return {
            tuple(pair) for pair in np.argwhere(world.pairs[..., names.of_pairs.index(relation)]).tolist()
        }

    assert holds("in") == {(0, 2), (1, 2)}
    assert holds("in-inverse") == {(2, 0), (2, 1)}
    assert holds("border") == holds("border-inverse") == {(2, 3), (3, 2)}
    assert holds("near") == {(1, 0)}
    assert world.pairs.sum() == 2 * 5


def test_the_features_of_the_authors_are_signed(made_up):
    data = load_geoqa(made_up, features="nmn2")
    world, relations = data.worlds["fl"], data.names.of_pairs
    assert world.features.shape == (4, 11)
    assert world.pairs.shape == (4, 4, 6)
    assert world.pairs[0, 2, relations.index("in")] == 1
    assert world.pairs[2, 0, relations.index("in")] == -1
    border = world.pairs[..., relations.index("border")]
    assert (border[3, 2], border[2, 3]) == (1, -1)  # the later line wins


def test_observations_are_those_that_two_environments_share(made_up):
    data = load_geoqa(made_up, features="observations")
    assert data.names.of_entities == ("bias", "f_f__F_landmarkArea", "towers, domes of _")
    assert data.names.of_pairs == ("F_distBtwnCentroids_f_l",)
    fl, ga = data.worlds["fl"], data.worlds["ga"]
    np.testing.assert_allclose(fl.features, [[0, 0, 0], [0, 0, 1], [1, 2.5, 0], [0, 0, 0]])
    assert ga.features[2, 1] == 0.5
    assert fl.pairs[2, 3, 0] == np.float32(-0.35)
    assert np.count_nonzero(fl.pairs) == 1


def test_where_it_is_absent(monkeypatch, tmp_path):
    monkeypatch.delenv("TFMETA_GEOQA", raising=False)
    with pytest.raises(
        TfmetaError, match=r"GeoQA was not found: no path .* TFMETA_GEOQA.*github\.com/jayantk/lsp"
    ):
        load_geoqa()
    monkeypatch.setenv("TFMETA_GEOQA", str(tmp_path))
    with pytest.raises(TfmetaError, match=r"GeoQA was not found: tried .*environments\. Its environments"):
        load_geoqa()


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "world.txt",
            "*volcano;Oz\n",
            r"world\.txt:1: unknown fact 'volcano'.*The nearest of 18 names: ocean",
        ),
        ("world.txt", "*city;Oz\n*in-rel;Oz#Kansas Town\n", r"world\.txt:2: the world has no 'Kansas Town'"),
        (
            "training.txt",
            "is Oz a city ?;Os;1\n",
            r"training\.txt:1: the world has no 'Os'\. Did you mean Oz",
        ),
        ("training.txt", "is Oz a city ?\n", r"training\.txt:1: expected question;answers;level"),
        ("locations.txt", "", r"locations\.txt: expected entities, each once; none came"),
        ("locations.txt", "Oz;Oz;1\nOz;Oz;2\n", r"expected entities, each once; Oz came"),
        ("cat_features.txt", "Oz,T,bias,much\n", r"cat_features\.txt:1: expected 1 entities"),
        ("world.txt", None, r"world\.txt cannot be read .*expected a folder with locations\.txt"),
    ],
)
def test_files_that_say_what_cannot_be(made_up, tmp_path, file, text, message):
    broken = shutil.copytree(made_up, tmp_path / "broken")
    place = broken / "environments" / "fl" / file
    place.unlink() if text is None else place.write_text(text)
    with pytest.raises(TfmetaError, match=message):
        load_geoqa(broken, features="observations" if "features" in file else "facts")


def test_an_unknown_kind_of_features(made_up):
    with pytest.raises(ValueError, match="features='fact'; expected one of facts, nmn2, observations"):
        load_geoqa(made_up, features="fact")
    with pytest.raises(ValueError, match="observations need names"):
        load_geo_world(made_up / "environments" / "fl", "observations")


@pytest.fixture
def recorded(tmp_path):
    """What was recorded of the made-up questions, five lines an environment."""
    lines = [
        "emerald;(exists emerald);(and emerald city);(exists (and emerald city))",
        "oz;(exists oz);(and oz city);(exists (and oz city))",
        "city;(exists city);(and city (in oz));(exists (and city (in oz)))",
        "(between oz_kansas);(exists (between oz_kansas))",
        "(in__inv oz_town);(exists (in__inv oz_town))",
    ]
    for name in ENVIRONMENTS:
        (tmp_path / f"{name}.sps").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_recorded_layouts_are_in_our_notation(made_up, recorded):
    layouts = load_recorded_layouts(load_geoqa(made_up), recorded)
    assert len(layouts) == 10 * 5
    assert layouts[0][2:] == (
        "(and lookup[emerald] find[city])", "(exists (and lookup[emerald] find[city]))"
    )  # fmt: skip
    assert layouts[2][2] == "(and find[city] (relate[in] lookup[oz]))"
    assert layouts[3] == ("(relate[between] find[oz-kansas])", "(exists (relate[between] find[oz-kansas]))")
    assert layouts[4][0] == "(relate[in-inverse] lookup[oz-town])"


def test_recorded_layouts_that_are_not_there(made_up, recorded, monkeypatch, tmp_path):
    data = load_geoqa(made_up)
    monkeypatch.delenv("TFMETA_GEOQA_LAYOUTS", raising=False)
    with pytest.raises(TfmetaError, match=r"no path was given, and TFMETA_GEOQA_LAYOUTS is not set.*nmn2"):
        load_recorded_layouts(data)
    with pytest.raises(TfmetaError, match=r"tried .*nowhere"):
        load_recorded_layouts(data, tmp_path / "nowhere")
    (recorded / "ga.sps").write_text("oz\n")
    with pytest.raises(TfmetaError, match=r"ga\.sps has 1 lines, but the environment 5 questions"):
        load_recorded_layouts(data, recorded)


@pytest.mark.skipif(
    "TFMETA_GEOQA" not in os.environ, reason="needs GeoQA: set TFMETA_GEOQA to its environments"
)
@pytest.mark.parametrize("features", FEATURES[:2])
def test_the_real_data(features):
    data = load_geoqa(quantified=True, features=features)
    assert len(data.questions) == 263
    assert [len(fold.test) for fold in data.folds()] == [40, 25, 21, 19, 18, 43, 29, 20, 38, 10]
    assert sum(question.answer == "yes" for question in data.questions) == 25
    assert sum(question.answer == "no" for question in data.questions) == 19
    florida, names = data.worlds["fl"], data.names
    assert len(florida.entities) == 8
    tallahassee, miami = (florida.entities.index(name) for name in ("Tallahassee", "Miami"))
    assert florida.pairs[tallahassee, miami, names.of_pairs.index("north")] == 1
    assert florida.features[miami, names.of_entities.index("city")] == 1
