"""Says how low any designed rule ends on the quadratics of the race, if each problem had its own best settings.

    python benchmarks/quadratics_in_hindsight.py --problems 100 --steps 100

The race gives each rule one learning rate for all problems, tuned on others. Here the rate, and with momentum its
factor too, is chosen for each test problem alone, by the loss that it ends with: nobody can do that who has not been
there, so it is no result, but what is left to gain. The learnt rules stand beside it as they are, and beside the one
with a memory what that comes to if its moves are made as they are, without anything learnt.
"""

import argparse
import dataclasses
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from tqdm import tqdm

from tfmeta.optimizers import ZOO, CoordinatewiseLSTM, LearnedOptimizer, LearnedRule, Quadratic, descend, tune
from tfmeta.optimizers.race import TEST_SEED
from tfmeta.optimizers.tuning import log_grid

_LEARNT = ("lstm_optimizer_quadratic", "memory_optimizer_quadratic")
_FACTORS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=100, help="of the test (default: 100)")
    parser.add_argument("--steps", type=int, default=100, help="updates (default: 100)")
    options = parser.parse_args()
    problem, sizes = Quadratic(10), {"problems": options.problems, "steps": options.steps}

    def final(rule, low, high) -> np.ndarray:
        """The loss at the end, for each rate of a fine grid and each problem."""
        found = tune(rule, problem, rates=log_grid(low, high, per_decade=8), seed=TEST_SEED, **sizes)
        losses = found.losses[:, :, -1]
        return np.where(np.isfinite(losses), losses, np.inf)

    ends = {rule.title: final(rule, 1e-4, 1e3) for rule in tqdm(ZOO.values(), desc="rules", leave=False)}
    kinds = [(factor, nesterov) for factor in _FACTORS for nesterov in (False, True)]
    with_momentum = [
        final(dataclasses.replace(ZOO["momentum"], make=_momentum(*kind)), 1e-4, 1.0)
        for kind in tqdm(kinds, desc="momentum", leave=False)
    ]
    ends["Momentum or Nesterov, any factor"] = np.concatenate(with_momentum)

    print(f"Mean loss of {options.problems} quadratics after {options.steps} updates\n")
    print("| rule | one setting for all, the best of them here | each problem its own |\n|---|---|---|")
    for title, losses in ends.items():
        print(f"| {title} | {losses.mean(axis=1).min():.3f} | {losses.min(axis=0).mean():.3f} |")
    rules = {name: LearnedOptimizer.from_saved(name).rule for name in _LEARNT}
    # A network that has learnt nothing follows the memory.
    slots = rules[_LEARNT[1]].slots
    rules["its memory alone"] = LearnedRule(CoordinatewiseLSTM(advised=True), slots=slots)
    for name, rule in rules.items():
        print(f"| {name} | {descend(rule, problem, seed=TEST_SEED, **sizes)[:, -1].mean():.4f}, as it is | |")


def _momentum(factor: float, nesterov: bool):
    return lambda rate: keras.optimizers.SGD(rate, momentum=factor, nesterov=nesterov)


if __name__ == "__main__":
    main()
