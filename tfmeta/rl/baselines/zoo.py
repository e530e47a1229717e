"""The baselines of the RL² paper by name, and the settings that each is tuned over."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tfmeta.rl.baselines.bandits.epsilon_greedy import EpsilonGreedy, Greedy
from tfmeta.rl.baselines.bandits.gittins import Gittins
from tfmeta.rl.baselines.bandits.gittins_approximation import GittinsApproximation
from tfmeta.rl.baselines.bandits.optimistic_thompson import OptimisticThompsonSampling
from tfmeta.rl.baselines.bandits.thompson import ThompsonSampling
from tfmeta.rl.baselines.bandits.ucb1 import UCB1
from tfmeta.rl.baselines.bandits.uniform import UniformArms
from tfmeta.rl.baselines.mdps.beb import BEB
from tfmeta.rl.baselines.mdps.epsilon_greedy import EpsilonGreedyMDP
from tfmeta.rl.baselines.mdps.opsrl import OPSRL
from tfmeta.rl.baselines.mdps.psrl import PSRL
from tfmeta.rl.baselines.mdps.task import PRIOR_MEAN
from tfmeta.rl.baselines.mdps.ucrl2 import UCRL2
from tfmeta.rl.baselines.mdps.uniform import UniformActions

__all__ = ["BANDIT_BASELINES", "MDP_BASELINES", "PUBLISHED_BASELINES", "Baseline", "mdp_baselines"]


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A policy that people designed, with at most one knob left open.

    Attributes:
        name: what it is asked for by.
        title: what a table calls it.
        make: gives a policy for a setting of the knob, or for no argument where there is no knob.
        knob: the knob's name; empty where there is none.
        settings: what the knob is tuned over; a single None where there is none.

    Example:
        >>> policy = BANDIT_BASELINES["ucb1"].policy(0.3)
    """

    name: str
    title: str
    make: Callable[..., Any]
    knob: str = ""
    settings: tuple[Any, ...] = (None,)

    def policy(self, setting: Any = None) -> Any:
        """Returns a policy of a setting; of none, where the baseline has no knob."""
        return self.make(setting) if self.knob else self.make()


def _by_name(*baselines: Baseline) -> dict[str, Baseline]:
    return {baseline.name: baseline for baseline in baselines}


_TENTHS = tuple(i / 10 for i in range(11))
_DRAWS = (1, 2, 5, 10, 20)
_SCALES = tuple(float(scale) for scale in np.geomspace(1e-4, 1.0, 11))

BANDIT_BASELINES = _by_name(
    Baseline("random", "Random", UniformArms),
    Baseline("gittins", "Gittins", Gittins),
    Baseline("thompson", "TS", ThompsonSampling),
    Baseline("optimistic_thompson", "OTS", OptimisticThompsonSampling, "m", _DRAWS),
    Baseline("ucb1", "UCB1", UCB1, "c", _TENTHS),
    Baseline("epsilon_greedy", "ε-greedy", EpsilonGreedy, "ε", _TENTHS),
    Baseline("greedy", "Greedy", Greedy),
)
"""The seven of the slide, in its order."""

PUBLISHED_BASELINES = BANDIT_BASELINES | _by_name(
    Baseline("gittins", "Gittins", GittinsApproximation),
    Baseline("optimistic_thompson", "OTS", OptimisticThompsonSampling, "m", tuple(range(1, 21))),
)
"""The same as the paper's table had them: another Gittins, and a finer grid for OTS."""


def mdp_baselines(prior_mean: float = PRIOR_MEAN) -> dict[str, Baseline]:
    """Returns the seven of the paper's table of tabular MDPs by name, in its order.

    Args:
        prior_mean: what they believe of the mean reward of an untried action. The MDPs are drawn with 1, which is
            the default; 0 is what the paper's own baselines believed, as far as its table tells.

    Example:
        >>> policy = mdp_baselines(prior_mean=0.0)["beb"].policy(0.03)
    """
    believing = {"prior_mean": prior_mean}
    return _by_name(
        Baseline("random", "Random", UniformActions),
        Baseline("psrl", "PSRL", lambda: PSRL(**believing)),
        Baseline("opsrl", "OPSRL", lambda samples: OPSRL(samples, **believing), "m", _DRAWS),
        Baseline("ucrl2", "UCRL2", UCRL2, "scale", _SCALES),
        Baseline("beb", "BEB", lambda scale: BEB(scale, **believing), "scale", _SCALES),
        Baseline(
            "epsilon_greedy",
            "ε-greedy",
            lambda epsilon: EpsilonGreedyMDP(epsilon, **believing),
            "ε",
            _TENTHS[1:],
        ),
        Baseline("greedy", "Greedy", lambda: EpsilonGreedyMDP(0.0, **believing)),
    )


MDP_BASELINES = mdp_baselines()
"""The seven of the paper's table of tabular MDPs; those that know a prior believe the true one."""
