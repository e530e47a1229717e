"""MAML for reinforcement learning, beside a policy that is pretrained, and one that observes the task."""

import dataclasses

from tfmeta.core.published import Published
from tfmeta.core.words import counted
from tfmeta.recipes.published import PUBLISHED
from tfmeta.recipes.recipe import Recipe
from tfmeta.rl.cheetah_tasks import CheetahTasks
from tfmeta.rl.maml_policy import MAMLPolicy, OraclePolicy, PolicyTraining, PretrainedPolicy
from tfmeta.rl.navigation_tasks import NavigationTasks

__all__ = [
    "MAML_CHEETAH", "MAML_NAVIGATION", "ORACLE_CHEETAH", "ORACLE_NAVIGATION", "PRETRAINED_CHEETAH",
    "PRETRAINED_NAVIGATION",
]  # fmt: skip


def _published(system: str, **where: str | int) -> tuple[Published, ...]:
    """Returns the numbers of a system for tests with these settings, each for the result after as many updates."""
    return tuple(
        dataclasses.replace(
            number, where=where, metric="return", ending=f"after {counted(updates, 'update')}"
        )
        for (name, *rest), number in PUBLISHED.items()
        for updates in rest
        if name == system and isinstance(updates, int)
    )


_NAVIGATION = PolicyTraining(steps=100)

MAML_NAVIGATION = Recipe(
    "maml-navigation",
    NavigationTasks(),
    MAMLPolicy(),
    _NAVIGATION,
    _published("maml-navigation", horizon=100),
)

PRETRAINED_NAVIGATION = Recipe("pretrained-navigation", NavigationTasks(), PretrainedPolicy(), _NAVIGATION)

ORACLE_NAVIGATION = Recipe("oracle-navigation", NavigationTasks(), OraclePolicy(), _NAVIGATION)

_CHEETAH = PolicyTraining(steps=150)

MAML_CHEETAH = Recipe(
    "maml-cheetah",
    CheetahTasks(),
    MAMLPolicy(),
    _CHEETAH,
    _published("maml-cheetah", goal="direction", horizon=200),
)

PRETRAINED_CHEETAH = Recipe("pretrained-cheetah", CheetahTasks(), PretrainedPolicy(), _CHEETAH)

ORACLE_CHEETAH = Recipe("oracle-cheetah", CheetahTasks(), OraclePolicy(), _CHEETAH)
