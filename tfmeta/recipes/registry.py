"""All recipes by name."""

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.recipes.omniglot import MAML_OMNIGLOT, MATCHING_OMNIGLOT, PROTOTYPICAL_OMNIGLOT
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.sinusoid import MAML_SINUSOID

__all__ = ["RECIPES", "find_recipe"]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (MAML_OMNIGLOT, PROTOTYPICAL_OMNIGLOT, MATCHING_OMNIGLOT, MAML_SINUSOID)
}


def find_recipe(name: str) -> Recipe:
    """Returns the recipe called `name`.

    Raises:
        TfmetaError: if there is none; it suggests the nearest.
    """
    if name not in RECIPES:
        raise TfmetaError(f"There is no recipe {name!r}. {nearest(name, RECIPES)}")
    return RECIPES[name]
