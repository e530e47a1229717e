"""Learning to optimize: one file a family of problems, and what they share in `common`."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.recipes.update_rules",
    {
        "LSTM_CIFAR": "convolutions",
        "LSTM_MNIST": "perceptrons",
        "LSTM_QUADRATIC": "quadratics",
        "MEMORY_QUADRATIC": "quadratics",
        "RuleRecipe": "common",
        "RuleSettings": "common",
        "comparison_file": "common",
    },
)
