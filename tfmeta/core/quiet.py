"""Keeps TensorFlow from saying what helps nobody."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["heed_log_level", "no_warnings_logged"]


@contextmanager
def heed_log_level() -> Iterator[None]:
    """Keeps what is written to stderr from being seen while TensorFlow is imported, if the user wants less of it.

    TensorFlow 2.21 says that there is no GPU, and more, before it looks at ``TF_CPP_MIN_LOG_LEVEL``. Where that is
    unset or 0, nothing is kept back. Errors are exceptions, and pass.

    Example:
        >>> with heed_log_level():
        ...     import tensorflow
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0":
        yield
        return
    sys.stderr.flush()
    screen = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)


@contextmanager
def no_warnings_logged() -> Iterator[None]:
    """Keeps TensorFlow's Python from logging warnings, where it warns of what is as it should be.

    Example:
        >>> from absl import logging
        >>> with no_warnings_logged():
        ...     logging.warning("All is well.")
    """
    from absl import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(level)
