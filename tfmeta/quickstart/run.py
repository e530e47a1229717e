"""Asks the shipped models about handwritten digits over gRPC, tells how they did, and draws it."""

from pathlib import Path

import numpy as np

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import list_models
from tfmeta.paths import model_folders
from tfmeta.quickstart.tasks import QUERIES, WAYS, Score, ask, draw_tasks

__all__ = ["quickstart"]

_DRAWING = [None, None, 28, 28, 1]
# One of each way to learn is a minute's work, and more are not told apart in a picture.
_SHOWN = ("maml_omniglot_5w1s", "matching_omniglot", "prototypical_omniglot")


def quickstart(out: str | Path = "quickstart.png", *, tasks: int = 200, seed: int = 0) -> list[Score]:
    """Teaches models of drawings tasks of five digits, each from one example, and asks them others.

    They are MAML and Prototypical and Matching Networks as shipped, or where none of these is found, all that fit. The
    server is a process of its own; this one imports no TensorFlow.

    Args:
        out: where the picture goes.
        tasks: how many tasks.
        seed: draws them.

    Returns:
        How each model did.

    Raises:
        TfmetaError: if there are no models, one does not load, or the picture cannot be written.

    Example:
        >>> quickstart(tasks=10)[0].accuracy.mean  # doctest: +SKIP
        0.94
    """
    out = Path(out).expanduser()
    if not out.parent.is_dir():
        raise TfmetaError(f"There is no folder {out.parent} for the picture; choose another --out.")
    names = _classifiers()
    from tqdm import tqdm

    from tfmeta.serving.client import FewShotClient
    from tfmeta.serving.process import ServerProcess

    with ServerProcess(model_folders(), names) as server:  # it starts, while this process loads what it needs
        from tfmeta.data.digits import load_digit_files
        from tfmeta.quickstart.picture import draw_picture

        drawn = draw_tasks(*load_digit_files(), tasks, seed)
        with tqdm(
            total=len(names), desc="Starting the server", unit="model", leave=False, disable=None
        ) as bar:
            address = server.wait(lambda name: bar.update())
        scores = []
        with tqdm(total=len(names) * tasks, desc="Asking", unit="task", leave=False, disable=None) as bar:
            for name in names:
                with FewShotClient(address, name) as client:
                    scores.append(ask(client, drawn, bar.update))
    print(_table(scores, tasks))
    draw_picture(drawn, scores, out)
    print(f"\nPicture: {out}")
    return scores


def _classifiers() -> list[str]:
    """Names of the models that tell drawings apart, and are shown."""
    names = []
    for name, versions in list_models().items():
        try:
            signatures = Card.read(versions[-1]).signatures
        except TfmetaError:  # somebody else's, or half copied
            continue
        if "classify_png" not in signatures:  # of other items
            continue
        drawing = signatures["classify"]["inputs"]["support_x"]["shape"] == _DRAWING
        ways = signatures["classify"]["outputs"]["probabilities"]["shape"][-1]
        if drawing and ways in (None, WAYS):
            names.append(name)
    if not names:
        searched = ", ".join(map(str, model_folders())) or "no folder"
        raise TfmetaError(
            f"No few-shot classifier of 28x28 drawings was found. Searched: {searched}."
            " Train and export one, or set TFMETA_MODELS to a folder that has one."
        )
    return [name for name in names if name in _SHOWN] or names


def _table(scores: list[Score], tasks: int) -> str:
    width = max(len(score.model) for score in scores)
    lines = [
        f"{tasks} tasks of {WAYS} handwritten digits: one example of each is shown, {WAYS * QUERIES} others are asked.",
        "",
        f"{'model':{width}}   {'accuracy':>15}   {'adapt':>9}   {'predict':>9}   (median)",
    ]
    for score in scores:
        adapt, predict = (f"{1e3 * np.median(seconds):.1f} ms" for seconds in (score.adapt, score.predict))
        accuracy = f"{100 * score.accuracy.mean:.1f} ± {100 * score.accuracy.ci95:.1f} %"
        lines.append(f"{score.model:{width}}   {accuracy:>15}   {adapt:>9}   {predict:>9}")
    return "\n".join(lines)
