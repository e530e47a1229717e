"""RL²: learning a reinforcement-learning algorithm, and the algorithms that people designed beside it."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.rl",
    {
        "AGENTS": "trial_trainer",
        "BANDIT_BASELINES": "baselines",
        "BanditEnvironment": "environments",
        "EnvironmentTasks": "environment_tasks",
        "MDP_BASELINES": "baselines",
        "MazeWalks": "walks",
        "PUBLISHED_BANDITS": "published",
        "PUBLISHED_MDPS": "published",
        "Step": "trial_network",
        "TabularMDPEnvironment": "environments",
        "TrialEnvironment": "environments",
        "TrialNetwork": "trial_network",
        "TrialTrainer": "trial_trainer",
        "TrialValue": "trial_value",
        "Trials": "playing",
        "maze_walks": "walks",
        "play": "playing",
        "play_model": "playing",
        "policy_servable": "servable",
        "run_bandits": "baselines",
        "run_mdps": "baselines",
        "tune_bandits": "baselines",
        "tune_mdps": "baselines",
    },
)
