"""What all tasks of questions, and all methods that learn from them, are asked for."""

import dataclasses
import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import tensorflow as tf

import tfmeta.modules
from tests import drawn_shapes, places
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.modules import QuestionTasks, geoqa_tasks, question_words
from tfmeta.modules.combination_tasks import CombinationTasks
from tfmeta.modules.geoqa_tasks import GeoQATasks
from tfmeta.modules.methods import NMN, Monolithic, QuestionMethod, QuestionTraining
from tfmeta.modules.shapes_tasks import ShapesTasks
from tfmeta.recipes.registry import METHODS, TASKS

EYES = {"filters": 2, "features": 4, "layouts": "given"}

CASES = {
    "combinations": CombinationTasks(**EYES, pool=40, asked=20),
    "geoqa": GeoQATasks(held_out="fl", validation="ga"),
    "geoqa-quantified": GeoQATasks(held_out="fl", validation="ga", quantified=True),
    "shapes": ShapesTasks(**EYES, generated=12, own=4, own_pool=30),
    "shapes-given": ShapesTasks(**EYES, data="given"),
}
TRAININGS = {
    "nmn": NMN(hidden=4, units=4),
    "nmn-first": NMN(hidden=4, units=4, choice="first"),
    "monolithic": Monolithic(hidden=4, units=4),
}
# Tracing takes most of the time: each method and each class of tasks is tried, and not all of their pairs.
FITTING = [
    ("nmn", "combinations"), ("nmn", "geoqa-quantified"), ("nmn-first", "shapes"), ("monolithic", "shapes-given"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def made_up(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        drawn_shapes.stand_in(patch)
        patch.setenv("TFMETA_GEOQA", str(places.build(tmp_path_factory.mktemp("geoqa"))))
        patch.setattr(geoqa_tasks, "parse_question", places.PARSER)
        geoqa_tasks._read.cache_clear()
        yield
    geoqa_tasks._read.cache_clear()


@pytest.fixture(params=CASES)
def tasks(request):
    return CASES[request.param]


def concrete(kind):
    below = [each for sub in kind.__subclasses__() for each in (sub, *concrete(sub))]
    return {each for each in below if each.__module__.startswith("tfmeta.") and not inspect.isabstract(each)}


def test_all_tasks_and_methods_are_registered_and_held_to_the_contract():
    for module in pkgutil.walk_packages(tfmeta.modules.__path__, "tfmeta.modules."):
        importlib.import_module(module.name)
    for base, registry, cases in ((QuestionTasks, TASKS, CASES), (QuestionMethod, METHODS, TRAININGS)):
        registered = {kind for kind in registry.values() if issubclass(kind, base)}
        ours, held = concrete(base), {type(case) for case in cases.values()}
        assert ours <= registered, f"not registered in tfmeta/recipes/contents.py: {ours - registered}"
        assert registered == held, f"not among the cases of this file: {registered - held}"
    assert {name for pair in FITTING for name in pair} >= {*TRAININGS, "combinations", "shapes"}


def of(batch):
    return [np.asarray(value) for value in tf.nest.flatten(batch)]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(of(one), of(other), strict=True))


def test_a_batch_is_a_function_of_the_seed_and_its_number(tasks):
    *_, third = tasks.drawn(size=6, seed=1).take(3)
    [again] = tasks.drawn(size=6, seed=1, start=2).take(1)
    [before] = tasks.drawn(size=6, seed=1).take(1)
    [other] = tasks.drawn(size=6, seed=2, start=2).take(1)
    assert same(third, again)
    assert not same(third, before) and not same(third, other)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_questions_of_a_part_are_always_the_same(tasks, part):
    found = list(tasks.questions(part))
    assert found and all(same(*pair) for pair in zip(found, tasks.questions(part), strict=True))


def pairs_of(batches):
    """Questions, each with its picture, as bytes."""
    return {
        (text, image.tobytes())
        for x, _ in batches
        for text, image in zip(x["question"].numpy(), x["image"].numpy(), strict=True)
    }


def test_no_question_of_the_test_is_learned_from(tasks):
    if isinstance(tasks, GeoQATasks):  # its made-up environments are alike
        worlds = [
            {question.world for question in tasks.asked(part)} for part in ("train", "validation", "test")
        ]
        assert not set.intersection(*worlds) and sum(map(len, worlds)) == len(set.union(*worlds))
        return
    learned = pairs_of(tasks.drawn(size=16, seed=0).take(8))
    assert learned and not learned & pairs_of(tasks.questions("test"))


def test_answers_are_labels_or_sets_and_right_ones_are_right(tasks):
    for x, y in (next(iter(tasks.drawn(size=6, seed=0))), next(iter(tasks.questions("test")))):
        labels, count = len(tasks.answers), len(x["question"])
        if tasks.sets:
            assert y.shape == (count, labels + x["features"].shape[1])
            answers = tf.convert_to_tensor(y)
            assert set(np.unique(y)) <= {0.0, 1.0}
        else:
            assert y.shape == (count,) and set(np.unique(y)) <= set(range(labels))
            answers = tf.one_hot(y, labels)
        assert np.asarray(tasks.right(y, answers)).tolist() == [1.0] * count
        assert np.asarray(tasks.right(y, 1 - answers)).tolist() == [0.0] * count


def test_candidates_are_left_out_where_none_are_composed(tasks):
    whole, _ = next(iter(tasks.drawn(size=6, seed=0)))
    plain, _ = next(iter(tasks.drawn(size=6, seed=0, composed=False)))
    assert {*whole} - {*plain} == {"layouts"} and same(
        [plain[name] for name in plain], [whole[name] for name in plain]
    )
    assert (whole["layouts"].numpy()[:, 0, 0] != b"").all()  # each has a candidate


def test_the_words_are_those_of_the_questions(tasks):
    words = tasks.question_words()
    x, _ = next(iter(tasks.questions("test")))
    asked = set(question_words(text.decode() for text in x["question"].numpy()))
    assert asked & set(words.of_questions)
    arguments = {token.decode().partition("[")[2].rstrip("]") for token in np.ravel(x["layouts"])}
    assert arguments & set(words.arguments)


def test_the_worlds_have_the_sizes_that_are_said(tasks):
    x, _ = next(iter(tasks.drawn(size=6, seed=0)))
    eyes = tasks.eyes(pairs=True, seed=0)
    seen = x if eyes is None else eyes(x["image"])
    sizes = tasks.world
    assert seen["features"].shape[-1] == sizes.features
    assert seen["pairs"].shape[-1] == sizes.pairs
    assert sizes.positions in (None, seen["features"].shape[1])


def test_they_say_what_they_are(tasks):
    assert tasks.name and tasks.items and tasks.source
    assert tasks.model_name.isidentifier()
    fixed, free = tasks.tested_as(fixed=True), tasks.tested_as(fixed=False)
    assert fixed.startswith(free)
    for chosen in ("", "chosen among"):
        assert "tested on" in tasks.protocol(size=64, chosen=chosen)
    assert tasks.fingerprint() == dataclasses.replace(tasks).fingerprint()
    for part in ("train", "validation", "test"):
        tasks.load(part)


@pytest.mark.parametrize(("method", "name"), FITTING)
def test_a_method_learns_is_judged_and_is_served(method, name, tmp_path):
    method, tasks = TRAININGS[method], CASES[name]
    training = QuestionTraining(batch_size=6, steps=2, steps_per_execution=1, learning_rate=1e-2)
    method.check(tasks, training)
    learner = method.learner(tasks, training)
    assert same(learner.get_weights(), method.learner(tasks, training).get_weights())
    method.compile(learner, tasks, training)
    learner.run_eagerly = True  # for so few steps, tracing takes longer
    [batch] = method.batches(tasks, training, "train").take(1)
    losses = [learner.train_on_batch(*batch)[0] for _ in range(6)]
    assert losses[-1] < losses[0]
    judged = method.judge(learner, tasks, training, "test")
    assert set(judged) <= {0.0, 1.0} and len(judged) == sum(
        len(x["question"]) for x, _ in tasks.questions("test")
    )
    results = method.measure(learner, tasks, training, "test", count=0, folder=tmp_path, verbose=0)
    assert results[0].value == pytest.approx(judged.mean()) and results[0].tasks == len(judged)
    assert results[0].setting == method.tested_as(tasks, training)
    assert len({row.setting for row in results}) == len(results) == len(tasks.tests("test"))
    if not method.composed:
        with pytest.raises(TfmetaError, match="measured and not served"):
            method.servable(learner, tasks, training, Card("Answers."))
        return
    servable = method.servable(learner, tasks, training, Card("Answers."))
    signature = servable.signatures["answer"]
    found = signature.function(**{name: tf.constant(value) for name, value in signature.example.items()})
    assert found["attentions"].shape[0] == len(signature.example["question"]) == 1
    assert servable.name == method.artefact(tasks, training)
