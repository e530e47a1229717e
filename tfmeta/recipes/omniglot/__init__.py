"""Few-shot classification of Omniglot's characters: one file a method, and what they share in `common`."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.recipes.omniglot",
    {
        "MAML_OMNIGLOT": "maml",
        "MATCHING_FCE_OMNIGLOT": "matching",
        "MATCHING_OMNIGLOT": "matching",
        "MEMORY_OMNIGLOT": "memory",
        "PIXELS_OMNIGLOT": "baselines",
        "PRETRAINED_OMNIGLOT": "baselines",
        "PROTOTYPICAL_OMNIGLOT": "prototypical",
        "SIAMESE_OMNIGLOT": "siamese",
        "STATISTICIAN_OMNIGLOT": "statistician",
    },
)
