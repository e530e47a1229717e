"""A database of places as arrays: what is known of each, and of each pair."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import TfmetaError, check, nearest

__all__ = ["FEATURES", "FeatureNames", "GeoWorld", "load_geo_world", "names_of_features"]

FEATURES = ("facts", "nmn2", "observations")
"""Kinds of features: see `load_geo_world`."""


class FeatureNames(NamedTuple):
    """What the columns of the arrays of a world mean.

    Attributes:
        of_entities: D names.
        of_pairs: R names.
    """

    of_entities: tuple[str, ...]
    of_pairs: tuple[str, ...]


class GeoWorld(NamedTuple):
    """Some places, and what is known of them: K entities.

    Attributes:
        name: the environment, ``"fl"``.
        entities: K names, in the order of the database.
        features: float32 ``[K, D]``.
        pairs: float32 ``[K, K, R]``: ``pairs[k, j]`` says how entity k stands to entity j.
    """

    name: str
    entities: tuple[str, ...]
    features: np.ndarray
    pairs: np.ndarray


_CATEGORIES = (
    "city", "state", "park", "island", "beach", "ocean", "lake", "forest", "major", "peninsula", "capital",
)  # fmt: skip
_RELATIONS = ("in", "north", "south", "east", "west", "border")
_MORE_CATEGORIES = ("body", "fresh", "large", "largest", "place", "salt", "water")
_MORE_RELATIONS = (
    "northeast", "northwest", "southeast", "southwest", "abut", "along", "bigger", "capital", "close", "contain",
    "inside", "located", "near", "on", "surround",
)  # fmt: skip


def names_of_features(kind: str, folders: Sequence[Path] = ()) -> FeatureNames:
    """Names the columns of a kind of features.

    Args:
        kind: one of `FEATURES`.
        folders: for ``"observations"``, the environments to take them from: those that two of them have.

    Returns:
        The names, D and R of them.
    """
    check(kind in FEATURES, f"features={kind!r}; expected one of {', '.join(FEATURES)}.")
    if kind == "nmn2":
        return FeatureNames(_CATEGORIES, _RELATIONS)
    if kind == "facts":
        relations = (*_RELATIONS, *_MORE_RELATIONS)
        return FeatureNames(
            (*_CATEGORIES, *_MORE_CATEGORIES),
            (*relations, *(f"{relation}-inverse" for relation in relations)),
        )
    columns = []
    for file, entities in (("cat_features.txt", 1), ("rel_features.txt", 2)):
        seen = [{name for _, name, _ in _observations(folder / file, entities)} for folder in folders]
        several = sorted(name for name in set().union(*seen) if sum(name in names for names in seen) > 1)
        columns.append(tuple(several))
    return FeatureNames(*columns)


def load_geo_world(
    folder: str | Path, features: str = "facts", names: FeatureNames | None = None
) -> GeoWorld:
    """Loads one environment of GeoQA, or a database of places in the same files.

    ``"facts"`` are those of ``world.txt``, 18 categories and 21 relations, 1 where one holds: a relation and its
    inverse are columns of their own. ``"nmn2"`` are the features that the authors of module networks used: 11
    categories and 6 relations of the same file, with 1 in ``pairs[k, j]`` where k is in the relation to j, and -1 in
    ``pairs[j, k]``; where both hold (two states border each other), the last line of the file decides, and one of
    them is lost. ``"observations"`` are what LSP saw, ``cat_features.txt`` and ``rel_features.txt``: areas,
    distances and words of texts on the web, and no fact.

    Args:
        folder: holds ``locations.txt`` with an entity a line, and the files of the features.
        features: one of `FEATURES`.
        names: columns of ``"observations"``, as `names_of_features` finds them; others are left out.

    Returns:
        The world.

    Raises:
        ValueError: for an unknown kind, or observations without names.
        TfmetaError: where a file is absent, or says what cannot be.

    Example:
        >>> world = load_geo_world("environments/fl")  # doctest: +SKIP
        >>> world.entities[1], world.features.shape, world.pairs.shape  # doctest: +SKIP
        ('Tallahassee', (8, 18), (8, 8, 42))
    """
    folder = Path(folder).expanduser()
    check(features != "observations" or names is not None, "observations need names; see names_of_features.")
    names = names or names_of_features(features)
    entities = tuple(line.split(";")[0].strip() for _, line in read_lines(folder / "locations.txt"))
    check_unique(entities, folder / "locations.txt")
    world = GeoWorld(
        folder.name,
        entities,
        np.zeros([len(entities), len(names.of_entities)], np.float32),
        np.zeros([len(entities), len(entities), len(names.of_pairs)], np.float32),
    )
    if features == "observations":
        _fill_observations(world, folder, names)
    else:
        _fill_facts(world, folder / "world.txt", names, signed=features == "nmn2")
    return world


def _fill_facts(world: GeoWorld, file: Path, names: FeatureNames, signed: bool) -> None:
    known = names_of_features("facts")
    for place, line in read_lines(file):
        predicate, _, members = line.removeprefix("*").partition(";")
        relation = predicate.endswith("-rel")
        columns = known.of_pairs if relation else known.of_entities
        word = predicate.removesuffix("-rel")
        if word not in columns:
            raise TfmetaError(f"{place}: unknown fact {predicate!r}. {nearest(word, columns)}")
        for member in filter(None, members.strip(";").split(",")):
            numbers = [entity_number(name, world.entities, place) for name in member.split("#") if name]
            if len(numbers) != 1 + relation:
                continue  # "South Carolina#", half a fact
            if not relation and word in names.of_entities:
                world.features[numbers[0], names.of_entities.index(word)] = 1
            if relation and word in names.of_pairs:
                subject, other = numbers
                world.pairs[subject, other, names.of_pairs.index(word)] = 1
                inverse = names.of_pairs.index(word if signed else f"{word}-inverse")
                world.pairs[other, subject, inverse] = -1 if signed else 1


def _fill_observations(world: GeoWorld, folder: Path, names: FeatureNames) -> None:
    for file, columns, array in (
        ("cat_features.txt", names.of_entities, world.features),
        ("rel_features.txt", names.of_pairs, world.pairs),
    ):
        numbers = {name: number for number, name in enumerate(columns)}
        for whose, name, value in _observations(folder / file, array.ndim - 1):
            if name in numbers:
                place = str(folder / file)
                array[(*(entity_number(each, world.entities, place) for each in whose), numbers[name])] = (
                    value
                )


def _observations(file: Path, entities: int) -> Iterator[tuple[list[str], str, float]]:
    """Yields whose a feature is, its name and its value."""
    for place, line in read_lines(file):
        parts = line.split(",")
        try:
            yield parts[:entities], ",".join(parts[entities + 1 : -1]), float(parts[-1])
        except ValueError as error:
            raise TfmetaError(
                f"{place}: expected {entities} entities, T, a feature and a number: {line!r}."
            ) from error


def read_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Yields the lines of a file that say something, each after where it stands, ``world.txt:3``."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TfmetaError(
            f"{file} cannot be read ({error}); expected a folder with locations.txt, world.txt, training.txt,"
            " cat_features.txt and rel_features.txt, as GeoQA has for each of its environments."
        ) from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            yield f"{file}:{number}", line.strip()


def entity_number(name: str, entities: Sequence[str], place: str) -> int:
    """Finds an entity, or says that the world does not have it."""
    if name.strip() not in entities:
        raise TfmetaError(f"{place}: the world has no {name!r}. {nearest(name, entities)}")
    return entities.index(name.strip())


def check_unique(entities: Sequence[str], file: Path) -> None:
    """Refuses a world without entities, or with one of them twice."""
    twice = sorted({name for name in entities if entities.count(name) > 1})
    if twice or not entities:
        raise TfmetaError(f"{file}: expected entities, each once; {', '.join(twice) or 'none'} came.")
