"""Measures a meta-iteration of MAML for reinforcement learning: 20 tasks, 20 episodes, 100 steps, one inner step.

    python benchmarks/maml_rl.py
    python benchmarks/maml_rl.py --tasks 40 --iterations 5

The other row is the scheme of learn2learn's and garage's scripts for MAML-TRPO, written in PyTorch, where that is
installed: one task after the other, products with the Fisher matrix of all tasks by differentiating twice. Both play
the episodes of a task side by side, with the same network, on point navigation. Times are of whole iterations: playing,
adapting, playing again, and the outer step. The first iteration of each does not count.
"""

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.rl import GaussianPolicy, MAMLPolicyLearner, PointNavigation

HORIZON, UNITS, INNER_RATE, MAX_KL, DISCOUNT = 100, 100, 0.1, 0.01, 0.99


def ours(tasks: int, episodes: int) -> Callable[[int], Any]:
    policy = GaussianPolicy(2, 2, [UNITS, UNITS], seed=0)
    learner = MAMLPolicyLearner(PointNavigation(HORIZON), policy, tasks=tasks, episodes=episodes)
    learner.compile()
    step = tf.function(learner.train_step, autograph=False)
    return lambda number: step(tf.constant([0, number], tf.int64))["after"].numpy()


class TorchMAML:
    """MAML-TRPO task by task: the scheme of the PyTorch libraries."""

    def __init__(self, tasks: int, episodes: int):
        import torch

        self.torch, self.tasks, self.episodes = torch, tasks, episodes
        torch.manual_seed(0)
        sizes = [(UNITS, 2), (UNITS,), (UNITS, UNITS), (UNITS,), (2, UNITS), (2,), (2,)]
        self.weights = [
            torch.nn.Parameter(torch.randn(*s) / math.sqrt(s[-1]) if len(s) > 1 else torch.zeros(s))
            for s in sizes
        ]

    def distribution(self, weights: list, x: Any) -> Any:
        torch = self.torch
        h = torch.relu(torch.nn.functional.linear(x, weights[0], weights[1]))
        h = torch.relu(torch.nn.functional.linear(h, weights[2], weights[3]))
        mean = torch.nn.functional.linear(h, weights[4], weights[5])
        return torch.distributions.Independent(torch.distributions.Normal(mean, weights[6].exp()), 1)

    def play(self, weights: list, goal: Any) -> tuple:
        torch = self.torch
        place, seen, actions, rewards = torch.zeros(self.episodes, 2), [], [], []
        with torch.no_grad():
            for _ in range(HORIZON):
                action = self.distribution(weights, place).sample()
                seen.append(place)
                actions.append(action)
                place = place + 0.1 * action.clamp(-1, 1)
                rewards.append(-((place - goal) ** 2).sum(1))
        seen, actions, rewards = torch.stack(seen), torch.stack(actions), torch.stack(rewards)
        return seen, actions, self.advantages(seen, rewards)

    def advantages(self, seen: Any, rewards: Any) -> Any:
        torch = self.torch
        returns, running = torch.zeros_like(rewards), torch.zeros(self.episodes)
        for t in reversed(range(HORIZON)):
            running = rewards[t] + DISCOUNT * running
            returns[t] = running
        time_of = torch.arange(HORIZON)[:, None, None].expand(HORIZON, self.episodes, 1) / 100
        powers = [time_of, time_of**2, time_of**3, torch.ones_like(time_of)]
        x = torch.cat([seen, seen**2, *powers], dim=2).reshape(-1, 8).double()
        y = returns.reshape(-1, 1).double()
        fit = x @ torch.linalg.solve(x.T @ x + 1e-5 * torch.eye(8).double(), x.T @ y)
        values = fit.float().reshape(rewards.shape)
        following = torch.cat([values[1:], torch.zeros(1, self.episodes)])
        deltas, running, found = rewards + DISCOUNT * following - values, torch.zeros(self.episodes), []
        for t in reversed(range(HORIZON)):
            running = deltas[t] + DISCOUNT * running
            found.append(running)
        advantage = torch.stack(found[::-1])
        return (advantage - advantage.mean()) / (advantage.std() + 1e-8)

    def adapted(self, played: tuple, create_graph: bool) -> list:
        seen, actions, advantage = played
        loss = -(self.distribution(self.weights, seen).log_prob(actions) * advantage).mean()
        gradients = self.torch.autograd.grad(loss, self.weights, create_graph=create_graph)
        return [w - INNER_RATE * g for w, g in zip(self.weights, gradients, strict=True)]

    def promise(self, collected: list, graph: bool) -> tuple:
        gain, divergence = 0.0, 0.0
        for before, after, acted in collected:
            seen, actions, advantage = after
            now = self.distribution(self.adapted(before, graph), seen)
            gain += ((now.log_prob(actions) - acted.log_prob(actions)).exp() * advantage).mean()
            divergence += self.torch.distributions.kl_divergence(acted, now).mean()
        return gain / self.tasks, divergence / self.tasks

    def flat(self, tensors: Any) -> Any:
        return self.torch.cat([x.reshape(-1) for x in tensors])

    def move(self, point: Any) -> None:
        self.torch.nn.utils.vector_to_parameters(point, self.weights)

    def __call__(self, number: int) -> float:
        torch, grad = self.torch, self.torch.autograd.grad
        collected = []
        for _ in range(self.tasks):
            goal = torch.rand(2) - 0.5
            before = self.play(self.weights, goal)
            adapted = [w.detach() for w in self.adapted(before, create_graph=False)]
            after = self.play(adapted, goal)
            collected.append((before, after, self.distribution(adapted, after[0])))
        gain, divergence = self.promise(collected, graph=True)
        gradient = self.flat(grad(gain, self.weights, retain_graph=True))
        slope = self.flat(grad(divergence, self.weights, create_graph=True))

        def product(vector: Any) -> Any:
            return self.flat(grad((slope * vector).sum(), self.weights, retain_graph=True)) + 1e-5 * vector

        x, r, d = torch.zeros_like(gradient), gradient.clone(), gradient.clone()
        rr = r @ r
        for _ in range(10):
            z = product(d)
            alpha = rr / (d @ z)
            x, r = x + alpha * d, r - alpha * z
            new = r @ r
            d, rr = r + new / rr * d, new
        step = x * torch.sqrt(2 * MAX_KL / (x @ product(x)))
        start = torch.nn.utils.parameters_to_vector(self.weights).detach()
        for trial in range(15):
            self.move(start + 0.8**trial * step)
            found, apart = self.promise(collected, graph=False)
            if found > gain and apart <= MAX_KL:
                break
        else:
            self.move(start)
        return float(gain)


def timed(iterate: Callable[[int], Any], iterations: int) -> tuple[float, float]:
    """Returns the median wall seconds of an iteration, and the mean CPU seconds."""
    iterate(0)
    wall, began = [], time.process_time()
    for number in range(1, iterations + 1):
        start = time.perf_counter()
        iterate(number)
        wall.append(time.perf_counter() - start)
    return float(np.median(wall)), (time.process_time() - began) / iterations


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()
    if options.iterations < 1:
        raise TfmetaError(f"iterations={options.iterations}; expected at least 1.")
    rows = {"tfmeta": timed(ours(options.tasks, options.episodes), options.iterations)}
    try:
        rows["PyTorch, task by task"] = timed(TorchMAML(options.tasks, options.episodes), options.iterations)
    except ImportError:
        print("PyTorch is not installed, so its row is left out: pip install torch")
    first = rows["tfmeta"][0]
    print(f"{'scheme':24} {'wall s':>8} {'CPU s':>8} {'wall, ratio':>12}")
    for name, (wall, cpu) in rows.items():
        print(f"{name:24} {wall:8.2f} {cpu:8.2f} {wall / first:12.2f}")


if __name__ == "__main__":
    main()
