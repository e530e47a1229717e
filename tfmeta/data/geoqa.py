"""GeoQA: 263 questions about ten small databases of places, answered by sets of places, or by yes and no."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tfmeta.core.checks import TfmetaError
from tfmeta.data.geo_world import (
    FeatureNames,
    GeoWorld,
    entity_number,
    load_geo_world,
    names_of_features,
    read_lines,
)

__all__ = ["ADJECTIVES", "ENVIRONMENTS", "GeoFold", "GeoQA", "GeoQuestion", "load_geoqa"]

ENVIRONMENTS = ("fl", "ga", "mi", "nc", "ok", "pa", "sc", "tn", "va", "wv")
"""The ten environments, one held out in each fold."""

ADJECTIVES = ("major", "largest", "larger", "northernmost", "southernmost")
"""The adjectives that the authors' recorded layouts look for; others, such as *national*, say nothing here."""

_HOW = (
    "Its environments (fl, ga, ...; each with training.txt, world.txt, locations.txt) are part of"
    " github.com/jayantk/lsp: clone it, and set TFMETA_GEOQA to the folder that holds them."
)


class GeoQuestion(NamedTuple):
    """A question about one world.

    Attributes:
        world: the environment, ``"fl"``.
        text: the question.
        entities: the places that answer it; none where nothing does.
        answer: ``"yes"`` or ``"no"`` where that is asked for; empty where the places are the answer.
        level: how much language it takes, 0 to 4; those of level 3 and 4 take more than one relation.
    """

    world: str
    text: str
    entities: frozenset[str]
    answer: str
    level: int


class GeoFold(NamedTuple):
    """One environment held out.

    Attributes:
        held_out: its name.
        train: questions of the other environments.
        test: questions of the one.
    """

    held_out: str
    train: tuple[GeoQuestion, ...]
    test: tuple[GeoQuestion, ...]


class GeoQA(NamedTuple):
    """The data set.

    Attributes:
        worlds: of each environment.
        questions: all of them, environment by environment, in the order of the files.
        names: what the features mean.
    """

    worlds: dict[str, GeoWorld]
    questions: tuple[GeoQuestion, ...]
    names: FeatureNames

    def folds(self) -> Iterator[GeoFold]:
        """Yields one fold an environment: its questions are the test, all others the training."""
        for name in self.worlds:
            train = tuple(question for question in self.questions if question.world != name)
            yield GeoFold(
                name, train, tuple(question for question in self.questions if question.world == name)
            )


def load_geoqa(path: str | Path | None = None, *, quantified: bool = False, features: str = "facts") -> GeoQA:
    """Loads the ten environments with their questions.

    In GeoQA every question is answered by a set, *Is Miami a city?* by Miami itself or by nothing. GeoQA+Q
    (``quantified=True``) are the same questions, of which those that begin with *is* or *are* are answered by yes or
    no: yes where the set is not empty. (That is the rule of the authors of module networks; *does Alabama border
    Tennessee* and statements, *Newark is a city*, keep their sets.)

    Args:
        path: the folder of the environments, or one that has them in ``environments/``; without it, what the
            environment variable TFMETA_GEOQA names.
        quantified: whether yes and no are answers.
        features: a kind of features, see `tfmeta.data.geo_world.load_geo_world`.

    Returns:
        Worlds and questions.

    Raises:
        ValueError: for an unknown kind of features.
        TfmetaError: where the data set is absent, or its files are not what they should be.

    Example:
        >>> data = load_geoqa()  # doctest: +SKIP
        >>> question = data.questions[10]  # doctest: +SKIP
        >>> question.text, set(question.entities)  # doctest: +SKIP
        ('which island is in Florida ?', {'Key Largo'})

    Reference:
        Krishnamurthy, Kollar. "Jointly Learning to Parse and Perceive: Connecting Natural Language to the Physical
        World." TACL, 2013.
    """
    folders = [_root(path) / name for name in ENVIRONMENTS]
    names = names_of_features(features, folders)
    worlds = {folder.name: load_geo_world(folder, features, names) for folder in folders}
    questions = [
        question for folder in folders for question in _questions(folder, worlds[folder.name], quantified)
    ]
    return GeoQA(worlds, tuple(questions), names)


def _root(path: str | Path | None) -> Path:
    named = path or os.environ.get("TFMETA_GEOQA")
    if not named:
        raise TfmetaError(f"GeoQA was not found: no path was given, and TFMETA_GEOQA is not set. {_HOW}")
    tried = [Path(named).expanduser(), Path(named).expanduser() / "environments"]
    for folder in tried:
        if all((folder / name).is_dir() for name in ENVIRONMENTS):
            return folder
    raise TfmetaError(f"GeoQA was not found: tried {tried[0]} and {tried[1]}. {_HOW}")


def _questions(folder: Path, world: GeoWorld, quantified: bool) -> Iterator[GeoQuestion]:
    """Reads `training.txt`: question, answers, level and a logical form that may be missing."""
    for place, line in read_lines(folder / "training.txt"):
        parts = [part.strip() for part in line.split(";")]
        if len(parts) < 3 or not parts[0] or not parts[2].isdigit():
            raise TfmetaError(f"{place}: expected question;answers;level;logical form, {line!r} came.")
        answers = [name for name in parts[1].split(",") if name]
        entities = frozenset(world.entities[entity_number(name, world.entities, place)] for name in answers)
        asks = quantified and parts[0].split()[0].lower() in ("is", "are")
        answer = ("yes" if entities else "no") if asks else ""
        yield GeoQuestion(world.name, parts[0], entities, answer, int(parts[2]))
