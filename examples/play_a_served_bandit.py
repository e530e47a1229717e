"""Lets a served policy find the best of five arms within ten pulls: `tfmeta serve`, then this; needs no TensorFlow."""

import sys

import numpy as np

from tfmeta.serving.client import Client

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8500"
trials, random = 1000, np.random.default_rng(0)
chances = random.random([trials, 5])  # of each arm to pay; the policy sees what it is paid, and nothing else
action, reward = np.full(trials, -1, np.int32), np.zeros(trials, np.float32)
done, earned = np.zeros(trials, bool), np.zeros(trials)
with Client(address) as client:
    policy = client.model("rl2_bandit_n10k5")
    state = policy.initial_state(batch=np.zeros(trials))
    for pull in range(10):
        told = {"previous_action": action, "previous_reward": reward, "done": done}
        seed = np.arange(trials) + trials * pull
        answer = policy.act(**told, seed=seed, **state)
        action, state = answer["action"], {"state": answer["state"]}
        reward = (random.random(trials) < chances[np.arange(trials), action]).astype(np.float32)
        done, earned = np.ones(trials, bool), earned + reward  # a pull is an episode
print(f"{earned.mean():.2f} of 10 pulls paid; by chance 5 would")
