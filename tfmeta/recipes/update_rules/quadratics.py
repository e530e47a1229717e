"""A learnt update rule for quadratic functions of ten dimensions."""

from tfmeta.optimizers import Problem, Quadratic
from tfmeta.recipes.recipe import Part
from tfmeta.recipes.update_rules.common import RuleSettings, rule_recipe

__all__ = ["LSTM_QUADRATIC"]


def _problems(settings: RuleSettings, part: Part) -> Problem:
    return Quadratic(10)


LSTM_QUADRATIC = rule_recipe(
    _problems,
    name="lstm-optimizer-quadratic",
    artefact="lstm_optimizer_quadratic",
    summary="Descends quadratic functions by an update rule that was learnt.",
    method="Coordinatewise LSTM",
    data="random quadratic functions of ten dimensions, drawn as they are needed",
    settings=RuleSettings(batch_size=64, steps=3000, epoch_steps=50, learning_rate=5e-3),
    variants={"": "quadratics"},
)
