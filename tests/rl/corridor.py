"""An environment of Gymnasium as small as can be."""

import gymnasium
from gymnasium import spaces


class Corridor(gymnasium.Env):
    """The end is 2 or 3 steps away, as the task has it; each step costs 1."""

    action_space = spaces.Discrete(2)

    def __init__(self, seed, places=5):
        self.observation_space = spaces.Discrete(places)
        self.end = 2 + seed % 2

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return self.at, {}

    def step(self, action):
        self.at += int(action)
        return self.at, -1.0, self.at == self.end, False, {}
