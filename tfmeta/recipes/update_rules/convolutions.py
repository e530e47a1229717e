"""A learnt update rule for small convolution networks that tell photographs apart."""

from tfmeta.data.labelled_images import load_cifar10
from tfmeta.optimizers import Problem, convolution_problem
from tfmeta.recipes.recipe import Part
from tfmeta.recipes.update_rules.common import RuleSettings, rule_recipe

__all__ = ["LSTM_CIFAR"]


def _problems(settings: RuleSettings, part: Part) -> Problem:
    # Small enough that eight rules can be tuned and raced on a processor within the hour.
    return convolution_problem(*load_cifar10("train"), filters=8, batch_size=64)


LSTM_CIFAR = rule_recipe(
    _problems,
    name="lstm-optimizer-cifar",
    artefact="lstm_optimizer_cifar",
    summary="Trains small convolution networks on CIFAR-10 by an update rule that was learnt.",
    method="Coordinatewise LSTM, one for convolutions and one for dense layers",
    data="CIFAR-10, what is prepared of it on the machine, through TensorFlow Datasets",
    settings=RuleSettings(
        batch_size=1, steps=100, epoch_steps=10, learning_rate=1e-3, groups=True, descent=300, unrolled=50,
        validation_batches=2, test_descent=300, tuned_for=300, at_once=1, tuning_problems=1,
    ),
    variants={"": "convolutions of 8 filters"},
)  # fmt: skip
