"""Policies that learn within a trial: one file a distribution of tasks, and what they share in `common`."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.recipes.rl2",
    {
        "RL2_BANDIT": "bandits",
        "RL2_MAZE": "mazes",
        "RL2_MDP": "mdps",
        "BanditSettings": "bandits",
        "MDPSettings": "mdps",
        "MazeSettings": "mazes",
        "RL2Recipe": "common",
        "RL2Settings": "common",
    },
)
