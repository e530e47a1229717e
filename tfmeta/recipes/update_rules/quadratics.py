"""Learnt update rules for quadratic functions of ten dimensions: of each coordinate alone, and with a shared memory."""

from tfmeta.optimizers import Problem, Quadratic
from tfmeta.recipes.recipe import Part
from tfmeta.recipes.update_rules.common import RuleSettings, rule_recipe

__all__ = ["LSTM_QUADRATIC", "MEMORY_QUADRATIC"]

_DATA = "random quadratic functions of ten dimensions, drawn as they are needed"


def _problems(settings: RuleSettings, part: Part) -> Problem:
    return Quadratic(10)


LSTM_QUADRATIC = rule_recipe(
    _problems,
    name="lstm-optimizer-quadratic",
    artefact="lstm_optimizer_quadratic",
    summary="Descends quadratic functions by an update rule that was learnt.",
    method="Coordinatewise LSTM",
    data=_DATA,
    settings=RuleSettings(batch_size=64, steps=3000, epoch_steps=50, learning_rate=5e-3),
    variants={"": "quadratics"},
)

MEMORY_QUADRATIC = rule_recipe(
    _problems,
    name="memory-optimizer-quadratic",
    artefact="memory_optimizer_quadratic",
    summary="Descends quadratic functions by a learnt update rule whose coordinates share a memory.",
    method="LSTM with a shared memory",
    data=_DATA,
    settings=RuleSettings(
        batch_size=64, steps=400, epoch_steps=50, learning_rate=2e-3, slots=10, output_scale=1.0,
        second_derivatives=True,
    ),
    variants={"": "quadratics"},
)  # fmt: skip
