"""Measures how many steps of bandits a policy plays and learns from in a second.

    python benchmarks/rl2_rollout.py
    python benchmarks/rl2_rollout.py --pulls 10 --trials 2500 --units 64

It prints one row each: the driver with environments in the graph, the same policy with the tasks stepped by NumPy, an
iteration of TRPO, and one of PPO with one pass and with four. What counts are the steps of the trials, however often an
iteration looks at them.
"""

import argparse
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfmeta.rl import BanditEnvironment, TrialNetwork, TrialTrainer, TrialValue
from tfmeta.rl.agents import TrialDriver, require_tf_agents

require_tf_agents()

from tf_agents.environments import py_environment, tf_py_environment  # noqa: E402
from tf_agents.specs import array_spec  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402

AGENTS = {
    "TRPO": ("trpo", {}),
    "PPO, 1 pass": ("ppo", {"epochs": 1, "minibatches": 4}),
    "PPO, 4 passes": ("ppo", {"epochs": 4, "minibatches": 4}),
}


class NumpyBandits(py_environment.PyEnvironment):
    """The same trials, stepped out of the graph, all at once."""

    def __init__(self, arms: int, pulls: int, trials: int):
        super().__init__()
        self.arms, self.pulls, self.trials = arms, pulls, trials
        self.random = np.random.default_rng(0)

    batched = property(lambda self: True)
    batch_size = property(lambda self: self.trials)

    def action_spec(self):
        return array_spec.BoundedArraySpec([], np.int32, 0, self.arms - 1)

    def observation_spec(self):
        return {
            "previous_action": array_spec.BoundedArraySpec([], np.int32, -1, self.arms - 1),
            "previous_reward": array_spec.ArraySpec([], np.float32),
            "done": array_spec.BoundedArraySpec([], np.float32, 0.0, 1.0),
        }

    def _reset(self):
        self.means, self.steps = self.random.random([self.trials, self.arms]), 0
        zeros = np.zeros(self.trials, np.float32)
        told = {
            "previous_action": np.full(self.trials, -1, np.int32),
            "previous_reward": zeros,
            "done": zeros,
        }
        return ts.restart(told, self.trials)

    def _step(self, action):
        if self.steps == self.pulls:
            return self._reset()
        self.steps += 1
        chances = self.means[np.arange(self.trials), action]
        reward = (self.random.random(self.trials) < chances).astype(np.float32)
        told = {
            "previous_action": action,
            "previous_reward": reward,
            "done": np.ones(self.trials, np.float32),
        }
        if self.steps == self.pulls:
            return ts.termination(told, reward)
        return ts.transition(told, reward, discount=np.ones(self.trials, np.float32))


class NumpyTrials(tf_py_environment.TFPyEnvironment):
    """Begins as an environment in the graph does, for `TrialDriver`."""

    def begin(self, seed):
        return self.reset()

    @property
    def environment(self):
        return BanditEnvironment(self.pyenv.arms, self.pyenv.pulls)


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Returns the fastest of several calls, after a first one."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", type=int, default=5, help="of a bandit (default: 5)")
    parser.add_argument("--pulls", type=int, default=100, help="of a trial (default: 100)")
    parser.add_argument("--trials", type=int, default=256, help="at once (default: 256)")
    parser.add_argument("--units", type=int, default=256, help="of the GRU (default: 256)")
    parser.add_argument("--repeats", type=int, default=5, help="of which the fastest counts (default: 5)")
    options = parser.parse_args()
    tasks, steps = BanditEnvironment(options.arms, options.pulls), options.pulls * options.trials
    seed = tf.constant([0, 0], tf.int64)

    def show(name: str, function: Callable[[], object]) -> None:
        taken = seconds(function, options.repeats)
        print(f"| {name} | {1e3 * taken:.0f} | {steps / taken / 1e3:.0f} |", flush=True)

    print(f"{options.trials} trials of {options.pulls} pulls, GRU of {options.units}\n")
    print("| | ms | 1,000 steps a second |\n|---|---|---|")
    for name, (agent, extra) in AGENTS.items():
        sizes = {"actions": options.arms, "observation_size": 0, "units": options.units}
        policy = TrialNetwork(**sizes, outputs=options.arms, seed=0)
        value = TrialValue(TrialNetwork(**sizes, outputs=1, seed=1), options.pulls)
        trainer = TrialTrainer(tasks, policy, value, trials=options.trials, agent=agent, options=extra)
        trainer.compile(keras.optimizers.Adam(1e-3))
        collect = tf.function(trainer.driver.collect, autograph=False)
        trials = collect(seed)
        if name == "TRPO":
            show("rollout, in the graph", lambda collect=collect: collect(seed))
            numpy_tasks = NumpyTrials(NumpyBandits(options.arms, options.pulls, options.trials))
            driver = TrialDriver(numpy_tasks, trainer.driver.policy)
            show("rollout, NumPy bandits", lambda driver=driver: driver.collect(seed))
        train = tf.function(trainer.agent.train, autograph=False)
        show(f"{name}, an iteration", lambda train=train, trials=trials: train(trials))


if __name__ == "__main__":
    main()
