"""Recipes by their names, and recipes that are put together from a method and tasks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.data.landmark_files import holds_landmarks
from tfmeta.recipes.plugins import Plugins

if TYPE_CHECKING:
    from tfmeta.core.tasks import Tasks
    from tfmeta.recipes.recipe import Recipe

__all__ = [
    "METHODS", "RECIPES", "TASKS", "command_of", "compose", "describe", "find_recipe", "find_tasks", "known_name",
    "recipe_of",
]  # fmt: skip

RECIPES: Mapping[str, Any] = Plugins("recipes", "recipe")
METHODS: Mapping[str, Any] = Plugins("methods", "method")
TASKS: Mapping[str, Any] = Plugins("tasks", "tasks")

FOLDER, FACE_FOLDER = "folder", "face-folder"
_FOLDERS = (FOLDER, FACE_FOLDER)
"""The registered tasks that are made of a folder of images, and so are called by its path."""


def known_name(name: str) -> str:
    """Returns `name` if a recipe or a method is called that, without importing it.

    Raises:
        TfmetaError: if there is none; it suggests the nearest.
    """
    if name not in RECIPES and name not in METHODS:
        raise TfmetaError(f"There is no recipe or method {name!r}. {nearest(name, [*RECIPES, *METHODS])}")
    return name


def find_recipe(name: str, tasks: str | None = None) -> Recipe:
    """Returns a recipe: a published one by its name, or a method on tasks.

    Args:
        name: of a recipe; or of a method, with `tasks`.
        tasks: the name of registered tasks, or the path of a folder of images.

    Raises:
        TfmetaError: if there is no such recipe, method or tasks, or they do not fit each other.

    Example:
        >>> find_recipe("maml-sinusoid").method.title
        'MAML'
        >>> find_recipe("matching", tasks="cifar-fs").name
        'matching-cifar-fs'
    """
    known_name(name)
    if tasks is None:
        if name not in RECIPES:
            raise TfmetaError(
                f"{name} is a method; say what it learns from: --tasks DIR for a folder of images, or --tasks with one"
                f" of {', '.join(word for word in TASKS if word not in _FOLDERS)}."
            )
        return RECIPES[name]
    if name not in METHODS:
        raise TfmetaError(f"{name} is a recipe with tasks of its own; leave --tasks out, or name a method.")
    return compose(name, find_tasks(tasks))


def find_tasks(word: str) -> Tasks:
    """Returns registered tasks by their name, or those of a folder of images by its path.

    A folder with ``.pts`` files holds faces with landmarks; another one has a subfolder of images for each class.

    Raises:
        TfmetaError: where there is neither.
    """
    if word in TASKS and word not in _FOLDERS:
        return TASKS[word]()
    path = Path(word).expanduser()
    if not path.is_dir():
        raise TfmetaError(
            f"There are no tasks {word!r}, and no such folder. {nearest(word, TASKS)} Or name a folder with a subfolder"
            " of images for each class, or one of faces with .pts files."
        )
    kind = FACE_FOLDER if holds_landmarks(path) else FOLDER
    return TASKS[kind]().replaced(path=str(path.resolve()))


def compose(method: str, tasks: Tasks) -> Recipe:
    """Puts a recipe together from a method and tasks, with the training that the method chooses for them.

    Raises:
        TfmetaError: where the method does not learn from such tasks.
    """
    from tfmeta.recipes.recipe import Recipe

    chosen = METHODS[method]()
    name = f"{chosen.name}-{_plain(tasks.name)}"
    if name in RECIPES:
        if type(RECIPES[name].tasks) is type(tasks):
            return RECIPES[name]
        name += f"-{FOLDER}"  # somebody's own folder may have the name of published tasks
    if not isinstance(tasks, chosen.takes):
        raise TfmetaError(
            f"{chosen.name} learns from {chosen.takes.__name__}, but {tasks.name} are {type(tasks).__name__};"
            " `tfmeta list` shows what goes together."
        )
    recipe = Recipe(name, tasks, chosen, chosen.training(tasks))
    recipe.method.check(recipe.tasks, recipe.training)
    return recipe


def describe(recipe: Recipe) -> dict[str, Any]:
    """Returns what `recipe_of` reads: the name of a recipe, of its method and its tasks, and all settings."""
    return {
        "recipe": recipe.name,
        "method": recipe.method.name,
        "tasks": recipe.tasks.registered,
        **recipe.settings,
    }


def recipe_of(described: Mapping[str, Any]) -> Recipe:
    """Returns the recipe that `describe` described. A setting that is missing did not exist then.

    Raises:
        TfmetaError: where no such recipe, or no such method and tasks, are installed.
    """
    settings = {key: value for key, value in described.items() if key not in ("recipe", "method", "tasks")}
    name = described.get("recipe", "?")
    if name in RECIPES or "method" not in described:
        recipe = find_recipe(name)
        return recipe.configure(**{**recipe.before(), **settings})
    tasks = TASKS[described["tasks"]]()
    own = {key: settings[key] for key in tasks.values() if key in settings}
    recipe = compose(described["method"], tasks.replaced(**own))
    return recipe.configure(**{**recipe.before(), **settings})


def command_of(recipe: Recipe) -> str:
    """Returns the command that trains a recipe with its settings; defaults are left out.

    It is empty where no command does: for tasks or a method that are not registered.

    Example:
        >>> command_of(find_recipe("maml-sinusoid").configure(steps=2000, inner_steps=5))
        'tfmeta train maml-sinusoid --inner-steps 5 --steps 2000'
    """
    if recipe.name in RECIPES:
        words, default = [recipe.name], RECIPES[recipe.name]
    elif recipe.tasks.registered not in TASKS or recipe.method.name not in METHODS:
        return ""
    else:
        word = recipe.tasks.registered
        at = {"path": recipe.settings["path"]} if word in _FOLDERS else {}
        words = [recipe.method.name, "--tasks", at.get("path", word)]
        default = compose(recipe.method.name, TASKS[word]().replaced(**at))
    for name, value in recipe.settings.items():
        if value != default.settings[name]:
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            words += [f"--{name.replace('_', '-')}", shown]
    return shlex.join(["tfmeta", "train", *words])


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "own"
