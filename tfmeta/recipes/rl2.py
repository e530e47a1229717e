"""RL²: bandits and tabular MDPs as in the paper's tables, and mazes."""

import dataclasses

from tfmeta.recipes.published import PUBLISHED, numbers
from tfmeta.recipes.recipe import Recipe
from tfmeta.rl.bandit_tasks import BanditTasks
from tfmeta.rl.maze_tasks import MazeTasks
from tfmeta.rl.mdp_tasks import MDPTasks
from tfmeta.rl.rl2 import RL2, RL2Training

__all__ = ["RL2_BANDIT", "RL2_MAZE", "RL2_MDP"]

RL2_BANDIT = Recipe(
    "rl2-bandit",
    BanditTasks(),
    RL2(),
    RL2Training(steps=150),
    numbers("rl2-bandit", "pulls", "arms", metric="reward"),
)

RL2_MDP = Recipe(
    "rl2-mdp",
    MDPTasks(),
    RL2(units=128, crossed=True),
    RL2Training(steps=800, batch_size=400, agent="ppo", learning_rate=2e-3, minibatches=8, entropy=0.01),
    numbers("rl2-mdp", "episodes", metric="reward"),
)

RL2_MAZE = Recipe(
    "rl2-maze",
    MazeTasks(),
    RL2(units=128),
    RL2Training(
        steps=400, batch_size=100, agent="ppo", learning_rate=1e-3, gae_lambda=0.95, passes=2, minibatches=4,
        entropy=0.02,
    ),
    tuple(
        dataclasses.replace(
            PUBLISHED["rl2-maze", 5, episode], where={"size": 5}, metric="steps", ending=f"episode {episode}"
        )
        for episode in (1, 2)
    ),
)  # fmt: skip
