"""The page of answered questions, from runs that were hardly trained."""

import dataclasses
import json

import pytest

from docs.render.modules_page import answered_pictures, write_answers
from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.folds import FoldResult, folds_file
from tfmeta.recipes.registry import find_recipe
from tfmeta.recipes.run import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A composed network that has seen nothing, asked 24 questions of each kind; and three folds."""
    runs = tmp_path_factory.mktemp("runs")
    recipe = find_recipe("nmn-combinations").configure(
        pool=16, asked=24, filters=4, features=8, hidden=8, batch_size=8
    )
    run = Run(runs / "nmn-combinations")
    run.begin(recipe)
    run.finish(recipe, recipe.learner(), 0, 60.0)
    evaluate(run, verbose=0)
    folds = [
        FoldResult("", "fl", 0, (1, 1, 0, 1), 20.0, {}),
        FoldResult("", "ga", 0, (1, 0), 22.0, {}),
        FoldResult("choice=first", "fl", 0, (0, 1, 0, 0), 18.0, {}),
    ]
    write_text(folds_file(runs, "nmn-geoqa"), json.dumps([dataclasses.asdict(fold) for fold in folds]))
    return runs


def test_every_question_is_shown_as_it_is_answered(runs):
    run = Run(runs / "nmn-combinations")
    recipe, learner = run.recipe(), run.learner()
    answered = answered_pictures(learner, recipe.tasks.questions("test"))
    judged = recipe.method.judge(learner, recipe.tasks, recipe.training, "test")
    assert [each.answer == each.right for each in answered] == [bool(right) for right in judged]
    assert all(each.probability >= 0.5 and each.steps[-1] == "exists" for each in answered)
    assert all(each.attentions.shape[1] == 9 for each in answered)


def test_the_page(runs, tmp_path):
    *pictures, page = write_answers(runs, tmp_path / "docs" / "modules.md")
    text = page.read_text()
    assert "## Combinations that were never seen together" in text and "## SHAPES" not in text
    assert "| held out: red circle, green square, blue triangle | " in text and "1 minute;" in text
    assert "| defaults | 75.0 | 50.0 | 62.5 ±" in text and "| choice=first | 25.0 | \N{EN DASH} |" in text
    for picture in pictures:
        assert picture.stat().st_size > 5000 and f"(pictures/{picture.name})" in text


def test_nothing_measured(tmp_path):
    with pytest.raises(TfmetaError, match=r"holds no measured run of nmn-shapes, .*tfmeta evaluate"):
        write_answers(tmp_path, tmp_path / "page.md")
