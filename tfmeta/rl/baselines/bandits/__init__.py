"""Bernoulli bandits, and the seven policies of the slide."""

from tfmeta.rl.baselines.bandits.epsilon_greedy import EpsilonGreedy, Greedy
from tfmeta.rl.baselines.bandits.gittins import Gittins, gittins_indices
from tfmeta.rl.baselines.bandits.gittins_approximation import GittinsApproximation
from tfmeta.rl.baselines.bandits.optimistic_thompson import OptimisticThompsonSampling
from tfmeta.rl.baselines.bandits.policy import BanditPolicy
from tfmeta.rl.baselines.bandits.published import published_bandits, run_published_bandits
from tfmeta.rl.baselines.bandits.run import BanditRun, run_bandits
from tfmeta.rl.baselines.bandits.task import BanditTask
from tfmeta.rl.baselines.bandits.thompson import ThompsonSampling
from tfmeta.rl.baselines.bandits.ucb1 import UCB1
from tfmeta.rl.baselines.bandits.uniform import UniformArms

__all__ = [
    "UCB1",
    "BanditPolicy",
    "BanditRun",
    "BanditTask",
    "EpsilonGreedy",
    "Gittins",
    "GittinsApproximation",
    "Greedy",
    "OptimisticThompsonSampling",
    "ThompsonSampling",
    "UniformArms",
    "gittins_indices",
    "published_bandits",
    "run_bandits",
    "run_published_bandits",
]
