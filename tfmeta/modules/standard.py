"""The modules of the papers, which a network has unless it is given others."""

from tfmeta.modules.library.and_ import AND
from tfmeta.modules.library.describe import DESCRIBE
from tfmeta.modules.library.exists import EXISTS
from tfmeta.modules.library.find import FIND
from tfmeta.modules.library.lookup import LOOKUP
from tfmeta.modules.library.measure import MEASURE
from tfmeta.modules.library.relate import RELATE
from tfmeta.modules.spec import ModuleSpec

__all__ = ["STANDARD"]

STANDARD: tuple[ModuleSpec, ...] = (LOOKUP, FIND, RELATE, AND, DESCRIBE, MEASURE, EXISTS)
"""In the order of their numbers, by which a network's chooser knows them."""
