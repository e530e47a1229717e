"""Times an update of a learnt rule beside Adam's, and a step of its training.

    python benchmarks/optimizer_step.py --parameters 100000 --turns 30

Both optimizers update the same network's weights from the same gradients, as `fit` would have them do, in turns, so
that what else the machine does hits both. A meta-step is one descent of 100 updates on 64 quadratics, with all
steps of the rule's own training on the way.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.optimizers import (
    CoordinatewiseLSTM,
    LearnedOptimizer,
    LearnedRule,
    MetaTrainer,
    Quadratic,
)

_INPUTS, _OUTPUTS = 100, 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parameters", type=int, default=100_000, help="about so many (default: 100000)")
    parser.add_argument("--turns", type=int, default=30, help="of each (default: 30)")
    options = parser.parse_args()
    rule = LearnedRule(CoordinatewiseLSTM(seed=0))
    contestants = {
        "Adam": update_of(keras.optimizers.Adam(1e-3), options.parameters),
        "learnt": update_of(LearnedOptimizer(rule), options.parameters),
        "meta-step": meta_step(),
    }
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()  # traces the graph
    for _ in tqdm(range(options.turns), desc="updates", leave=False, disable=None):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            found[name].append(1e3 * (time.perf_counter() - began))
    print(f"{count(options.parameters):,} parameters, {os.cpu_count()} cores, {options.turns} turns")
    for name, times in found.items():
        print(f"{name:10} median {statistics.median(times):8.1f} ms, fastest {min(times):8.1f} ms")
    print(
        f"learnt / Adam: {statistics.median(found['learnt']) / statistics.median(found['Adam']):.0f}; state:"
        f" {4 * sum(2 * units for units in rule.network.units)} bytes a parameter, Adam's 8"
    )


def network(parameters: int) -> keras.Sequential:
    hidden = round(parameters / (_INPUTS + _OUTPUTS + 1))
    layers = [keras.Input([_INPUTS]), keras.layers.Dense(hidden), keras.layers.Dense(_OUTPUTS)]
    return keras.Sequential(layers)


def count(parameters: int) -> int:
    return network(parameters).count_params()


def update_of(optimizer: keras.optimizers.Optimizer, parameters: int) -> Callable[[], None]:
    variables = network(parameters).trainable_variables
    optimizer.build(variables)
    gradients = [tf.random.stateless_normal(v.shape, [0, 1], stddev=0.01) for v in variables]

    @tf.function(autograph=False)
    def update() -> None:
        optimizer.apply(gradients, variables)

    def run() -> None:
        update()
        np.asarray(variables[0].value[0, 0])  # waits for it

    return run


def meta_step() -> Callable[[], None]:
    rule = LearnedRule(CoordinatewiseLSTM(seed=0))
    trainer = MetaTrainer(rule, Quadratic(), count=64, steps=100, unrolled=20)
    trainer.compile(keras.optimizers.Adam(1e-3))
    seeds = iter(batch_seeds())
    step = tf.function(trainer.train_step, autograph=False)
    return lambda: np.asarray(step(next(seeds))["loss"])


if __name__ == "__main__":
    main()
