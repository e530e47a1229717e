"""Files and folders that appear whole or not at all."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tfmeta.core.checks import TfmetaError

fcntl: Any = None
with suppress(ImportError):  # Windows has no locks of this kind
    import fcntl

__all__ = ["check_free", "locked", "new_folder", "sha256", "write_bytes", "write_text"]


def check_free(folder: Path) -> None:
    """Raises `TfmetaError` if `folder` exists."""
    if folder.exists():
        raise TfmetaError(
            f"{folder} exists already; choose another version, or ask for it to be overwritten."
        )


@contextmanager
def new_folder(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Gives a temporary folder to fill, and renames it to `folder` if nothing went wrong.

    The temporary folder is a sibling, so that renaming never copies; its name is no number, so that a
    server that watches the place does not take it for a version.

    Args:
        folder: what shall appear.
        overwrite: replaces a folder that exists. Its place is empty for the instant between two renames, so a
            running server should be given a new version instead.

    Yields:
        The temporary folder.

    Raises:
        TfmetaError: if `folder` exists and may not be overwritten.
        OSError: if it cannot be written; whatever was created is removed again.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "model" / "1"
        >>> with new_folder(place) as temporary:
        ...     _ = (temporary / "weights").write_text("...")
        >>> sorted(path.name for path in place.parent.iterdir())
        ['1']
    """
    if not overwrite:
        check_free(folder)
    created = _make_parents(folder.parent)
    temporary = _sibling(folder)
    try:
        temporary.mkdir()
        yield temporary
        _put(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):  # somebody else may have put something there meanwhile
            for parent in created:
                parent.rmdir()
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, replacing an older one in one step.

    Raises:
        OSError: if it cannot be written; an older file is then untouched.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, replacing an older one in one step.

    Raises:
        OSError: if it cannot be written; an older file is then untouched.
    """
    temporary = _sibling(path)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sha256(file: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Keeps other processes from doing the same in a folder at the same time; the lock ends with the process.

    Args:
        folder: a folder that exists. It may be one that cannot be written, which needs no lock.
        doing: what is done there, for the error.

    Raises:
        TfmetaError: if another process does that now.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with locked(folder, "training"), locked(folder, "training"):
        ...     pass  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        tfmeta.core.checks.TfmetaError: Process ... is training in ...
    """
    try:
        handle = _lock(folder / "lock")
    except BlockingIOError as error:
        raise TfmetaError(
            f"Process {error.args[0]} is {doing} in {folder} now; wait until it has ended, or choose another folder"
            " with --out."
        ) from None
    try:
        yield
    finally:
        if handle is not None:
            (folder / "lock").unlink(missing_ok=True)
            os.close(handle)


def _lock(file: Path) -> int | None:
    """Returns the handle of a locked file; None where there are no locks; raises BlockingIOError with the holder."""
    if fcntl is None:
        return None
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode(errors="replace") or "another"
            os.close(handle)
            raise BlockingIOError(holder) from None
        except OSError:  # a file system without locks
            os.close(handle)
            return None
        if file.exists() and os.path.samestat(os.fstat(handle), file.stat()):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            return handle
        os.close(handle)  # the holder before has just removed it


def _sibling(path: Path) -> Path:
    return path.with_name(f"temp-{path.name}-{secrets.token_hex(4)}")


def _make_parents(folder: Path) -> list[Path]:
    """Creates `folder` and returns what had to be created for it, innermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    created: list[Path] = []
    try:
        for parent in reversed(missing):
            parent.mkdir()
            created.insert(0, parent)
    except OSError:
        for parent in created:
            parent.rmdir()
        raise
    return created


def _put(temporary: Path, folder: Path) -> None:
    if not folder.exists():
        os.rename(temporary, folder)
        return
    old = _sibling(folder)
    os.rename(folder, old)
    try:
        os.rename(temporary, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
