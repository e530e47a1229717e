"""Tabular MDPs of a finite horizon, and the seven policies of the paper's table."""

from tfmeta.rl.baselines.mdps.beb import BEB
from tfmeta.rl.baselines.mdps.belief import Belief
from tfmeta.rl.baselines.mdps.epsilon_greedy import EpsilonGreedyMDP
from tfmeta.rl.baselines.mdps.opsrl import OPSRL
from tfmeta.rl.baselines.mdps.planning import evaluate_plan, extended_plan, plan
from tfmeta.rl.baselines.mdps.policy import MDPPolicy
from tfmeta.rl.baselines.mdps.psrl import PSRL
from tfmeta.rl.baselines.mdps.run import MDPRun, run_mdps
from tfmeta.rl.baselines.mdps.task import MDPTask
from tfmeta.rl.baselines.mdps.ucrl2 import UCRL2
from tfmeta.rl.baselines.mdps.uniform import UniformActions

__all__ = [
    "BEB",
    "OPSRL",
    "PSRL",
    "UCRL2",
    "Belief",
    "EpsilonGreedyMDP",
    "MDPPolicy",
    "MDPRun",
    "MDPTask",
    "UniformActions",
    "evaluate_plan",
    "extended_plan",
    "plan",
    "run_mdps",
]
