"""What all tasks that are made of a folder have in common: they are called by its name."""

import re
from pathlib import Path
from typing import ClassVar

from tfmeta.core.tasks import Tasks

__all__ = ["NamedByFolder"]


class NamedByFolder(Tasks):
    """Tasks that are named by the folder that their data are in.

    Attributes:
        registered: the entry point that names the class.
        pictured: what is in the folder, in the plural.
        path: the setting that names the folder.
        split_seed: the setting that divides what is in the folder into parts.
    """

    registered: ClassVar[str]
    pictured: ClassVar[str]
    licence = "as stated by the owner of the pictures"
    path: str
    split_seed: int

    @property
    def name(self) -> str:
        """The name of the folder, in small letters and digits."""
        return re.sub(r"[^a-z0-9]+", "-", Path(self.path).name.lower()).strip("-") or self.registered

    @property
    def items(self) -> str:  # type: ignore[override]
        """What the tasks are about: the name of the folder says it best."""
        return f"{self.pictured} of {Path(self.path).name or 'a folder'}"

    @property
    def variant(self) -> str:
        return f"seed{self.split_seed}" if self.split_seed else ""
