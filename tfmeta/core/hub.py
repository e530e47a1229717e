"""Finds trained models by name and loads them: `tfmeta.load("prototypical_omniglot")`."""

import os
from pathlib import Path

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.model.loaded import LoadedModel
from tfmeta.core.stamps import warn_unless_passed
from tfmeta.paths import model_folders

__all__ = ["LoadedModel", "find_model", "list_models", "load"]


def load(name: str | Path, version: int | None = None) -> LoadedModel:
    """Loads a trained model. A line on stderr says where one has not passed ``tfmeta check``.

    Args:
        name: name of a model in the search path (see `tfmeta.paths.model_folders`), or a folder.
        version: its version; the highest unless given.

    Returns:
        The model, each of its signatures a method.

    Raises:
        TfmetaError: if there is no such model, or it cannot be loaded.

    Example:
        >>> load("prototypical_omniglot").card.summary  # doctest: +SKIP
        'Tells handwritten characters apart that it has seen once ...'
    """
    path = find_model(name, version)
    warn_unless_passed(path)
    return LoadedModel(path)


def list_models() -> dict[str, list[Path]]:
    """Lists the models of the search path: version folders by name, the highest version last.

    A name that is in several folders counts in the first.
    """
    models: dict[str, list[Path]] = {}
    for root in model_folders():
        for folder in sorted(path for path in root.iterdir() if path.is_dir() and _may_be_a_model(path)):
            versions = _versions(folder)
            if versions:
                models.setdefault(folder.name, versions)
    return models


def find_model(name: str | Path, version: int | None = None) -> Path:
    """Returns the version folder of a model; see `load`."""
    models = list_models()
    if isinstance(name, str) and name in models:
        return _choose(name, models[name], version)
    path = Path(name).expanduser()
    if (path / "saved_model.pb").is_file():
        return path
    if path.is_dir():
        versions = _versions(path)
        if not versions:
            raise TfmetaError(
                f"{path} is no SavedModel: it holds neither saved_model.pb nor numbered versions."
            )
        return _choose(str(name), versions, version)
    if isinstance(name, Path) or os.sep in name:
        raise TfmetaError(f"There is no folder {path}; expected a SavedModel, or the folder of its versions.")
    searched = ", ".join(map(str, model_folders())) or "no folder; set TFMETA_MODELS to one"
    raise TfmetaError(f"There is no model {name!r}. {nearest(name, models)} Searched: {searched}.")


def _may_be_a_model(folder: Path) -> bool:
    """Whether a folder is not what archives, file managers and version control put beside models."""
    return not folder.name.startswith(".") and folder.name != "__MACOSX"


def _versions(folder: Path) -> list[Path]:
    numbered = [
        path for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal() and path.is_dir()
    ]
    return sorted(numbered, key=lambda path: int(path.name))


def _choose(name: str, versions: list[Path], version: int | None) -> Path:
    if version is None:
        return versions[-1]
    for path in versions:
        if int(path.name) == version:
            return path
    known = ", ".join(path.name for path in versions)
    raise TfmetaError(f"{name} has no version {version}; it has {known}.")
