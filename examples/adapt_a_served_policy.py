"""Lets a served policy find a goal that it does not observe: `tfmeta serve`, then this; needs no TensorFlow."""

import sys

import numpy as np

from tfmeta.serving.client import Client

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8500"
episodes, steps, random = 20, 100, np.random.default_rng(3)
goal = random.uniform(-0.5, 0.5, 2)
returns = []
with Client(address) as client:
    policy = client.model("maml_navigation")
    task_state = policy.initial_state(batch=np.zeros(1))["task_state"]
    for updates in range(4):
        place, seen, actions, rewards = np.zeros([episodes, 2]), [], [], []  # all episodes side by side
        for _ in range(steps):
            seed = random.integers(2**62, size=[1, episodes])
            answer = policy.act(observation=place[None], seed=seed, task_state=task_state)
            seen.append(place)
            actions.append(answer["action"][0])
            place = place + 0.1 * np.clip(actions[-1], -1, 1)
            rewards.append(-np.sum((place - goal) ** 2, axis=1))
        returns.append(np.sum(rewards) / episodes)
        print(f"return after {updates} updates: {returns[-1]:.1f}")
        played = {"observations": seen, "actions": actions, "rewards": rewards}
        played = {name: np.stack(values, axis=1)[None] for name, values in played.items()}
        lasted = np.full([1, episodes], steps)
        task_state = policy.adapt(**played, steps=lasted, task_state=task_state)["task_state"]
