import json
import os

import numpy as np
import pytest

from tests.drawn_shapes import QUERIES, split, stand_in
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.data.image_questions import numbered
from tfmeta.data.shape_grid import judge
from tfmeta.data.shape_scenes import shown
from tfmeta.data.shape_world import ShapeWorld
from tfmeta.data.shapes import load_shapes, load_shapes_questions, read_grids, shapes_question
from tfmeta.modules import Layout, shapes_tasks
from tfmeta.modules.combination_tasks import HELD_OUT, CombinationTasks
from tfmeta.modules.shapes_tasks import ShapesTasks
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.modules import MONOLITHIC_COMBINATIONS, MONOLITHIC_SHAPES, NMN_COMBINATIONS, NMN_SHAPES
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train

SMALL = {
    "batch_size": 8, "steps": 4, "epoch_steps": 2, "steps_per_execution": 2, "filters": 2, "features": 4, "hidden": 4,
    "units": 4,
}  # fmt: skip
TASKS = {"layouts": "given", "generated": 12, "own": 4, "own_pool": 30}
TINY = {**SMALL, **TASKS}


@pytest.fixture(scope="module", autouse=True)
def shapes_of_our_own():
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        yield


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run that is as short as can be, measured."""
    run = Run(tmp_path_factory.mktemp("runs") / "shapes")
    learner = train(NMN_SHAPES.configure(**TINY), run.folder, verbose=0)
    return run, learner, evaluate(run, verbose=0)


@pytest.mark.parametrize("data", ["given", "paired", "generated"])
def test_answers_are_what_the_pictures_show(data):
    for x, y in ShapesTasks(**TASKS, data=data).drawn(size=8, seed=0).take(3):
        grids = read_grids(x["image"].numpy())
        layouts = x["layouts"].numpy()[:, 0]
        for place, (program, answer) in enumerate(zip(layouts, y.numpy(), strict=True)):
            text = Layout.from_tokens([token.decode() for token in program if token])
            assert judge(str(text), grids[place : place + 1])[0] == ("no", "yes")[answer]


def test_questions_of_validation_and_test_are_never_learnt_from():
    asked = set(ShapesTasks(**TASKS).own_questions(seed=0).layouts.tolist())
    meaning = shapes_tasks._meaning
    unseen = {meaning(shapes_question(query).layout) for part in ("val", "test") for query in QUERIES[part]}
    assert asked and not {meaning(layout) for layout in asked} & unseen
    assert meaning("(exists (and find[b] find[a]))") == "(exists (and find[a] find[b]))"


def test_a_run_keeps_the_epoch_that_validation_likes_best(ended):
    run, learner, results = ended
    assert json.loads((run.folder / "best/best.json").read_text())["epoch"] in (0, 1)
    assert learner.count_params() == run.recipe().learner().count_params()
    [result] = results
    assert (
        result.tasks == 20 and result.setting == "SHAPES test, data generated" and result.published == 0.906
    )
    assert run.results() == results


def test_an_exported_model_answers_and_says_how_it_reads(ended, tmp_path):
    run, learner, _ = ended
    folder = export_run(run, tmp_path)
    how = json.loads((folder / "assets.extra/candidates.json").read_text())
    assert how["tops"] == ["exists"] and how["nested"] and how["entities"] == []
    test = split("test")[:2]
    program = [[["find[blue]", "find[square]", "relate[below]", "and", "exists"]]] * 2
    asked = {
        "question": test.questions.astype(object),
        "layouts": np.array(program, object),
        "image": test.images,
    }
    found = load(folder).answer(**asked)
    np.testing.assert_allclose(found["probabilities"], learner(asked)["answers"], atol=1e-6)
    assert set(found["answer"].astype(str)) <= {"no", "yes"} and found["attentions"].shape == (2, 1, 5, 9)


def test_a_choice_is_learnt_with_modules_that_can_answer(tmp_path):
    fixed = NMN_SHAPES.configure(**{**TINY, "choice": "first", "seed": 1}).learner()
    recipe = NMN_SHAPES.configure(**TINY, start_from="fixed")
    learner = recipe.learner()
    assert fixed.chooser is None and learner.chooser is not None
    recipe.method.start_from(learner, fixed, recipe.training)
    for part in ("front", "inventory"):
        for known, new in zip(getattr(fixed, part).weights, getattr(learner, part).weights, strict=True):
            np.testing.assert_array_equal(known, new)
    for other in ({"features": 5}, {"hidden": 5}, {"form": "perceptron"}):
        with pytest.raises(TfmetaError, match="fixed is a run of other sizes or words"):
            recipe.method.start_from(
                learner, NMN_SHAPES.configure(**{**TINY, **other}).learner(), recipe.training
            )
    plain = MONOLITHIC_SHAPES.configure(**TINY, start_from="fixed")
    with pytest.raises(TfmetaError, match="fixed is a run without modules"):
        recipe.method.start_from(learner, plain.learner(), recipe.training)
    with pytest.raises(
        TfmetaError, match="CNN and LSTM starts from fresh weights; leave start_from=fixed out"
    ):
        plain.method.start_from(plain.learner(), fixed, plain.training)


def test_a_baseline_learns_from_the_same_and_is_not_served(tmp_path):
    run = Run(tmp_path / "run")
    learner = train(MONOLITHIC_SHAPES.configure(**TINY), run.folder, verbose=0)
    assert learner.front.count_params() == NMN_SHAPES.configure(**TINY).learner().front.count_params()
    [result] = evaluate(run, verbose=0)
    assert (
        result.tasks == 20 and result.setting == "SHAPES test, data generated" and result.published == 0.653
    )
    with pytest.raises(TfmetaError, match="baseline, which is measured and not served"):
        export_run(run, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data": "pared"}, "data='pared'.*Did you mean paired"),
        ({"kinds": "exists+measures"}, "holds 'measures'.*Did you mean measure"),
        ({"layouts": "drawn"}, "layouts='drawn'.*Known: given, parsed"),
    ],
)
def test_a_strange_setting_is_told_what_there_is(wrong, message):
    with pytest.raises(TfmetaError, match=message):
        NMN_SHAPES.configure(**{**TINY, **wrong})


def test_a_batch_holds_more_than_questions_of_our_own():
    with pytest.raises(TfmetaError, match="own=4: a batch has 4 questions; expected fewer"):
        ShapesTasks(**TASKS).drawn(size=4, seed=0)


def test_without_the_data_a_line_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr(shapes_tasks, "load_shapes", load_shapes)
    monkeypatch.delenv("TFMETA_SHAPES", raising=False)
    with pytest.raises(TfmetaError, match=r"SHAPES was not found.*TFMETA_SHAPES"):
        train(NMN_SHAPES.configure(**TINY), tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_kinds_of_questions_have_their_answers():
    for kinds in ("exists", "exists+describe", "exists+describe+measure"):
        tasks, world = ShapesTasks(kinds=kinds), ShapeWorld(kinds=kinds.split("+"))
        assert tasks.answers == world.answers and tasks.reading()["tops"] == world.kinds


def test_every_word_that_is_asked_with_is_known():
    questions = ShapeWorld().questions(range(60), seed=3)
    words = {word for text in questions.questions.tolist() for word in text.split()}
    assert words <= set(ShapesTasks().question_words().of_questions)
    arguments = {
        token for layout in questions.layouts.tolist() for token in layout.replace("]", "[").split("[")[1::2]
    }
    assert arguments <= set(ShapesTasks().question_words().arguments)


def test_candidates_are_made_of_the_parse():
    pytest.importorskip("spacy")
    asked = {"is a red shape left of a circle": "", "is a circle blue": ""}
    programs = ShapesTasks(candidates=2).programs(asked)
    assert programs.shape == (2, 2, 5)
    assert programs[0, 0].tolist() == ["find[red]", "find[circle]", "relate[left-of]", "and", "exists"]
    assert programs[1, 0].tolist() == ["find[circle]", "find[blue]", "and", "exists", ""]


FEW = {"pool": 40, "asked": 20}


@pytest.mark.parametrize("number", range(3))
def test_training_never_sees_what_is_held_out(number):
    tasks = CombinationTasks(**FEW, layouts="given", held_out=number)
    for x, _ in tasks.drawn(size=8, seed=0).take(5):
        assert not shown(read_grids(x["image"].numpy()), HELD_OUT[number]).any()
    assert {shape for _, shape in HELD_OUT[number]} == {"circle", "square", "triangle"}


def test_held_out_combinations_and_nothing_else_are_tested(tmp_path):
    for recipe in (NMN_COMBINATIONS, MONOLITHIC_COMBINATIONS):
        run = Run(tmp_path / recipe.name)
        small = recipe.configure(**SMALL, **FEW)
        run.begin(small)
        run.finish(small, small.learner(), steps=0, seconds=0.0)
        found = evaluate(run, verbose=0)
        assert [row.setting for row in found] == [
            f"{which} red circle, green square, blue triangle" for which in ("held out:", "new images without")
        ]  # fmt: skip
        assert [row.tasks for row in found] == [20, 20]
        assert [row.setting for row in evaluate(run, part="validation", verbose=0)] == [found[1].setting]
    texts = np.concatenate([x["question"].numpy() for x, _ in small.tasks.questions("test")])
    named = [order for colour, shape in HELD_OUT[0] for order in (f"{colour} {shape}", f"{shape} {colour}")]
    assert all(any(words in text.decode() for words in named) for text in texts)
    with pytest.raises(TfmetaError, match="held_out=3; expected 0 to 2"):
        recipe.configure(held_out=3)


needs_shapes = pytest.mark.skipif(not os.environ.get("TFMETA_SHAPES"), reason="TFMETA_SHAPES is not set")


@needs_shapes
def test_shapes_is_asked_once_each(monkeypatch):
    monkeypatch.setattr(shapes_tasks, "load_shapes", load_shapes)
    monkeypatch.setattr(shapes_tasks, "load_shapes_questions", load_shapes_questions)
    tasks = ShapesTasks(layouts="given", data="paired")
    for part, name in (("validation", "val"), ("test", "test")):
        found = np.concatenate([y for _, y in tasks.questions(part)])
        np.testing.assert_array_equal(found, numbered(load_shapes(name).answers, ("no", "yes")))
    test = set(load_shapes("test").questions.tolist())
    for x, _ in tasks.drawn(size=8, seed=0).take(20):
        assert not test & {text.decode() for text in x["question"].numpy()}
