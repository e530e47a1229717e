"""A few-shot model as its user sees it: it adapts to a task, and the task answers queries."""

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model.few_shot_requests import FewShotRequests, TaskState
from tfmeta.core.model.model import Answer, Model, Request
from tfmeta.core.model.specs import SignatureSpec

__all__ = ["FewShotModel", "FewShotView", "KeptTask", "Task"]


class KeptTask(abc.ABC):
    """What a task keeps: the state and the words of its classes, and in this process its model.

    A pickled task keeps the state and the words. It is given a model again by `FewShotModel.task`.

    Args:
        model: what answers the queries; None for a task that was read from a file.
        learned: what the model has learned.
    """

    def __init__(self, model: Any, learned: TaskState):
        self._model = model
        self.learned = learned

    @property
    def state(self) -> np.ndarray:
        """[D] or [B,D], what the model has learned."""
        return self.learned.state

    @property
    def class_names(self) -> tuple | None:
        """The word of each class in the order of their numbers, or None where the labels were numbers.

        Of several tasks, a tuple of words for each.
        """
        return self.learned.class_names

    @property
    def model(self) -> Any:
        """What answers the queries.

        Raises:
            TfmetaError: if the task was read from a file, and has no model yet.
        """
        if self._model is None:
            raise TfmetaError(
                "This task was kept apart from its model, so it has nobody to ask; give it to the model again:"
                " model.task(task) answers queries."
            )
        return self._model

    @abc.abstractmethod
    def predict(self, query_x: Any, *, timeout: float | None = None) -> Any:
        """Answers queries."""

    def __getstate__(self) -> TaskState:
        return self.learned

    def __setstate__(self, learned: TaskState) -> None:
        self.__init__(None, learned)  # type: ignore[misc]

    def __repr__(self) -> str:
        names = f", class_names={self.class_names}" if self.class_names else ""
        return f"{type(self).__name__}(state={list(self.state.shape)}{names})"


class Task(KeptTask):
    """A task that a model has adapted to: answers any number of queries, and needs the support set no more."""

    def predict(self, query_x: Any, *, timeout: float | None = None) -> Answer:
        """Answers queries.

        Args:
            query_x: [Q,...] queries of the task, [B,Q,...] of each task, or a single item [...].
            timeout: seconds to wait for a served model; None for the client's own.

        Returns:
            The model's outputs, without B where the task came without, and without Q where the item came
            without: `probabilities` [Q,N] and `labels` [Q] of a classifier, with `names` [Q] where the labels of
            the task were words; `predictions` [Q,D] of a regressor.

        Raises:
            InputError: if the queries do not fit the model.
            TfmetaError: if the model refuses them; from a served model a `ServingError`.
        """
        model = self.model
        return model.send(model.requests.predict(self.learned, query_x), timeout)

    def predict_png(self, query_png: Any, *, timeout: float | None = None) -> Answer:
        """Answers queries that are encoded images, which the model decodes itself.

        Args:
            query_png: the bytes of a PNG or JPEG file, or [Q] of them, or [B,Q].
            timeout: see `predict`.

        Returns:
            See `predict`.

        Raises:
            InputError: see `predict`.
            TfmetaError: see `predict`.
        """
        model = self.model
        return model.send(model.requests.predict(self.learned, query_png, "png"), timeout)


class FewShotModel(Model):
    """A model that adapts to a task from a handful of examples: what was written for one runs with any other.

    `tfmeta.load(name).few_shot()` gives one in this process, `tfmeta.serving.client.FewShotClient` one behind an
    endpoint. They take one task ([S,...]) or a batch of tasks ([B,S,...]) and answer alike.

    Example:
        >>> def accuracy(model: FewShotModel, support_x, support_y, query_x, query_y):
        ...     task = model.adapt(support_x, support_y)
        ...     return (task.predict(query_x)["labels"] == query_y).mean()
    """

    @property
    def requests(self) -> FewShotRequests:
        """What makes the requests."""
        return FewShotRequests(self.name, self.signatures)

    def adapt(self, support_x: Any, support_y: Any, *, timeout: float | None = None) -> Task:
        """Teaches the model a task.

        Args:
            support_x: [S,...] examples, or [B,S,...].
            support_y: [S] labels or words or [S,D] targets, or with B in front. Words are numbered in the order
                of the alphabet.
            timeout: seconds to wait for a served model; None for the client's own.

        Returns:
            The task, which answers queries.

        Raises:
            InputError: if the examples do not fit the model.
            TfmetaError: if the model refuses them; from a served model a `ServingError`.
        """
        return Task(self, self.send(self.requests.adapt(support_x, support_y), timeout))

    def adapt_png(self, support_png: Any, support_y: Any, *, timeout: float | None = None) -> Task:
        """Teaches the model a task by encoded images, which it decodes itself.

        Args:
            support_png: [S] bytes of PNG or JPEG files, or [B,S].
            support_y: see `adapt`.
            timeout: see `adapt`.

        Returns:
            The task, which answers queries, encoded or not.

        Raises:
            InputError: see `adapt`.
            TfmetaError: see `adapt`.
        """
        return Task(self, self.send(self.requests.adapt(support_png, support_y, "png"), timeout))

    def classify(
        self, support_x: Any, support_y: Any, query_x: Any, *, timeout: float | None = None
    ) -> Answer:
        """Adapts and answers in one request.

        Args:
            support_x: see `adapt`.
            support_y: see `adapt`.
            query_x: see `Task.predict`.
            timeout: see `adapt`.

        Returns:
            What `Task.predict` returns.

        Raises:
            InputError: see `adapt`.
            TfmetaError: see `adapt`.
        """
        return self.send(self.requests.classify(support_x, support_y, query_x), timeout)

    def classify_png(
        self, support_png: Any, support_y: Any, query_png: Any, *, timeout: float | None = None
    ) -> Answer:
        """Adapts to encoded images and answers for others, in one request.

        Args:
            support_png: see `adapt_png`.
            support_y: see `adapt`.
            query_png: see `Task.predict_png`.
            timeout: see `adapt`.

        Returns:
            What `Task.predict` returns.

        Raises:
            InputError: see `adapt`.
            TfmetaError: see `adapt`.
        """
        return self.send(self.requests.classify(support_png, support_y, query_png, "png"), timeout)

    def task(self, kept: Any, class_names: Any = None) -> Task:
        """Takes up a task again that was kept.

        Args:
            kept: a task that was pickled, of this model or of one with the same weights elsewhere; or its state,
                [D], or [B,D] of several tasks.
            class_names: the words of its classes, where `kept` is a state.

        Returns:
            The task, which answers queries.

        Raises:
            InputError: if `kept` is neither.
        """
        return Task(self, kept.learned if isinstance(kept, KeptTask) else TaskState.of(kept, class_names))

    def few_shot(self) -> "FewShotModel":
        """Returns this model, which adapts to tasks already."""
        return self

    def send(self, request: Request, timeout: float | None = None) -> Any:
        """Asks, and returns what is read of the answer."""
        return request.read(self.ask(request.signature, request.inputs, timeout=timeout))


class FewShotView(FewShotModel):
    """A view of any model that adapts to tasks; see `Model.few_shot`.

    Args:
        model: what is asked.
    """

    def __init__(self, model: Model):
        self._of = model

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._of.name

    @property
    def signatures(self) -> Mapping[str, SignatureSpec]:
        """What each signature takes and gives."""
        return self._of.signatures

    @property
    def card(self) -> Card:
        """The model card."""
        return self._of.card

    def ask(self, signature: str, inputs: Mapping[str, Any], *, timeout: float | None = None) -> Answer:
        """Asks a signature; see `Model.ask`."""
        return self._of.ask(signature, inputs, timeout=timeout)
