"""One-shot imitation: reaching one of some landmarks, by each of the paper's three policies."""

from tfmeta.imitation.method import Imitation, ImitationTraining
from tfmeta.imitation.reaching_tasks import ReachingTasks
from tfmeta.recipes.recipe import Recipe

__all__ = ["IMITATION_REACHING"]

IMITATION_REACHING = Recipe("imitation-reaching", ReachingTasks(), Imitation(), ImitationTraining(steps=1500))
