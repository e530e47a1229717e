"""The shipped models at work, on handwriting that they have never seen."""

from tfmeta.quickstart.run import quickstart

__all__ = ["quickstart"]
