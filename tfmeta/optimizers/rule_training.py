"""How update rules are trained and raced."""

import dataclasses

from tfmeta.core.method import Training
from tfmeta.core.settings import setting

__all__ = ["RuleTraining"]


@dataclasses.dataclass(frozen=True)
class RuleTraining(Training):
    """Settings of the training of an update rule, and of its race against designed rules.

    A training step is one descent; ``batch_size`` problems descend side by side.
    """

    batch_size: int = setting(128, "problems that descend side by side in training", least=1)
    descent: int = setting(100, "updates of a descent in training", least=1)
    unrolled: int = setting(20, "updates between two steps of the rule's own training", least=1)
    weights: str = setting(
        "relative",
        "which losses of a descent count, and how much; see tfmeta.optimizers.MetaTrainer",
        choices=("all", "last", "relative"),
    )
    second_derivatives: bool = setting(
        False, "whether gradients flow through the gradients of the problems too"
    )
    sampled: int = setting(0, "coordinates of each tensor through which gradients flow; 0 for all", least=0)
    log_range: float = setting(
        0.0,
        "how far the units of coordinates are stretched in training; see tfmeta.optimizers.RandomlyScaled",
    )
    warm: int = setting(
        0,
        "updates of Nesterov's momentum, at most, after which half of the descents in training begin",
        least=0,
    )
    warm_rate: float = setting(1.0, "learning rate of these updates")
    validation_batches: int = setting(4, "batches of problems that the best epoch is chosen on", least=1)
    validation_descent: int = setting(
        0, "updates of a descent in validation; 0 for as many as in training", least=0
    )
    patience: int = setting(
        0, "epochs without a better validation after which training ends; 0 for never", least=0
    )
    test_descent: int = setting(200, "updates of a test descent", least=1)
    tuned_for: int = setting(
        100, "updates that the learning rates of the designed rules are tuned for", least=1
    )
    tuning_problems: int = setting(64, "problems that each learning rate is tried on", least=1)
    at_once: int = setting(100, "problems that descend side by side in a race", least=1)
    problem: str = setting(
        "", "the variant of the problem that is tested; the one of the training unless given"
    )
