"""MAML for reinforcement learning, beside a policy that is pretrained, and one that observes the task."""

from tfmeta.recipes.recipe import Recipe
from tfmeta.rl.maml_policy import MAMLPolicy, OraclePolicy, PolicyTraining, PretrainedPolicy
from tfmeta.rl.navigation_tasks import NavigationTasks

__all__ = ["MAML_NAVIGATION", "ORACLE_NAVIGATION", "PRETRAINED_NAVIGATION"]

_TRAINING = PolicyTraining(steps=300)

MAML_NAVIGATION = Recipe("maml-navigation", NavigationTasks(), MAMLPolicy(), _TRAINING)

PRETRAINED_NAVIGATION = Recipe("pretrained-navigation", NavigationTasks(), PretrainedPolicy(), _TRAINING)

ORACLE_NAVIGATION = Recipe("oracle-navigation", NavigationTasks(), OraclePolicy(), _TRAINING)
