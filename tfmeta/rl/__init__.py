"""RL²: learning a reinforcement-learning algorithm, and the algorithms that people designed beside it."""

from importlib import import_module
from typing import Any

_HOMES = {
    "BANDIT_BASELINES": "baselines",
    "BanditEnvironment": "environments",
    "MDP_BASELINES": "baselines",
    "PUBLISHED_BANDITS": "published",
    "PUBLISHED_MDPS": "published",
    "TabularMDPEnvironment": "environments",
    "TrialEnvironment": "environments",
    "run_bandits": "baselines",
    "run_mdps": "baselines",
    "tune_bandits": "baselines",
    "tune_mdps": "baselines",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.rl.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'tfmeta.rl' has no attribute {name!r}; it offers {', '.join(__all__)}")
