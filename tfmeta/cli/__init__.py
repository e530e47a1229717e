"""The command `tfmeta`: one file a verb, and what they share."""

from tfmeta.cli.entry import command, main

__all__ = ["command", "main"]
