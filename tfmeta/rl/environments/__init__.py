"""Distributions of tasks, stepped many at once inside the graph."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.rl.environments",
    {
        "BanditEnvironment": "bandit",
        "BanditState": "bandit",
        "GymnasiumEnvironment": "gymnasium_tasks",
        "GymnasiumState": "gymnasium_tasks",
        "MazeEnvironment": "maze",
        "MazeState": "maze",
        "TabularMDPEnvironment": "tabular_mdp",
        "TabularMDPState": "tabular_mdp",
        "TrialEnvironment": "environment",
        "VizDoomMazes": "vizdoom_mazes",
    },
)
