"""Packages that only a part of tfmeta needs: where they are, or what to install."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from tfmeta.core.checks import TfmetaError

__all__ = ["installed_file", "installed_module"]


def installed_module(package: str, extra: str, purpose: str) -> ModuleType:
    """Imports a package of an extra.

    Args:
        package: its name.
        extra: the extra of tfmeta that installs it, such as ``"sim"``.
        purpose: what needs it, for the error.

    Returns:
        The module.

    Raises:
        TfmetaError: where it is not installed.

    Example:
        >>> installed_module("mujuco", "sim", "block stacking with the Fetch arm")
        Traceback (most recent call last):
            ...
        tfmeta.core.checks.TfmetaError: mujuco is missing; block stacking with the Fetch arm needs it. Install it:
        pip install "tfmeta[sim]".
    """
    _folder(package, extra, purpose)
    return import_module(package)


def installed_file(package: str, inside: str, extra: str, purpose: str) -> Path:
    """Returns where a file or folder of an installed package is, without an import of the package.

    Args:
        package: its name.
        inside: the path from the package's folder.
        extra: the extra of tfmeta that installs it, such as ``"sim"``.
        purpose: what needs it, for the error.

    Returns:
        The path.

    Raises:
        TfmetaError: where the package is not installed, or has no such file.
    """
    path = _folder(package, extra, purpose) / inside
    if not path.exists():
        raise TfmetaError(
            f"The installed {package} has no {inside}; {purpose} needs it. Install a version that has it:"
            f' pip install "tfmeta[{extra}]".'
        )
    return path


def _folder(package: str, extra: str, purpose: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise TfmetaError(
            f'{package} is missing; {purpose} needs it. Install it: pip install "tfmeta[{extra}]".'
        )
    return Path(found.submodule_search_locations[0])
