"""Recipes: tasks, a method and a training, whose settings are known by name."""

import dataclasses

import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.core.method import Training
from tfmeta.core.settings import setting
from tfmeta.data.cifar_fs import CifarFSTasks
from tfmeta.data.omniglot import OmniglotTasks
from tfmeta.data.sinusoid import SinusoidTasks
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.methods import FewShotMethod, MAMLMethod, Prototypical
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import (
    METHODS,
    RECIPES,
    TASKS,
    command_of,
    describe,
    find_recipe,
    recipe_of,
)

FEW_SHOT = {name: recipe for name, recipe in RECIPES.items() if isinstance(recipe.method, FewShotMethod)}


def test_recipes_are_found_by_name():
    assert {"maml-omniglot", "prototypical-omniglot", "prototypical-cifar-fs", "maml-sinusoid"} < set(RECIPES)
    for name, recipe in RECIPES.items():
        assert find_recipe(name) is recipe and recipe.name == name
    for name, method in METHODS.items():
        assert method.name == name and method().values() == {
            n: s.value for n, s in method.described().items()
        }
    for name, tasks in TASKS.items():
        assert tasks().registered == name


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(
        TfmetaError, match=r"no recipe or method 'maml-omnigolt'\. Did you mean maml-omniglot"
    ):
        find_recipe("maml-omnigolt")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_settings_are_flat_frozen_and_explained(recipe):
    for name, each in recipe.described().items():
        assert each.kind in (int, float, str, bool) and type(each.value) is each.kind, name
        assert len(each.help) > 8 and not each.help.endswith("."), name
        assert each.checked(each.value) == each.value
    for part in (recipe.tasks, recipe.method, recipe.training):
        assert dataclasses.is_dataclass(part) and part.__dataclass_params__.frozen


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_names_its_model(recipe):
    """No setting takes the name of a method that the name of the model depends on."""
    assert recipe.artefact.isidentifier() and recipe.artefact == recipe.configure(seed=7).artefact


def test_the_values_of_a_literal_type_are_choices():
    described = MAMLMethod.described()["adapt_only"]
    assert described.kind is str and described.choices == ("all", "head")
    with pytest.raises(TfmetaError, match=r"adapt_only='al'\. Did you mean all\?"):
        MAMLMethod().replaced(adapt_only="al")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_is_read_from_its_description(recipe):
    changed = recipe.configure(seed=7, epoch_steps=13)
    assert recipe_of(describe(changed)) == changed
    older = {
        key: value for key, value in describe(changed).items() if key not in ("method", "tasks", "start_from")
    }
    assert recipe_of(older) == changed


def test_a_method_learns_from_any_tasks_that_fit():
    composed = find_recipe("matching", tasks="cifar-fs")
    assert composed.tasks == CifarFSTasks() and composed.name == composed.run_name == "matching-cifar-fs"
    assert command_of(composed.configure(steps=7)) == "tfmeta train matching --tasks cifar-fs --steps 7"
    assert recipe_of(describe(composed)) == composed
    assert find_recipe("prototypical", tasks="cifar-fs") is RECIPES["prototypical-cifar-fs"]
    with pytest.raises(
        TfmetaError, match="prototypical learns from ClassTasks, but sinusoid are SinusoidTasks"
    ):
        find_recipe("prototypical", tasks="sinusoid")
    with pytest.raises(TfmetaError, match="prototypical is a method; say what it learns from: --tasks DIR"):
        find_recipe("prototypical")


def test_a_setting_of_two_parts_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Twice(Prototypical):
        ways: int = setting(3, "as many as the training names, too")

    with pytest.raises(
        TfmetaError, match="ways is a setting of two of OmniglotTasks, Twice and EpisodeTraining"
    ):
        Recipe("twice", OmniglotTasks(), Twice(), Twice().training(OmniglotTasks()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inner_step": 2}, r"has no setting 'inner_step'\. Did you mean inner_steps"),
        ({"inner_steps": 2.5}, r"inner_steps=2\.5: expected a whole number"),
        ({"first_order": 1}, "first_order=1: expected true or false"),
        ({"adapt_only": "body"}, r"adapt_only='body'\. Known: all, head"),
        ({"batch_size": 0}, "batch_size=0: expected at least 1"),
        ({"steps": 0}, "steps=0: expected at least 1"),
    ],
)
def test_values_that_a_setting_cannot_have(changes, words):
    with pytest.raises(TfmetaError, match=words):
        RECIPES["maml-sinusoid"].configure(**changes)


def test_steps_are_whole_epochs():
    assert [Training(steps=steps, epoch_steps=50).epochs for steps in (1, 50, 51)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "tfmeta train maml-omniglot"),
        ({"ways": 20, "seed": 3}, "tfmeta train maml-omniglot --seed 3 --ways 20"),
        ({"first_order": True, "shots": 5}, "tfmeta train maml-omniglot --first-order true --shots 5"),
        ({"start_from": "a run"}, "tfmeta train maml-omniglot --start-from 'a run'"),
    ],
)
def test_the_command_names_what_differs(changes, command):
    assert command_of(RECIPES["maml-omniglot"].configure(**changes)) == command


@pytest.mark.parametrize("recipe", FEW_SHOT.values(), ids=FEW_SHOT)
def test_fresh_weights_depend_on_the_seed_alone(recipe):
    first, again, other = (recipe.configure(seed=seed).learner() for seed in (1, 1, 2))
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        assert (a == b).all()
    differ = any((a != b).any() for a, b in zip(first.get_weights(), other.get_weights(), strict=True))
    assert differ == (recipe.training.steps > 0)  # what takes no step has no weights


@pytest.mark.parametrize("tasks", [OmniglotTasks(), SinusoidTasks()], ids=lambda tasks: tasks.name)
def test_learners_are_what_the_settings_say(tasks):
    method = MAMLMethod(inner_steps=3, learn_rates=False, first_order=True)
    training = method.training(tasks)
    learner = method.learner(tasks, training)
    assert isinstance(learner, MAML) and learner.first_order
    assert learner.inner_steps == 3 and not learner.inner_rates.trainable
    assert learner.ways == (training.ways if tasks.task == "classification" else None)
    assert learner.network.input_shape[1:] == tasks.item_shape


def test_published_numbers_are_those_of_the_test():
    from tfmeta.core.cards import Result

    def published(name, **changes):
        recipe = RECIPES[name].configure(**changes)
        (row,) = recipe.beside_published([Result("accuracy", 0.5, 0.1, 100, recipe.tested_as)])
        return row.published, row.source

    number, source = published("maml-omniglot", shots=5)
    assert number == 0.999 and source.startswith("Finn et al. 2017, table 1")
    assert published("maml-omniglot", ways=20)[0] == 0.958
    assert published("maml-omniglot", ways=7) == (None, "")
    assert published("matching-omniglot")[0] == published("matching-fce-omniglot")[0] == 0.981
    assert [published("pretrained-omniglot", head=head)[0] for head in ("centroid", "tuning")] == [0.8, 0.86]
    assert published("prototypical-cifar-fs") == (
        0.72,
        "Bertinetto et al. 2019, table 1, four blocks of 64 filters",
    )
    assert published("prototypical-cifar-fs", test_shots=1)[0] == 0.555


@pytest.mark.recipe
def test_arrays_of_ones_own_from_training_to_a_model(tmp_path):
    """Tasks that no name leads to: the run is told its recipe."""
    import numpy as np

    from tfmeta.data.array_tasks import ArrayTasks
    from tfmeta.recipes.evaluate import evaluate
    from tfmeta.recipes.export import export_run
    from tfmeta.recipes.run import Run
    from tfmeta.recipes.train import train

    y = np.repeat(np.arange(8), 6)
    x = (30 * y[:, None, None, None] + np.random.default_rng(0).integers(0, 20, [48, 28, 28, 1])).astype(
        np.uint8
    )
    tasks = ArrayTasks(x, y)
    method = Prototypical()
    recipe = Recipe("prototypical-mine", tasks, method, method.training(tasks)).configure(
        steps=2, epoch_steps=1
    )
    train(recipe, tmp_path / "run", verbose=0)
    run = Run(str(tmp_path / "run"), recipe)
    (row,) = evaluate(run, count=20, verbose=0)
    assert row.value > 0.5 and row.setting == "2-way 1-shot"
    folder = export_run(run, tmp_path / "models")
    assert (folder / "saved_model.pb").is_file()
    with pytest.raises(TfmetaError, match="no tasks"):
        Run(tmp_path / "run").recipe()


def test_tasks_that_repeat_a_class_are_refused(tmp_path):
    import numpy as np

    from tfmeta.data.episode_tasks import Classes, ClassTasks
    from tfmeta.recipes.train import train

    @dataclasses.dataclass(frozen=True)
    class Grey(ClassTasks):
        items, name, source, item_shape = "grey squares", "grey", "drawn here", (28, 28, 1)

        def classes(self, part):
            return Classes(("a", "b"), np.zeros([2, 3, *shape], np.uint8))

    shape = (28, 28, 1)
    with pytest.raises(
        TfmetaError, match="grey have the class 'a' for training and for test; leave it in one part"
    ):
        Grey().load("test")
    shape = (20, 20, 1)
    recipe = Recipe("pixels-grey", Grey(), METHODS["pixels"](), METHODS["pixels"]().training(Grey()))
    with pytest.raises(
        TfmetaError, match=r"an item of 'a' has the shape \(20, 20, 1\), but item_shape says \(28, 28, 1\)"
    ):
        train(recipe, tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_learner_that_could_not_be_loaded_again_is_refused(tmp_path, draw_characters):
    from tfmeta.fewshot.prototypical import PrototypicalNetwork
    from tfmeta.recipes.train import train

    class Unregistered(PrototypicalNetwork):
        pass

    @dataclasses.dataclass(frozen=True)
    class Lost(Prototypical):
        name = "lost"

        def learner(self, tasks, training):
            return Unregistered(self.embedding(tasks, training))

    draw_characters(6, 6)
    tasks = OmniglotTasks()
    recipe = Recipe("lost-omniglot", tasks, Lost(), Lost().training(tasks))
    with pytest.raises(TfmetaError, match="Unregistered could not be loaded again"):
        train(recipe, tmp_path / "run")
    assert not list(tmp_path.iterdir())
