"""What learns within TF-Agents: trials as its episodes, its driver, its PPO, and a TRPO of our own.

It needs the extra ``rl``. What was trained here is played, measured, exported and served without it.
"""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.rl.agents",
    {
        "PolicyNetwork": "networks",
        "Progress": "progress",
        "TFTrialEnvironment": "trial_environment",
        "TRPOAgent": "trpo",
        "TrialDriver": "driver",
        "TrialPPOAgent": "ppo",
        "TrialPolicy": "trial_policy",
        "ValueNetwork": "networks",
        "check_aligned": "driver",
        "each_minibatch": "minibatches",
        "require_tf_agents": "legacy_keras",
        "step_spec": "trial_environment",
    },
)
