"""Training small networks on images as tasks of update rules that are learned."""

import dataclasses
import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tfmeta.core.tasks import Part
from tfmeta.data.labelled_images import load_cifar10, load_mnist
from tfmeta.optimizers.convolution import convolution_problem
from tfmeta.optimizers.keras_problem import KerasProblem
from tfmeta.optimizers.perceptron import perceptron_problem
from tfmeta.optimizers.problem_tasks import ProblemTasks

__all__ = ["CifarTasks", "ImageTasks", "MnistTasks"]

_PERCEPTRONS = {
    "": ([20], "sigmoid"),
    "40 units": ([40], "sigmoid"),
    "2 layers": ([20, 20], "sigmoid"),
    "ReLU": ([20], "relu"),
}
"""Hidden layers and their activation."""


@dataclasses.dataclass(frozen=True)
class ImageTasks(ProblemTasks):
    """The training of networks on images. All parts have the same images; initial weights and minibatches differ."""

    networks = True

    @abstractmethod
    def images(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the images, ``[items, H, W, C]`` uint8, and their labels, ``[items]`` int32.

        Raises:
            TfmetaError: where they are missing.
        """

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for values in self.images():
            digest.update(f"{values.dtype}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class MnistTasks(ImageTasks):
    """Perceptrons that tell handwritten digits apart; rules are trained on the one of 20 sigmoid units.

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, section 3.2.
    """

    name = "mnist"
    items = "small perceptrons on MNIST"
    source = "MNIST, complete, through TensorFlow Datasets"
    variants: ClassVar[Mapping[str, str]] = {
        "": "20 units",
        "40 units": "40 units",
        "2 layers": "2 layers of 20 units",
        "ReLU": "20 ReLUs",
    }

    def images(self) -> tuple[np.ndarray, np.ndarray]:
        return load_mnist("train")

    def problem(self, part: Part, variant: str = "") -> KerasProblem:
        hidden, activation = _PERCEPTRONS[variant]
        return perceptron_problem(*self.images(), hidden=hidden, activation=activation)


@dataclasses.dataclass(frozen=True)
class CifarTasks(ImageTasks):
    """Small convolution networks that tell photographs apart.

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, section 3.3.
    """

    name = "cifar"
    items = "small convolution networks on CIFAR-10"
    source = "CIFAR-10, what is prepared of it on the machine, through TensorFlow Datasets"
    licence = "none stated by the authors of CIFAR-10"
    variants: ClassVar[Mapping[str, str]] = {"": "convolutions of 8 filters"}

    def images(self) -> tuple[np.ndarray, np.ndarray]:
        return load_cifar10("train")

    def problem(self, part: Part, variant: str = "") -> KerasProblem:
        # Small enough that eight rules can be tuned and raced on a processor within the hour.
        return convolution_problem(*self.images(), filters=8, batch_size=64)
