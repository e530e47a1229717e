"""All recipes by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from tfmeta.core.checks import TfmetaError, nearest

if TYPE_CHECKING:
    from tfmeta.recipes.recipe import Recipe

__all__ = ["RECIPES", "find_recipe", "known_name"]

_HOMES = {
    "maml-omniglot": "omniglot.maml.MAML_OMNIGLOT",
    "prototypical-omniglot": "omniglot.prototypical.PROTOTYPICAL_OMNIGLOT",
    "matching-omniglot": "omniglot.matching.MATCHING_OMNIGLOT",
    "matching-fce-omniglot": "omniglot.matching.MATCHING_FCE_OMNIGLOT",
    "memory-omniglot": "omniglot.memory.MEMORY_OMNIGLOT",
    "statistician-omniglot": "omniglot.statistician.STATISTICIAN_OMNIGLOT",
    "siamese-omniglot": "omniglot.siamese.SIAMESE_OMNIGLOT",
    "pixels-omniglot": "omniglot.baselines.PIXELS_OMNIGLOT",
    "pretrained-omniglot": "omniglot.baselines.PRETRAINED_OMNIGLOT",
    "prototypical-cifar-fs": "cifar_fs.PROTOTYPICAL_CIFAR_FS",
    "maml-sinusoid": "sinusoid.MAML_SINUSOID",
    "lstm-optimizer-quadratic": "update_rules.quadratics.LSTM_QUADRATIC",
    "memory-optimizer-quadratic": "update_rules.quadratics.MEMORY_QUADRATIC",
    "lstm-optimizer-mnist": "update_rules.perceptrons.LSTM_MNIST",
    "lstm-optimizer-cifar": "update_rules.convolutions.LSTM_CIFAR",
    "nmn-geoqa": "modules.geoqa.NMN_GEOQA",
    "nmn-shapes": "modules.shapes.NMN_SHAPES",
    "monolithic-shapes": "modules.shapes.MONOLITHIC_SHAPES",
    "nmn-combinations": "modules.combinations.NMN_COMBINATIONS",
    "monolithic-combinations": "modules.combinations.MONOLITHIC_COMBINATIONS",
    "rl2-bandit": "rl2.bandits.RL2_BANDIT",
    "rl2-mdp": "rl2.mdps.RL2_MDP",
    "rl2-maze": "rl2.mazes.RL2_MAZE",
}


class _Recipes(Mapping[str, "Recipe"]):
    """Imports a recipe, and with it TensorFlow, when it is first asked for: a misspelt name costs nothing."""

    def __getitem__(self, name: str) -> Recipe:
        module, _, recipe = _HOMES[name].rpartition(".")
        return getattr(import_module(f"tfmeta.recipes.{module}"), recipe)

    def __contains__(self, name: object) -> bool:
        return name in _HOMES

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


RECIPES: Mapping[str, Recipe] = _Recipes()


def find_recipe(name: str) -> Recipe:
    """Returns the recipe called `name`.

    Raises:
        TfmetaError: if there is none; it suggests the nearest.
    """
    return RECIPES[known_name(name)]


def known_name(name: str) -> str:
    """Returns `name` if a recipe is called that, at once.

    Raises:
        TfmetaError: if there is none; it suggests the nearest.
    """
    if name not in RECIPES:
        raise TfmetaError(f"There is no recipe {name!r}. {nearest(name, RECIPES)}")
    return name
