"""Questions about places that no training has seen, with the layouts that answer them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfmeta.modules.layout import Layout, ModuleType
from tfmeta.modules.module_network import ModuleNetwork
from tfmeta.modules.question_tasks import QuestionTasks

__all__ = ["AnsweredAboutPlaces", "answered_places", "render_places"]


@dataclass(frozen=True)
class AnsweredAboutPlaces:
    """A question about places, and what a network makes of it.

    Attributes:
        question: English.
        layout: the one that was chosen.
        answer: what it answers with: a label, or the names of a set of places.
        right: what it should have answered with.
        others: the other candidates that answer rightly.
    """

    question: str
    layout: str
    answer: tuple[str, ...]
    right: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What is wrong, if anything is."""
        if set(self.answer) == set(self.right):
            return ""
        if self.others:
            return f"wrong choice: `{self.others[0]}` would do"
        return "wrong modules, or no candidate that says what was asked"


def answered_places(network: ModuleNetwork, tasks: QuestionTasks) -> list[AnsweredAboutPlaces]:
    """Asks about the environment that a network has not seen, by every candidate.

    Args:
        network: what was learned from the others.
        tasks: one environment is held out.

    Returns:
        The questions, in their order.
    """
    ((inputs, y),) = tasks.questions("test")
    reading = network.read(inputs)
    chosen = network.best(reading).numpy()
    every, _ = network.run(reading.program, reading.world)  # [B, M, A + K]
    rights = tasks.right(tf.repeat(y[:, None], every.shape[1], axis=1), every).numpy()
    answered = []
    for number, right in enumerate(y.numpy()):
        known = (*network.answers, *(name.decode() for name in inputs["names"][number].numpy()))
        layouts = [_layout(tokens, network.modules) for tokens in inputs["layouts"][number].numpy()]
        best = chosen[number]
        answered.append(
            AnsweredAboutPlaces(
                inputs["question"][number].numpy().decode(),
                layouts[best],
                _names(every[number, best].numpy() > 0.5, known),
                _names(right > 0.5, known),
                tuple(
                    layout
                    for place, (layout, good) in enumerate(zip(layouts, rights[number], strict=True))
                    if layout and good and place != best
                ),
            )
        )
    return answered


def render_places(answered: Sequence[AnsweredAboutPlaces], count: int = 8) -> str:
    """Renders some questions as a Markdown table, those that are answered wrongly first.

    Args:
        answered: the questions.
        count: rows, at most; a quarter of them for what is answered rightly.

    Example:
        >>> each = AnsweredAboutPlaces("Which are cities?", "find[city]", ("miami",), ("miami",), ())
        >>> print(render_places([each]).splitlines()[-1])
        | Which are cities? | `find[city]` | miami | – | |
    """
    wrong, good = ([each for each in answered if bool(each.verdict) == bad] for bad in (True, False))
    shown = wrong[: count - min(len(good), count // 4)]
    shown += good[: count - len(shown)]
    rows = [
        f"| {each.question} | `{each.layout}` | {_told(each.answer)} |"
        f" {_told(each.right) if each.verdict else '–'} | {each.verdict}".rstrip()
        + " |"
        for each in shown
    ]
    return "\n".join(["| question | layout | answer | right | |", "|---|---|---|---|---|", *rows])


def _layout(tokens: np.ndarray, modules: Sequence[ModuleType]) -> str:
    steps = [token.decode() for token in tokens if token]
    return str(Layout.from_tokens(steps, modules)) if steps else ""


def _names(inside: np.ndarray, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, there in zip(known, inside, strict=True) if there)


def _told(answer: Sequence[str]) -> str:
    return ", ".join(answer) or "nothing"
