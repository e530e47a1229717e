"""Few-shot tasks from scikit-learn's handwritten digits, and what a served model makes of them."""

import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np

from tfmeta.core.estimate import Estimate, estimate
from tfmeta.serving.client import FewShotClient

__all__ = ["QUERIES", "WAYS", "Score", "Task", "ask", "draw_tasks"]

WAYS = 5
QUERIES = 5  # of each digit


@dataclasses.dataclass(frozen=True)
class Task:
    """Five of the ten digits, one example of each, and others to tell apart.

    Attributes:
        digits: which digits, ``[N]``; class ``n`` of the task is ``digits[n]``.
        support: an image file of each, bytes ``[N]``.
        queries: image files to ask about, bytes ``[Q]``.
        truth: their classes, ``[Q]``.
    """

    digits: np.ndarray
    support: np.ndarray
    queries: np.ndarray
    truth: np.ndarray


@dataclasses.dataclass(frozen=True)
class Score:
    """How a model did.

    Attributes:
        model: its name.
        accuracies: of each task, ``[tasks]``.
        adapt: seconds that each `adapt` request took, ``[tasks]``.
        predict: seconds that each `predict` request took, ``[tasks]``.
        labels: its answers to each task, ``[tasks, Q]``.
    """

    model: str
    accuracies: np.ndarray
    adapt: np.ndarray
    predict: np.ndarray
    labels: np.ndarray

    @property
    def accuracy(self) -> Estimate:
        """The mean over tasks, with its interval."""
        return estimate(self.accuracies)


def draw_tasks(images: np.ndarray, labels: np.ndarray, count: int, seed: int = 0) -> list[Task]:
    """Draws tasks; task ``i`` does not depend on how many there are.

    Args:
        images: image files, bytes ``[M]``.
        labels: ``[M]`` digits.
        count: how many tasks.
        seed: names the sequence of tasks.
    """
    places = [np.flatnonzero(labels == digit) for digit in range(10)]
    return [_draw(images, places, np.random.default_rng([seed, number])) for number in range(count)]


def _draw(images: np.ndarray, places: Sequence[np.ndarray], random: np.random.Generator) -> Task:
    digits = random.choice(len(places), WAYS, replace=False)
    chosen = np.stack([random.choice(places[digit], 1 + QUERIES, replace=False) for digit in digits])
    order = random.permutation(WAYS * QUERIES)
    return Task(
        digits,
        support=images[chosen[:, 0]],
        queries=images[chosen[:, 1:].ravel()[order]],
        truth=np.repeat(np.arange(WAYS), QUERIES)[order],
    )


def ask(client: FewShotClient, tasks: Sequence[Task], on_task: Callable[[], object] = lambda: None) -> Score:
    """Teaches a served model each task, and asks it.

    Args:
        client: the model.
        tasks: the tasks.
        on_task: called after each of them.
    """
    classes = np.arange(WAYS)
    # The first request connects, and asks for the signatures.
    client.adapt_png(tasks[0].support, classes).predict_png(tasks[0].queries)
    labels, adapt, predict = [], [], []
    for task in tasks:
        began = time.perf_counter()
        adapted = client.adapt_png(task.support, classes)
        between = time.perf_counter()
        labels.append(adapted.predict_png(task.queries)["labels"])
        predict.append(time.perf_counter() - between)
        adapt.append(between - began)
        on_task()
    right = np.stack(labels) == np.stack([task.truth for task in tasks])
    return Score(client.model, right.mean(1), np.array(adapt), np.array(predict), np.stack(labels))
