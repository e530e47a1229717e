"""RL²: learning a reinforcement-learning algorithm, and the algorithms that people designed beside it."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.rl",
    {
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
    },
)
