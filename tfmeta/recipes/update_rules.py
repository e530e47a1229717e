"""Learned update rules: quadratic functions, perceptrons on MNIST, and convolution networks on CIFAR-10."""

from tfmeta.optimizers.image_tasks import CifarTasks, MnistTasks
from tfmeta.optimizers.method import LSTMOptimizer, MemoryOptimizer
from tfmeta.optimizers.quadratic_tasks import QuadraticTasks
from tfmeta.optimizers.rule_training import RuleTraining
from tfmeta.recipes.recipe import Recipe

__all__ = ["LSTM_CIFAR", "LSTM_MNIST", "LSTM_QUADRATIC", "MEMORY_QUADRATIC"]

LSTM_QUADRATIC = Recipe(
    "lstm-optimizer-quadratic",
    QuadraticTasks(),
    LSTMOptimizer(),
    RuleTraining(batch_size=64, steps=3000, learning_rate=5e-3),
)

MEMORY_QUADRATIC = Recipe(
    "memory-optimizer-quadratic",
    QuadraticTasks(),
    MemoryOptimizer(),
    RuleTraining(batch_size=64, steps=400, learning_rate=2e-3, second_derivatives=True),
)

LSTM_MNIST = Recipe(
    "lstm-optimizer-mnist",
    MnistTasks(),
    LSTMOptimizer(),
    RuleTraining(batch_size=1, steps=1600, learning_rate=3e-3, at_once=5, tuning_problems=16),
)

LSTM_CIFAR = Recipe(
    "lstm-optimizer-cifar",
    CifarTasks(),
    LSTMOptimizer(groups=True),
    RuleTraining(
        batch_size=1, steps=100, epoch_steps=10, learning_rate=1e-3, descent=300, unrolled=50,
        validation_batches=2, test_descent=300, tuned_for=300, at_once=1, tuning_problems=1,
    ),
)  # fmt: skip
