"""Distributions of tasks, stepped many at once inside the graph."""

from importlib import import_module
from typing import Any

_HOMES = {
    "BanditEnvironment": "bandit",
    "BanditState": "bandit",
    "TabularMDPEnvironment": "tabular_mdp",
    "TabularMDPState": "tabular_mdp",
    "TrialEnvironment": "environment",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.rl.environments.{_HOMES[name]}"), name)
    raise AttributeError(
        f"module 'tfmeta.rl.environments' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )
