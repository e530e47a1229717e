"""Where models lie: `<name>/<integer version>/` in a base directory, as TF Serving has it."""

from collections.abc import Iterable
from pathlib import Path

from tfmeta.core.checks import nearest
from tfmeta.serving.errors import ModelLoadError

__all__ = ["models_in", "version_number", "versions_in"]


def versions_in(path: str | Path) -> dict[int, Path]:
    """The version directories of a model.

    Args:
        path: The model's directory.

    Returns:
        Version number to directory; empty where `path` is no directory or holds no version.
    """
    path = Path(path)
    children = sorted(path.iterdir()) if path.is_dir() else []
    numbered = {version_number(child.name): child for child in children if child.is_dir()}
    return {number: child for number, child in numbered.items() if number is not None}


def version_number(name: str) -> int | None:
    """The version that a directory name stands for; other names are passed over.

    Example:
        >>> [version_number(name) for name in ("3", "00000002", "temp-3", "-4", "2.5")]
        [3, 2, None, None, None]
    """
    return int(name) if name.isascii() and name.isdigit() and int(name) < 2**63 else None


def models_in(folders: Iterable[str | Path], names: Iterable[str] | None = None) -> dict[str, Path]:
    """The models in base directories.

    Args:
        folders: Base directories; of a name that is in several, the first is meant.
        names: The models that are wanted; None for all that are found.

    Returns:
        Name of a model to its directory.

    Raises:
        ModelLoadError: A directory or one of `names` is not there.
    """
    bases = [Path(folder) for folder in folders]
    found: dict[str, Path] = {}
    for folder in reversed(bases):
        if not folder.is_dir():
            raise ModelLoadError(
                "", str(folder), "there is no such directory; it should hold <name>/<version>/"
            )
        found |= {child.name: child for child in sorted(folder.iterdir()) if versions_in(child)}
    for name in names or ():
        if name not in found:
            reason = f"it holds no such model. {nearest(name, found)}"
            raise ModelLoadError(name, ", ".join(map(str, bases)), reason, "NOT_FOUND")
    return {name: found[name] for name in (sorted(found) if names is None else names)}
