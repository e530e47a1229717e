"""One-shot runs in a folder: Lake's within-alphabet protocol, laid out as the Omniglot repository does.

::

    run01/class_labels.txt          run01/test/item01.png run01/training/class11.png
    run01/training/class01.png      one drawing of each class, all of one alphabet
    run01/test/item01.png           drawings by somebody else, each of one of those classes
    run02/...
"""

import dataclasses
from pathlib import Path

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.data.image_files import open_image
from tfmeta.data.ink import border_of, page_of

__all__ = ["LABELS_FILE", "OneShotRun", "load_one_shot_runs"]

LABELS_FILE = "class_labels.txt"

_LAYOUT = f"run01/{{training,test}}/*.png and run01/{LABELS_FILE}, run02/..."


@dataclasses.dataclass(frozen=True)
class OneShotRun:
    """A run: one drawing of each class, and others that are to be told apart.

    Attributes:
        name: of its folder.
        support_x: float32 ``[N, side, side, 1]``, ink 1, paper 0; class `i` is number `i`.
        query_x: float32 ``[Q, side, side, 1]``.
        query_y: classes of the queries, int64 ``[Q]``.
    """

    name: str
    support_x: np.ndarray
    query_x: np.ndarray
    query_y: np.ndarray


def load_one_shot_runs(folder: str | Path, side: int = 28) -> list[OneShotRun]:
    """Loads all one-shot runs of a folder.

    Args:
        folder: holds a folder for each run; what has no ``class_labels.txt``, ``training`` or ``test`` in it is
            passed over.
        side: of the images, in pixels; scaled by averaging over areas, as Omniglot is.

    Returns:
        The runs, ordered by name.

    Raises:
        TfmetaError: for any other layout, or a file that is no PNG or JPEG image.

    Example:
        >>> runs = load_one_shot_runs("all_runs")  # doctest: +SKIP
        >>> len(runs), runs[0].support_x.shape  # doctest: +SKIP
        (20, (20, 28, 28, 1))

    Reference:
        Lake, Salakhutdinov, Tenenbaum. "Human-level concept learning through probabilistic program induction."
        Science, 2015.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise TfmetaError(f"There is no folder {folder}; expected one with {_LAYOUT}.")
    runs = [path for path in sorted(folder.glob("[!.]*")) if path.is_dir() and _looks_like_a_run(path)]
    if not runs:
        raise TfmetaError(f"{folder} holds no one-shot run; expected {_LAYOUT}.")
    return [_load(run, side) for run in runs]


def _looks_like_a_run(path: Path) -> bool:
    return any((path / name).exists() for name in (LABELS_FILE, "training", "test"))


def _load(run: Path, side: int) -> OneShotRun:
    classes = [path for path in sorted((run / "training").glob("[!.]*")) if path.suffix.lower() == ".png"]
    if len(classes) < 2:
        raise TfmetaError(
            f"{run / 'training'} holds {len(classes)} PNG images; expected one of each class, two at least."
        )
    numbers = {path.resolve(): number for number, path in enumerate(classes)}
    answers = _read_labels(run, numbers)
    return OneShotRun(
        run.name,
        support_x=np.stack([_read(path, side) for path in classes]),
        query_x=np.stack([_read(path, side) for path in answers]),
        query_y=np.array(list(answers.values()), np.int64),
    )


def _read_labels(run: Path, numbers: dict[Path, int]) -> dict[Path, int]:
    """Reads the class of each test image."""
    file = run / LABELS_FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TfmetaError(f"{file} cannot be read; expected lines as {_line(run)!r}.") from error
    answers: dict[Path, int] = {}
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 2:
            raise TfmetaError(f"{file}:{row}: {line.strip()!r}; expected a line as {_line(run)!r}.")
        item, drawn = (run.parent / word for word in words)
        if not item.is_file() or item.parent.resolve() != (run / "test").resolve():
            raise TfmetaError(f"{file}:{row}: there is no test image {words[0]} in {run / 'test'}.")
        if drawn.resolve() not in numbers:
            raise TfmetaError(f"{file}:{row}: there is no class image {words[1]} in {run / 'training'}.")
        if item in answers:
            raise TfmetaError(f"{file}:{row}: {words[0]} has a class already; give each test image one line.")
        answers[item] = numbers[drawn.resolve()]
    if not answers:
        raise TfmetaError(f"{file} names no test image; expected lines as {_line(run)!r}.")
    return answers


def _line(run: Path) -> str:
    return f"{run.name}/test/item01.png {run.name}/training/class11.png"


def _read(path: Path, side: int) -> np.ndarray:
    """Reads a drawing ``[side, side, 1]`` where and as large as it was drawn, as Omniglot is; `ink_of` moves it."""
    page = page_of(np.asarray(open_image(path)), side)
    ink = 1 - page if np.median(border_of(page)) > 0.5 else page
    return np.round(ink, 6)[..., None]  # paper is 0, whatever its mean was rounded to
