"""Which models have passed the gate on this machine, or came with this package.

A model is known by a hash of all that a loader reads. So a stamp holds wherever the model is copied, and no longer once
it is changed. Stamps lie in the user's cache and not in the model's folder: that folder may be read-only, and the
author of the model could write a stamp there.
"""

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

from tfmeta.core.atomic import write_text
from tfmeta.paths import CHECKOUT_MODELS, PACKAGED_MODELS

__all__ = ["STAMPS_FILE", "digest_of", "has_passed", "stamp", "warn_unless_passed"]

STAMPS_FILE = "CHECKED"
"""Where the models that come with the package have their stamps: a hash and ``name/version`` on each line."""

_LOG = logging.getLogger("tfmeta")
_warned: set[Path] = set()


def digest_of(path: Path) -> str:
    """Returns a hash of all that a loader reads in a version folder: the graph, the variables and the assets."""
    files = [
        path / "saved_model.pb",
        *sorted((path / "variables").glob("*")),
        *sorted((path / "assets").rglob("*")),
    ]
    whole = hashlib.sha256()
    for file in files:
        if file.is_file():
            with file.open("rb") as opened:
                part = hashlib.file_digest(opened, "sha256").hexdigest()
            whole.update(f"{part}  {file.relative_to(path).as_posix()}\n".encode())
    return whole.hexdigest()


def stamp(path: Path, digest: str) -> None:
    """Remembers that a model has passed; where nothing can be written, it is not remembered.

    Args:
        path: the version folder.
        digest: its `digest_of` from before it was checked.
    """
    with suppress(OSError):
        shipped = _shipped(path)
        if shipped is not None:
            name = f"{path.parent.name}/{path.name}"
            rows = {**_rows(shipped), name: digest}
            rows = {name: row for name, row in rows.items() if (shipped.parent / name).is_dir()}
            text = "".join(f"{rows[name]}  {name}\n" for name in sorted(rows))
            if not shipped.is_file() or text != shipped.read_text(encoding="utf-8"):
                write_text(shipped, text)
            return
        folder = _cache()
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / digest, f"{path.resolve()}\n")


def has_passed(path: Path) -> bool:
    """Whether a model of just this content has passed `tfmeta.core.gate.check_artefact`."""
    with suppress(OSError):
        digest, shipped = digest_of(path), _shipped(path)
        if shipped is not None and _rows(shipped).get(f"{path.parent.name}/{path.name}") == digest:
            return True
        return (_cache() / digest).is_file()
    return False


def warn_unless_passed(path: Path) -> None:
    """Says in one line, once for each folder, that a model which is about to be loaded has not passed the gate."""
    path = path.resolve()
    if path in _warned or has_passed(path):
        return
    _warned.add(path)
    _LOG.warning(
        "%s has not passed the gate: a model may read and write files of this machine; run tfmeta check %s.",
        path, path,
    )  # fmt: skip


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tfmeta" / "checked"


def _shipped(path: Path) -> Path | None:
    """The list of stamps of the package's own models, if the model is one of them."""
    root = path.resolve().parent.parent
    return root / STAMPS_FILE if root in (PACKAGED_MODELS, CHECKOUT_MODELS) else None


def _rows(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    return {words[1]: words[0] for words in lines if len(words) == 2}
