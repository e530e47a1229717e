"""A made-up GeoQA in the real format, whose questions are parsed by a recording: small enough to learn in a test."""

from pathlib import Path

from tfmeta.data.geoqa import ENVIRONMENTS
from tfmeta.modules.parse import RecordedParser

PARSER = RecordedParser.load(Path(__file__).parent / "modules/data/parses.json")
QUESTION = "which park is south of miami"

_LOCATIONS = "Miami;Miami;1\nKey Largo;Key Largo;2\nEverglades;Everglades;3\nGeorgia;Georgia;4\n"
_WORLD = """\
*city;Miami
*island;Key Largo
*park;Everglades
*state;Georgia
*south-rel;Everglades#Miami,Key Largo#Everglades,Key Largo#Miami
*in-rel;Miami#Georgia
"""
_QUESTIONS = """\
which park is south of miami;Everglades;2
Is Key Largo an island?;Key Largo;1
What cities are in Georgia?;Miami;1
"""


def build(root: Path) -> Path:
    """Writes the ten environments, which are alike, and returns their folder."""
    for name in ENVIRONMENTS:
        folder = root / name
        folder.mkdir(parents=True)
        (folder / "locations.txt").write_text(_LOCATIONS)
        (folder / "world.txt").write_text(_WORLD)
        (folder / "training.txt").write_text(_QUESTIONS)
    return root
