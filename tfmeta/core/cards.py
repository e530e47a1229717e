"""Model cards: what an artefact is, where it comes from, and what it was measured to do."""

import dataclasses
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.core.words import printable
from tfmeta.version import __version__

__all__ = ["CARD_FILE", "Card", "Origin", "Result", "git_hash", "package_versions"]

CARD_FILE = "assets.extra/card.json"
"""Where an artefact keeps its card."""


def package_versions() -> dict[str, str]:
    """Returns the versions of what computes here: Python, this package, and the libraries below it."""
    versions = {"python": platform.python_version(), "tfmeta": __version__}
    for package in ("tensorflow", "keras", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_hash() -> str:
    """Returns the commit of the checkout that runs, with `-dirty` where the package differs; empty for a wheel."""
    package = Path(__file__).resolve().parents[1]
    if not (package.parent / ".git").exists():  # an installed package may lie inside a stranger's repository
        return ""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", "-C", str(package), *arguments], capture_output=True, text=True, timeout=20
        )

    try:
        head, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return ""
    if head.returncode or changes.returncode:
        return ""
    return head.stdout.strip() + ("-dirty" if changes.stdout else "")


@dataclasses.dataclass(frozen=True)
class Result:
    """One measured number, beside the published one.

    Attributes:
        metric: what was measured, e.g. ``"accuracy"``.
        value: the mean over tasks.
        ci95: half the width of its 95% confidence interval.
        tasks: how many tasks were measured.
        setting: what distinguishes this row, e.g. ``"5-way 1-shot, split alphabets"``.
        published: the number of the paper, if there is one.
        source: where `published` stands, and how its protocol differs.
    """

    metric: str
    value: float
    ci95: float
    tasks: int
    setting: str
    published: float | None = None
    source: str = ""

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4f} ± {self.ci95:.4f} ({self.tasks:,} tasks)"


@dataclasses.dataclass(frozen=True)
class Origin:
    """A run that another one started from, with all that makes it again.

    Attributes:
        run: the name of its folder.
        recipe: the recipe, its method and tasks, and all settings; see `tfmeta.recipes.registry.describe`. Empty where
            they are not known.
        command: the command line that these settings mean.
        fingerprint: a hash of its training data.
        training: its budget.
        note: what is not known for certain.
    """

    run: str
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    command: str = ""
    fingerprint: str = ""
    training: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Card:
    """What somebody must know who meets an artefact for the first time.

    Attributes:
        summary: what the model is and does, in a sentence or two.
        data: what it was trained on.
        licence: of these data.
        items: what the model is asked about: the shape of an item, how a file becomes one, and the names of the classes
            of each part, as far as they apply.
        fingerprint: a hash of the training data; empty where tasks are drawn as needed.
        protocol: how training, validation and test tasks were drawn.
        recipe: the recipe, its method and tasks, and all settings of the run.
        parents: the runs that it started from, the nearest first, to the beginning.
        command: the command line that `recipe` means; for people, nothing reads it.
        seed: the seed of that run.
        training: its budget, e.g. ``"30,000 meta-iterations of 32 tasks, 80 minutes on 2 cores"``.
        results: what was measured.
        versions: versions of Python and the packages of the run.
        git_hash: commit of the code of the run.
        name: name of the artefact; filled in by the export.
        version: version of the artefact; filled in by the export.
        signatures: ``{signature: {"inputs" | "outputs": {name: {"dtype", "shape"}}}}``; filled in likewise.

    Example:
        >>> accuracy = Result("accuracy", 0.98, 0.002, 1000, "5-way 1-shot")
        >>> card = Card("Tells characters apart.", results=(accuracy,))
        >>> Card.from_json(card.to_json()) == card
        True
    """

    summary: str
    data: str = ""
    licence: str = ""
    items: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fingerprint: str = ""
    protocol: str = ""
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parents: tuple[Origin, ...] = ()
    command: str = ""
    seed: int | None = None
    training: str = ""
    results: tuple[Result, ...] = ()
    versions: Mapping[str, str] = dataclasses.field(default_factory=package_versions)
    git_hash: str = dataclasses.field(default_factory=git_hash)
    name: str = ""
    version: int = 0
    signatures: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """Returns the card as JSON, readable by people too."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Reads what `to_json` wrote; fields of later versions are left out, and so is what a terminal would obey.

        Raises:
            TfmetaError: if `text` is no card.
        """
        try:
            fields = _plain(json.loads(text))
            results = tuple(_known(Result, row) for row in fields.pop("results", ()))
            parents = tuple(_known(Origin, row) for row in fields.pop("parents", ()))
            return _known(cls, {**fields, "results": results, "parents": parents})
        except RecursionError as error:
            raise TfmetaError(
                "This is no model card: it is nested too deeply; export the model again."
            ) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise TfmetaError(f"This is no model card: {error}; export the model again.") from error

    def write(self, path: str | Path) -> None:
        """Writes the card to a file in one step."""
        write_text(Path(path), self.to_json())

    @classmethod
    def read(cls, path: str | Path) -> "Card":
        """Reads the card of an artefact, or a card file.

        Args:
            path: a version folder, or the file itself.

        Raises:
            TfmetaError: if there is none, or it cannot be read.
        """
        path = Path(path)
        file = path / CARD_FILE if path.is_dir() else path
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TfmetaError(f"The model card {file} cannot be read: {error}.") from error
        try:
            return cls.from_json(text)
        except TfmetaError as error:
            raise TfmetaError(f"{file}: {error}") from error


def _known(cls: type, fields: Mapping[str, Any]) -> Any:
    kinds = get_type_hints(cls)
    known = {name: value for name, value in fields.items() if name in kinds}
    for name, value in known.items():
        if not _is(value, kinds[name]):
            raise TypeError(f"{name} is a {type(value).__name__}")
    return cls(**known)


def _is(value: Any, kind: Any) -> bool:
    """Whether a value of a JSON document is of the type that a field has."""
    if get_origin(kind) is UnionType:
        return any(_is(value, each) for each in get_args(kind))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    plain = get_origin(kind) or kind
    return isinstance(value, plain) and (plain is bool or not isinstance(value, bool))


def _plain(value: Any) -> Any:
    """Replaces what a terminal would obey in all texts."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {_plain(name): _plain(each) for name, each in value.items()}
    return value
