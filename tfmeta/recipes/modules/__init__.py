"""Questions answered by composed networks: one file a world, and what they share in `common`."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.recipes.modules",
    {
        "NMN_GEOQA": "geoqa",
        "MONOLITHIC_COMBINATIONS": "combinations",
        "MONOLITHIC_SHAPES": "shapes",
        "NMN_COMBINATIONS": "combinations",
        "NMN_SHAPES": "shapes",
        "QuestionRecipe": "common",
        "QuestionSettings": "common",
    },
)
