"""GeoQA's recipe on made-up places: learning, folds, and the exported model."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import places
from tfmeta.cli import main
from tfmeta.core.checks import TfmetaError
from tfmeta.core.gate import check_artefact
from tfmeta.core.hub import load
from tfmeta.data.geoqa import ENVIRONMENTS
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.modules import NMN_GEOQA, folds, geoqa, geoqa_questions
from tfmeta.recipes.modules.folds import FoldResult, folds_file, mean_of_folds, read_folds
from tfmeta.recipes.train import Run, train
from tfmeta.report.answered_places import answered_places, render_places

TINY = {
    "batch_size": 9, "steps": 20, "epoch_steps": 10, "steps_per_execution": 10, "units": 4, "learning_rate": 0.1,
    "choice": "first",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def made_up(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFMETA_GEOQA", str(places.build(tmp_path_factory.mktemp("geoqa"))))
        patch.setattr(geoqa_questions, "parse_question", places.PARSER)
        geoqa_questions._data.cache_clear()
        yield
    geoqa_questions._data.cache_clear()


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run that learns everything there is to learn."""
    run = Run(tmp_path_factory.mktemp("runs") / "geoqa")
    settings = NMN_GEOQA.configure(**TINY, quantified=True, held_out="fl")
    return run, train(NMN_GEOQA, settings, run.folder, verbose=0)


def test_questions_of_the_environment_that_is_held_out_are_not_learnt_from():
    settings = NMN_GEOQA.configure(held_out="ga", validation="fl")
    parts = {part: geoqa_questions.questions_of(settings, part) for part in ("train", "validation", "test")}
    worlds = {part: {question.world for question in asked} for part, asked in parts.items()}
    assert worlds["test"] == {"ga"} and worlds["validation"] == {"fl"}
    assert worlds["train"] == set(ENVIRONMENTS) - {"ga", "fl"}
    assert len(geoqa_questions.questions_of(NMN_GEOQA.settings, "train")) == 30
    with pytest.raises(TfmetaError, match=r"left out .* --set validation=fl"):
        NMN_GEOQA.batches(NMN_GEOQA.settings, "validation")
    with pytest.raises(TfmetaError, match=r"held_out=fll: GeoQA has no such .* Did you mean fl\?"):
        NMN_GEOQA.batches(NMN_GEOQA.configure(held_out="fll"), "train")


def test_a_batch_depends_on_its_number_alone():
    settings = NMN_GEOQA.configure(**TINY, held_out="fl")
    batches = list(NMN_GEOQA.batches(settings, "train").take(3))
    again = next(iter(NMN_GEOQA.batches(settings, "train", 2)))
    for one, other in zip(tf.nest.flatten(batches[2]), tf.nest.flatten(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any((batches[0][0]["question"] != batches[2][0]["question"]).numpy())
    assert batches[0][0]["layouts"].shape[0] == batches[0][1].shape[0] == 9


def test_a_set_is_right_as_a_whole():
    right = geoqa.same_set(
        tf.constant([[1.0, 0, 0]] * 3), tf.constant([[0.9, 0, 0.4], [0.9, 0, 0.6], [0.4, 0, 0]])
    )
    assert right.numpy().tolist() == [1, 0, 0]


def test_rare_words_share_their_parameters():
    asked = NMN_GEOQA.configure(**TINY)
    known = NMN_GEOQA.learner(asked).inventory.vocabulary.words
    assert set(known) == {"park", "south-of", "island", "city", "in"}
    none = NMN_GEOQA.learner(NMN_GEOQA.configure(**TINY, environments=11))
    assert none.inventory.vocabulary.words == none.question_vocabulary.words == ()


def test_a_run_answers_about_places_that_it_has_not_seen(ended):
    run, learner = ended
    (row,) = evaluate(NMN_GEOQA, run, verbose=0)
    assert row.setting == "GeoQA+Q, held out: fl" and row.tasks == 3 and row.published == 0.357
    assert row.value == NMN_GEOQA.judge(learner, run.settings(NMN_GEOQA), "test").mean() >= 2 / 3
    again = keras.saving.load_model(run.folder / NMN_GEOQA.learner_file)
    assert again.compiled


def test_an_exported_model_answers_as_its_learner(ended, tmp_path):
    run, _ = ended
    folder = export_run(NMN_GEOQA, run, tmp_path)
    assert folder.parent.name == "nmn_geoqa_quantified"
    assert check_artefact(folder).ok
    model = load(folder)
    assert json.loads((folder / "assets.extra/candidates.json").read_text())["tops"] == ["set", "exists"]
    assert "held out" in model.card.protocol or "tested on the tenth, fl" in model.card.protocol
    settings = run.settings(NMN_GEOQA)
    served = NMN_GEOQA.measure_model(model, settings, tasks=100, verbose=0)
    assert served == NMN_GEOQA.measure(
        run.learner(NMN_GEOQA), settings, "test", tasks=100, folder=run.folder, verbose=0
    )


def test_what_is_answered_is_told_with_what_is_wrong(ended):
    run, learner = ended
    settings = run.settings(NMN_GEOQA)
    answered = answered_places(learner, NMN_GEOQA, settings)
    assert [not each.verdict for each in answered] == NMN_GEOQA.judge(learner, settings, "test").tolist()
    assert answered[0].question == places.QUESTION and answered[0].right == ("Everglades",)
    blind = NMN_GEOQA.learner(settings)
    for word in blind.inventory.trainable_variables:
        word.assign(word - 5.0)  # finds nothing, and says no
    table = render_places(answered_places(blind, NMN_GEOQA, settings))
    assert "| nothing | Everglades | wrong" in table


def test_the_example_of_a_model_can_be_asked_of_any_world(monkeypatch):
    layouts = np.array([[["lookup[miami]", ""], ["find[city]", ""]], [["find[city]", ""], ["", ""]]], object)
    asked = {"layouts": layouts, "question": np.array(["what is in miami", "what are the cities"], object)}
    monkeypatch.setattr(geoqa, "arrays_of", lambda settings, part: (asked, None))
    assert NMN_GEOQA.example(NMN_GEOQA.settings)["question"] == ["what are the cities"]


def test_all_folds_are_made_once(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []

    def pretend(recipe, settings, folder, verbose):
        made.append(folder)
        Run(folder).begin(recipe, settings)
        (folder / "budget.json").write_text('{"seconds": 2.5}')

    monkeypatch.setattr(folds, "train", pretend)
    monkeypatch.setattr(geoqa.GeoQARecipe, "judge", lambda *_: np.array([1.0, 0.0, 1.0]))
    asked = ["train", "nmn-geoqa", "--all-cells", "--set", "choice=first", "--set", "units=2"]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert "30/30 wv, seed 2: 2 of 3 right (2 seconds)" in out and "accuracy 0.6667 ± 0.0000" in out
    assert len(made) == 30 and str(made[0]).endswith("runs/nmn-geoqa-folds/choice=first,units=2/fl-0")
    assert main(asked) == 0
    assert "1/30 fl, seed 0: 2 of 3 right (stands, skipped)" in capsys.readouterr().out and len(made) == 30

    # Results from before there was a setting stand as well.
    file = tmp_path / "runs/nmn-geoqa-folds.json"
    rows = [{**row, "settings": {**row["settings"]}} for row in json.loads(file.read_text())]
    for row in rows:
        del row["settings"]["candidates"]
    file.write_text(json.dumps(rows))
    assert main(asked) == 0 and len(made) == 30
    assert main([*asked, "--set", "validation=next"]) == 0 and len(made) == 60

    # A model that learns from all environments is judged by these.
    everything = NMN_GEOQA.configure(choice="first", units=2)
    measure = {"tasks": 10, "folder": tmp_path / "runs/geoqa", "verbose": 0}
    (row,) = NMN_GEOQA.measure(None, everything, "test", **measure)
    assert row.value == pytest.approx(2 / 3) and row.tasks == 10 and row.published == 0.517
    run = Run(measure["folder"])
    run.begin(NMN_GEOQA, everything)
    run.finish(NMN_GEOQA, NMN_GEOQA.learner(everything), 0, 1.0)
    assert main(["evaluate", "nmn-geoqa", "--run", str(run.folder)]) == 0
    assert "accuracy 0.6667 ± 0.0000 (10 tasks), GeoQA, mean of ten" in capsys.readouterr().out
    with pytest.raises(TfmetaError, match=r"30 of 30 are missing .* --all-cells"):
        NMN_GEOQA.measure(None, NMN_GEOQA.settings, "test", **measure)


def test_settings_are_chosen_on_further_environments():
    chosen = NMN_GEOQA.folds(NMN_GEOQA.configure(validation="next", choice="first"), seeds=1)
    assert [(fold.held_out, fold.settings.validation, fold.part) for fold in (chosen[0], chosen[-1])] == [
        ("fl", "ga", "validation"), ("wv", "fl", "validation")
    ]  # fmt: skip
    assert chosen[0].variant == "choice=first,validation=next"


def test_the_mean_is_over_environments():
    rows = [FoldResult("", "fl", 0, (1, 1, 1), 1.0, {}), FoldResult("", "fl", 1, (0, 0, 0), 1.0, {})]
    rows.append(FoldResult("", "ga", 0, (1,), 1.0, {}))
    assert mean_of_folds(rows).mean == 0.75


def test_mistakes_about_folds(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "nmn-geoqa", "--all-cells", "--seed", "3"]) == 2
    assert "--seed is not for all folds of nmn-geoqa" in capsys.readouterr().err
    file = folds_file(tmp_path, "nmn-geoqa")
    file.write_text("[{}]")
    with pytest.raises(TfmetaError, match="is damaged"):
        read_folds(file)
