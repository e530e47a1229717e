"""One-shot imitation: reaching one of some landmarks, and stacking cubes."""

from tfmeta.imitation.method import Imitation, ImitationTraining
from tfmeta.imitation.reaching_tasks import ReachingTasks
from tfmeta.imitation.stacking_tasks import StackingTasks
from tfmeta.recipes.recipe import Recipe

__all__ = ["IMITATION_REACHING", "IMITATION_STACKING"]

IMITATION_REACHING = Recipe("imitation-reaching", ReachingTasks(), Imitation(), ImitationTraining(steps=1500))
IMITATION_STACKING = Recipe(
    "imitation-stacking",
    StackingTasks(),
    Imitation(policy="one-shot"),
    ImitationTraining(
        batch_size=32, steps=6000, epoch_steps=200, learning_rate=2e-3, dagger=0.75, shard_tasks=512, scenes=8
    ),
)
