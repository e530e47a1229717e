"""RL²: bandits and tabular MDPs as in the paper's tables, and mazes."""

from tfmeta.core.published import Published
from tfmeta.recipes.recipe import Recipe
from tfmeta.rl.bandit_tasks import BanditTasks
from tfmeta.rl.maze_tasks import MazeTasks
from tfmeta.rl.mdp_tasks import MDPTasks
from tfmeta.rl.published import PUBLISHED_BANDITS, PUBLISHED_MDPS
from tfmeta.rl.rl2 import RL2, RL2Training

__all__ = ["RL2_BANDIT", "RL2_MAZE", "RL2_MDP"]

RL2_BANDIT = Recipe(
    "rl2-bandit",
    BanditTasks(),
    RL2(),
    RL2Training(steps=150),
    published=tuple(
        Published(
            row["rl2"],
            "Duan et al. 2016, table 1; 1,000 trials",
            {"pulls": pulls, "arms": arms},
            metric="reward",
        )
        for (pulls, arms), row in PUBLISHED_BANDITS.items()
    ),
)

RL2_MDP = Recipe(
    "rl2-mdp",
    MDPTasks(),
    RL2(units=128, crossed=True),
    RL2Training(steps=800, batch_size=400, agent="ppo", learning_rate=2e-3, minibatches=8, entropy=0.01),
    published=tuple(
        Published(
            row["rl2"], "Duan et al. 2016, table 2; 1,000 trials", {"episodes": episodes}, metric="reward"
        )
        for episodes, row in PUBLISHED_MDPS.items()
    ),
)

RL2_MAZE = Recipe(
    "rl2-maze",
    MazeTasks(),
    RL2(units=128),
    RL2Training(
        steps=400, batch_size=100, agent="ppo", learning_rate=1e-3, gae_lambda=0.95, passes=2, minibatches=4,
        entropy=0.02,
    ),
    published=tuple(
        Published(steps, "Duan et al. 2016, in ViZDoom's mazes", {"size": 5}, "steps", ending=f"episode {episode}")
        for episode, steps in ((1, 52.4), (2, 39.1))
    ),
)  # fmt: skip
