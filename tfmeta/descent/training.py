"""How cascades are learned."""

import dataclasses

from tfmeta.core.method import Training
from tfmeta.core.settings import setting

__all__ = ["DescentTraining"]


@dataclasses.dataclass(frozen=True)
class DescentTraining(Training):
    """Settings of the training of a cascade. A stage is learned from one pass over the faces.

    Example:
        >>> DescentTraining(epoch_steps=100).steps
        400
    """

    batch_size: int = setting(25, "faces of a training step", least=1)
    epoch_steps: int = setting(100, "training steps of a stage: a pass over all faces", least=1)
    stages: int = setting(4, "steps of the cascade", least=1)
    initialisations: int = setting(10, "boxes and starts that are drawn for each face in a pass", least=1)
    mirror: bool = setting(
        True, "sees every other one in a mirror, where the landmarks' mirror images are known"
    )
    jitter_shift: float = setting(0.1, "largest move of a box, in parts of its size", least=0)
    jitter_size: float = setting(0.1, "largest change of the size of a box, in parts of it", least=0)
    # No settings here, and so not shown: a cascade takes as many steps as its stages need, and has no gradients.
    steps: int = dataclasses.field(default=0, init=False)
    learning_rate: float = dataclasses.field(default=0.0, init=False)
    steps_per_execution: int = dataclasses.field(default=1, init=False)
    start_from: str = dataclasses.field(default="", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", self.stages * self.epoch_steps)

    @property
    def epochs(self) -> int:
        return self.stages
