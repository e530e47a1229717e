"""The command `tfmeta`: one file a verb, and what they share."""

from tfmeta.cli.entry import main

__all__ = ["main"]
