"""What the gradient along the solid edges promises, and what a step along it brings.

    python benchmarks/solid_edges.py --model lstm_optimizer_mnist --problems 20

A rule is trained by gradients that take those of the problem for given. Here a saved rule takes a small step along such
a gradient, to either side, and descends problems: the printed changes of its objective are the one which the gradient
told beforehand, and the one which came.
"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfmeta.data.labelled_images import load_mnist
from tfmeta.optimizers import Descents, LearnedOptimizer, LearnedRule, MetaTrainer, perceptron_problem
from tfmeta.optimizers.problem import Problem
from tfmeta.optimizers.race import VALIDATION_SEED

STEPS = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="lstm_optimizer_mnist", help="whose rule (default: %(default)s)")
    parser.add_argument("--problems", type=int, default=20, help="a multiple of 5 (default: 20)")
    parser.add_argument("--length", type=float, default=1e-3, help="of the step in weights (default: 0.001)")
    options = parser.parse_args()
    rule = LearnedOptimizer.from_saved(options.model).rule
    problem = perceptron_problem(*load_mnist("train"), hidden=[20])
    begin = rule.get_weights()
    gradients = _gradients(rule, problem, options.problems)
    mean = [np.mean(parts, axis=0) for parts in zip(*gradients, strict=True)]
    norm = _norm(mean)
    agree = norm / np.mean([_norm(gradient) for gradient in gradients])
    print(
        f"gradient of {options.problems} problems: norm {norm:.0f}; they agree to {agree:.2f} (1: all are alike)"
    )
    descents = Descents(rule, problem, count=5, steps=STEPS)
    objectives = {}
    for side in (-1, 1):
        rule.set_weights([w - side * options.length * g / norm for w, g in zip(begin, mean, strict=True)])
        losses = descents.batches(VALIDATION_SEED, options.problems)[:, 1:]
        objectives[side] = np.log(losses.mean(axis=0)).sum()
    promised, brought = -2 * options.length * norm, objectives[1] - objectives[-1]
    print(f"sum of the logarithms of {STEPS} losses: {promised:+.2f} promised, {brought:+.3f} brought")


def _gradients(rule: LearnedRule, problem: Problem, problems: int) -> list[list[np.ndarray]]:
    """Returns the gradient of each problem, as what plain gradient descent of rate 1 takes away."""
    trainer = MetaTrainer(rule, problem, steps=STEPS, unrolled=STEPS, weights="relative", sampled=1000)
    trainer.compile(keras.optimizers.SGD(1.0))
    step = tf.function(trainer.train_step, autograph=False)
    begin, found = rule.get_weights(), []
    for number in tqdm(range(problems), desc="gradients", leave=False, disable=None):
        step(tf.constant([VALIDATION_SEED, number], tf.int64))
        found.append([old - new for old, new in zip(begin, rule.get_weights(), strict=True)])
        rule.set_weights(begin)
    return found


def _norm(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.square(array).sum() for array in arrays)))


if __name__ == "__main__":
    main()
