"""GeoQA's recipe on made-up places: learning, folds, and the exported model."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from docs.render.answered_places import answered_places, render_places
from tests import places
from tfmeta.cli import main
from tfmeta.core.checks import TfmetaError
from tfmeta.core.gate import check_artefact
from tfmeta.core.hub import load
from tfmeta.data.geoqa import ENVIRONMENTS
from tfmeta.modules import geoqa_tasks
from tfmeta.modules.geoqa_tasks import GeoQATasks
from tfmeta.modules.methods import NMN
from tfmeta.modules.set_crossentropy import same_set
from tfmeta.recipes import folds
from tfmeta.recipes.evaluate import evaluate, evaluate_model
from tfmeta.recipes.export import export_run
from tfmeta.recipes.folds import FoldResult, folds_file, folds_of, mean_of_folds, read_folds
from tfmeta.recipes.modules import NMN_GEOQA
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train

TINY = {
    "batch_size": 9, "steps": 20, "epoch_steps": 10, "steps_per_execution": 10, "units": 4, "learning_rate": 0.1,
    "choice": "first",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def made_up(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFMETA_GEOQA", str(places.build(tmp_path_factory.mktemp("geoqa"))))
        patch.setattr(geoqa_tasks, "parse_question", places.PARSER)
        geoqa_tasks._read.cache_clear()
        yield
    geoqa_tasks._read.cache_clear()


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run that learns everything there is to learn."""
    run = Run(tmp_path_factory.mktemp("runs") / "geoqa")
    recipe = NMN_GEOQA.configure(**TINY, quantified=True, held_out="fl")
    return run, train(recipe, run.folder, verbose=0)


def test_questions_of_the_environment_that_is_held_out_are_not_learnt_from():
    tasks = GeoQATasks(held_out="ga", validation="fl")
    parts = {part: tasks.asked(part) for part in ("train", "validation", "test")}
    worlds = {part: {question.world for question in asked} for part, asked in parts.items()}
    assert worlds["test"] == {"ga"} and worlds["validation"] == {"fl"}
    assert worlds["train"] == set(ENVIRONMENTS) - {"ga", "fl"}
    assert len(GeoQATasks().asked("train")) == 30
    for left_out in ("", "next"):
        with pytest.raises(TfmetaError, match=r"left out .* --validation fl"):
            GeoQATasks(validation=left_out).questions("validation")
    with pytest.raises(TfmetaError, match=r"No environment is held out.* --held-out fl"):
        GeoQATasks().questions("test")
    with pytest.raises(TfmetaError, match=r"held_out='fll'.* Did you mean fl\?"):
        NMN_GEOQA.configure(held_out="fll")
    with pytest.raises(TfmetaError, match="patience=3: geoqa has no validation questions in training"):
        NMN_GEOQA.configure(patience=3)


def test_a_set_is_right_as_a_whole():
    right = same_set(tf.constant([[1.0, 0, 0]] * 3), tf.constant([[0.9, 0, 0.4], [0.9, 0, 0.6], [0.4, 0, 0]]))
    assert right.numpy().tolist() == [1, 0, 0]


def test_rare_words_share_their_parameters():
    known = NMN_GEOQA.configure(**TINY).learner().inventory.vocabulary.words
    assert set(known) == {"park", "south-of", "island", "city", "in"}
    none = NMN_GEOQA.configure(**TINY, environments=11).learner()
    assert none.inventory.vocabulary.words == none.question_vocabulary.words == ()


def judged(learner, run):
    recipe = run.recipe()
    return recipe.method.judge(learner, recipe.tasks, recipe.training, "test")


def test_a_run_answers_about_places_that_it_has_not_seen(ended):
    run, learner = ended
    (row,) = evaluate(run, verbose=0)
    assert row.setting == "GeoQA+Q, held out: fl" and row.tasks == 3 and row.published == 0.357
    assert row.value == judged(learner, run).mean() >= 2 / 3
    again = keras.saving.load_model(run.folder / NMN_GEOQA.method.learner_file)
    assert again.compiled


def test_an_exported_model_answers_as_its_learner(ended, tmp_path, in_a_hurry):
    run, _ = ended
    folder = export_run(run, tmp_path)
    assert folder.parent.name == "nmn_geoqa"
    assert check_artefact(folder).ok
    model = load(folder)
    assert json.loads((folder / "assets.extra/candidates.json").read_text())["tops"] == ["set", "exists"]
    assert "tested on the tenth, fl" in model.card.protocol
    assert model.card.fingerprint == run.recipe().tasks.fingerprint() != GeoQATasks().fingerprint()
    assert evaluate_model(model, run.recipe(), verbose=0) == evaluate(run, verbose=0)


def test_what_is_answered_is_told_with_what_is_wrong(ended):
    run, learner = ended
    tasks = run.recipe().tasks
    answered = answered_places(learner, tasks)
    assert [not each.verdict for each in answered] == judged(learner, run).tolist()
    assert answered[0].question == places.QUESTION and answered[0].right == ("Everglades",)
    blind = run.recipe().learner()
    for word in blind.inventory.trainable_variables:
        word.assign(word - 5.0)  # finds nothing, and says no
    table = render_places(answered_places(blind, tasks))
    assert "| nothing | Everglades | wrong" in table


def test_the_example_of_a_model_can_be_asked_of_any_world(monkeypatch):
    layouts = np.array([[["lookup[miami]", ""], ["find[city]", ""]], [["find[city]", ""], ["", ""]]], object)
    asked = {"layouts": layouts, "question": np.array(["what is in miami", "what are the cities"], object)}
    monkeypatch.setattr(GeoQATasks, "arrays", lambda tasks, part: (asked, None))
    assert GeoQATasks().example()["question"] == ["what are the cities"]


def test_all_folds_are_made_once(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []

    def pretend(recipe, folder, verbose):
        made.append(folder)
        Run(folder).begin(recipe)
        (folder / "budget.json").write_text('{"seconds": 2.5}')

    monkeypatch.setattr(folds, "train", pretend)
    monkeypatch.setattr(NMN, "judge", lambda *_: np.array([1.0, 0.0, 1.0]))
    # It looks for garbage in all that the tests before have left behind, once for each of 60 folds.
    monkeypatch.setattr("keras.backend.clear_session", lambda: None)
    asked = ["train", "nmn-geoqa", "--all-cells", "--choice", "first", "--units", "2"]
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
        for name in ("candidates", "attention", "form", "patience", "start_from"):
            del row["settings"][name]
    file.write_text(json.dumps(rows))
    assert main(asked) == 0 and len(made) == 30
    assert main([*asked, "--validation", "next"]) == 0 and len(made) == 60

    # A model that learns from all environments is judged by these.
    everything = NMN_GEOQA.configure(choice="first", units=2)
    run = Run(tmp_path / "runs/geoqa")
    run.begin(everything)
    run.finish(everything, everything.learner(), 0, 1.0)
    (row,) = evaluate(run, verbose=0)
    assert row.value == pytest.approx(2 / 3) and row.tasks == 10 and row.published == 0.517
    assert main(["evaluate", str(run.folder)]) == 0
    assert "accuracy 0.6667 ± 0.0000 (10 tasks), GeoQA, mean of ten" in capsys.readouterr().out
    with pytest.raises(
        TfmetaError, match=r"0 of 30 folds of nmn-geoqa are measured .* --all-cells --choice first --units 3"
    ):
        evaluate(run, verbose=0, units=3)


def test_settings_are_chosen_on_further_environments():
    chosen = folds_of(NMN_GEOQA.configure(validation="next", choice="first"), seeds=1)
    assert [(fold.held_out, fold.recipe.tasks.validation, fold.part) for fold in (chosen[0], chosen[-1])] == [
        ("fl", "ga", "validation"), ("wv", "fl", "validation")
    ]  # fmt: skip
    assert chosen[0].variant == "validation=next,choice=first"


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
