"""Questions answered by composed networks: about places, on SHAPES, and about combinations that were held out."""

import dataclasses
from typing import get_args

from tfmeta.modules.combination_tasks import CombinationTasks
from tfmeta.modules.geoqa_tasks import GeoQATasks
from tfmeta.modules.methods import NMN, Monolithic, QuestionTraining
from tfmeta.modules.module_network import Choice
from tfmeta.modules.shapes_tasks import ShapesTasks
from tfmeta.recipes.published import PUBLISHED, numbers
from tfmeta.recipes.recipe import Recipe

__all__ = [
    "MONOLITHIC_COMBINATIONS", "MONOLITHIC_SHAPES", "NMN_COMBINATIONS", "NMN_GEOQA", "NMN_SHAPES",
]  # fmt: skip

NMN_GEOQA = Recipe(
    "nmn-geoqa",
    GeoQATasks(),
    NMN(choice="marginal", exploration=1.0, completeness=2.0),
    QuestionTraining(steps=400, steps_per_execution=50, learning_rate=0.03),
    tuple(
        dataclasses.replace(
            PUBLISHED["nmn-geoqa", "GeoQA+Q" if quantified else "GeoQA", "NMN" if choice == "first" else "D-NMN"],
            where={"quantified": quantified, "choice": choice},
        )
        for quantified in (False, True)
        for choice in get_args(Choice)
    ),
)  # fmt: skip

NMN_SHAPES = Recipe(
    "nmn-shapes", ShapesTasks(), NMN(), QuestionTraining(learning_rate=1e-2), numbers("nmn-shapes")
)

MONOLITHIC_SHAPES = Recipe(
    "monolithic-shapes", ShapesTasks(), Monolithic(), QuestionTraining(learning_rate=1e-3),
    numbers("monolithic-shapes"),
)  # fmt: skip

NMN_COMBINATIONS = Recipe(
    "nmn-combinations", CombinationTasks(layouts="given"), NMN(choice="first"), QuestionTraining(learning_rate=1e-2)
)  # fmt: skip

MONOLITHIC_COMBINATIONS = Recipe(
    "monolithic-combinations", CombinationTasks(), Monolithic(), QuestionTraining(learning_rate=1e-3)
)
