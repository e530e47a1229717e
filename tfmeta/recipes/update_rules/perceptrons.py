"""A learnt update rule for small networks that tell digits apart, and what it does on others."""

from tfmeta.data.labelled_images import load_mnist
from tfmeta.optimizers import Problem, perceptron_problem
from tfmeta.recipes.recipe import Part
from tfmeta.recipes.update_rules.common import RuleSettings, rule_recipe

__all__ = ["LSTM_MNIST"]

_PERCEPTRONS = {
    "": ([20], "sigmoid"),
    "40 units": ([40], "sigmoid"),
    "2 layers": ([20, 20], "sigmoid"),
    "ReLU": ([20], "relu"),
}


def _problems(settings: RuleSettings, part: Part) -> Problem:
    hidden, activation = _PERCEPTRONS[settings.problem]
    return perceptron_problem(*load_mnist("train"), hidden=hidden, activation=activation)


LSTM_MNIST = rule_recipe(
    _problems,
    name="lstm-optimizer-mnist",
    artefact="lstm_optimizer_mnist",
    summary="Trains small networks on MNIST by an update rule that was learnt.",
    method="Coordinatewise LSTM",
    data="MNIST, complete, through TensorFlow Datasets",
    settings=RuleSettings(
        batch_size=1, steps=1600, epoch_steps=50, learning_rate=3e-3, at_once=5, tuning_problems=16
    ),
    variants={"": "20 units", "40 units": "40 units", "2 layers": "2 layers of 20 units", "ReLU": "20 ReLUs"},
)
