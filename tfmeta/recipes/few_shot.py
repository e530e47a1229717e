"""The published results of few-shot learning: on Omniglot, on CIFAR-FS, and on sine waves."""

from tfmeta.core.published import Published
from tfmeta.data.cifar_fs import CifarFSTasks
from tfmeta.data.omniglot import OmniglotTasks
from tfmeta.data.sinusoid import SinusoidTasks
from tfmeta.fewshot.methods import (
    EpisodeTraining,
    MAMLMethod,
    Matching,
    MatchingFCE,
    Memory,
    Pixels,
    Pretrained,
    Prototypical,
    Siamese,
    Statistician,
)
from tfmeta.fewshot.methods.method import FewShotMethod
from tfmeta.recipes.published import numbers
from tfmeta.recipes.recipe import Recipe

__all__ = [
    "MAML_OMNIGLOT", "MAML_SINUSOID", "MATCHING_FCE_OMNIGLOT", "MATCHING_OMNIGLOT", "MEMORY_OMNIGLOT",
    "PIXELS_OMNIGLOT", "PRETRAINED_OMNIGLOT", "PROTOTYPICAL_CIFAR_FS", "PROTOTYPICAL_OMNIGLOT", "SIAMESE_OMNIGLOT",
    "STATISTICIAN_OMNIGLOT",
]  # fmt: skip


_TEST = "test_ways", "test_shots"


def _on_omniglot(method: FewShotMethod, published: tuple[Published, ...] | None = None) -> Recipe:
    """A method on Omniglot, with the training that it chooses, which is that of the result."""
    tasks = OmniglotTasks()
    found = numbers(method.name, *_TEST) if published is None else published
    return Recipe(f"{method.name}-omniglot", tasks, method, method.training(tasks), found)


MAML_OMNIGLOT = _on_omniglot(MAMLMethod())
MATCHING_OMNIGLOT = _on_omniglot(Matching())
MATCHING_FCE_OMNIGLOT = _on_omniglot(MatchingFCE(), numbers("matching", *_TEST))
MEMORY_OMNIGLOT = _on_omniglot(Memory())
PIXELS_OMNIGLOT = _on_omniglot(Pixels())
PRETRAINED_OMNIGLOT = _on_omniglot(
    Pretrained(), numbers("centroid", *_TEST, head="centroid") + numbers("tuning", *_TEST, head="tuning")
)
PROTOTYPICAL_OMNIGLOT = _on_omniglot(Prototypical())
SIAMESE_OMNIGLOT = _on_omniglot(Siamese())
STATISTICIAN_OMNIGLOT = _on_omniglot(Statistician())

PROTOTYPICAL_CIFAR_FS = Recipe(
    "prototypical-cifar-fs",
    CifarFSTasks(),
    Prototypical(downsampling="pool"),
    EpisodeTraining(
        ways=20, shots=5, queries=10, steps=10_000, learning_rate=2e-3, test_ways=5, test_queries=15
    ),
    numbers("prototypical-cifar-fs", *_TEST),
)

_SINUSOID = MAMLMethod(inner_rate=0.01, learn_rates=False, later_rate=0.5, test_steps=10)
MAML_SINUSOID = Recipe("maml-sinusoid", SinusoidTasks(), _SINUSOID, _SINUSOID.training(SinusoidTasks()))
