import dataclasses

import keras
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.fewshot.maml import MAML
from tfmeta.recipes.few_shot import FewShotRecipe
from tfmeta.recipes.recipe import Settings
from tfmeta.recipes.registry import RECIPES, find_recipe

FEW_SHOT = {name: recipe for name, recipe in RECIPES.items() if isinstance(recipe, FewShotRecipe)}


def test_recipes_are_found_by_name():
    assert {"maml-omniglot", "prototypical-omniglot", "prototypical-cifar-fs", "maml-sinusoid"} < set(RECIPES)
    for name, recipe in RECIPES.items():
        assert find_recipe(name) is recipe and recipe.name == name


def test_an_unknown_recipe_is_told_the_nearest():
    with pytest.raises(TfmetaError, match=r"no recipe 'maml-omnigolt'\. Did you mean maml-omniglot"):
        find_recipe("maml-omnigolt")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_settings_are_flat_frozen_and_documented(recipe):
    settings = recipe.settings
    documented = "".join(kind.__doc__ for kind in type(settings).__mro__ if issubclass(kind, Settings))
    for field in dataclasses.fields(settings):
        assert type(getattr(settings, field.name)) in (int, float, str, bool)
        assert f"{field.name}:" in documented or "see `tfmeta" in documented
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.steps = 1


def test_an_unknown_setting_is_told_the_nearest():
    with pytest.raises(TfmetaError, match=r"has no setting 'inner_step'\. Did you mean inner_steps"):
        RECIPES["maml-sinusoid"].configure(inner_step=2)


def test_steps_are_whole_epochs():
    assert [Settings(steps=steps, epoch_steps=50).epochs for steps in (1, 50, 51)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "tfmeta train maml-omniglot"),
        ({"ways": 20, "seed": 3}, "tfmeta train maml-omniglot --ways 20 --seed 3"),
        ({"first_order": True, "shots": 5}, "tfmeta train maml-omniglot --set first_order=True --shots 5"),
    ],
)
def test_the_command_names_what_differs(changes, command):
    recipe = RECIPES["maml-omniglot"]
    assert recipe.command(recipe.configure(**changes)) == command


@pytest.mark.parametrize("recipe", FEW_SHOT.values(), ids=FEW_SHOT)
def test_fresh_weights_depend_on_the_seed_alone(recipe):
    first, again, other = (recipe.learner(recipe.configure(seed=seed)) for seed in (1, 1, 2))
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        assert (a == b).all()
    differ = any((a != b).any() for a, b in zip(first.get_weights(), other.get_weights(), strict=True))
    assert differ == (recipe.settings.steps > 0)  # what takes no step has no weights


@pytest.mark.parametrize("recipe", FEW_SHOT.values(), ids=FEW_SHOT)
def test_learners_are_what_the_settings_say(recipe):
    learner = recipe.learner(recipe.settings)
    if isinstance(learner, MAML):
        assert learner.inner_steps == recipe.settings.inner_steps
        assert learner.inner_rates.trainable == recipe.settings.learn_rates
        assert learner.ways == (recipe.settings.ways if learner.task == "classification" else None)
    loss = recipe.loss()
    assert loss is None or isinstance(loss, keras.losses.Loss)  # None: the learner has a loss of its own
    assert recipe.metric().name in ("accuracy", "mse")


def test_published_numbers_are_those_of_the_test():
    recipe = RECIPES["maml-omniglot"]
    number, source = recipe.published(recipe.configure(shots=5))
    assert number == 0.999 and "1,200 random characters" in source
    assert recipe.published(recipe.configure(ways=7)) == (None, "")
    assert RECIPES["matching-omniglot"].published(RECIPES["matching-omniglot"].settings)[0] == 0.981
