"""Life-long memory on Omniglot's characters."""

import dataclasses

from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_recipe

__all__ = ["MEMORY_OMNIGLOT", "MemorySettings"]


@dataclasses.dataclass(frozen=True)
class MemorySettings(OmniglotSettings):
    """Settings of the memory; see `tfmeta.fewshot.lifelong.LifelongMemory` for what they mean.

    A training task is a stream in which each of its classes recurs ``shots`` times; queries are for the metrics.
    """

    size: int = 128
    neighbours: int = 128
    margin: float = 0.2


def _learner(settings: MemorySettings) -> LifelongMemory:
    return LifelongMemory(
        embedding(settings), size=settings.size, neighbours=settings.neighbours, margin=settings.margin
    )


MEMORY_OMNIGLOT = omniglot_recipe(
    "memory",
    method="Memory module",
    summary="Tells handwritten characters apart by remembering a few examples of each, for life.",
    paper="Kaiser, Nachum, Roy, Bengio, ICLR 2017",
    settings=MemorySettings(ways=60, shots=5, steps=3000, learning_rate=5e-3, test_ways=5, test_shots=1),
    learner=_learner,
    # The learner adds the memory loss of every presentation itself.
    loss=lambda: None,
)
