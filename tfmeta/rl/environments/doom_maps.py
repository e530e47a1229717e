"""Mazes as maps of Doom, written down in its text format and packed into a file that an engine reads."""

import struct
from collections.abc import Iterator, Mapping

import numpy as np

__all__ = ["BLOCK", "map_of_maze", "pack_maps"]

BLOCK = 96
"""Units of Doom from side to side of a block."""

_PLAYER, _TORCH = 1, 46  # kinds of things: where a player begins, and a tall red torch
_HEADER, _ENTRY = "<4sii", "<ii8s"


def map_of_maze(walls: np.ndarray, *, start: tuple[int, int], target: tuple[int, int], angle: int) -> str:
    """Writes a maze down as a map: one room of all free blocks, with a torch where the target is.

    Args:
        walls: where the walls are, ``[side, side]`` bool.
        start: row and column of the block where a walk begins.
        target: likewise of the target's.
        angle: into which it looks there, in degrees; 0 is along the row, and 90 to the row before.

    Returns:
        The map in UDMF, the Universal Doom Map Format.

    Example:
        >>> walls = np.ones([3, 4], bool)
        >>> walls[1, 1:3] = False
        >>> text = map_of_maze(walls, start=(1, 1), target=(1, 2), angle=0)
        >>> text.count("linedef"), text.count("thing")
        (6, 2)
    """
    corners: dict[tuple[int, int], int] = {}
    lines = []
    for begin, end, lit in _edges(walls, target):
        ends = [corners.setdefault(corner, len(corners)) for corner in (begin, end)]
        lines.append((*ends, lit))
    parts = ['namespace = "zdoom";']
    parts += [_block("vertex", x=column * BLOCK, y=-row * BLOCK) for row, column in corners]
    for number, (begin, end, lit) in enumerate(lines):
        parts.append(_block("linedef", v1=begin, v2=end, sidefront=number, blocking=True))
        parts.append(_block("sidedef", sector=0, texturemiddle="REDWALL" if lit else "BRICK1"))
    flat = {"texturefloor": "FLOOR4_8", "textureceiling": "CEIL3_5", "lightlevel": 200}
    parts.append(_block("sector", heightfloor=0, heightceiling=BLOCK, **flat))
    everywhere = {f"skill{level}": True for level in range(1, 6)} | {"single": True}
    for kind, (row, column), looks in ((_PLAYER, start, angle), (_TORCH, target, 0)):
        x, y = int((column + 0.5) * BLOCK), -int((row + 0.5) * BLOCK)
        parts.append(_block("thing", x=x, y=y, angle=looks, type=kind, **everywhere))
    return "\n".join(parts) + "\n"


def pack_maps(maps: Mapping[str, str]) -> bytes:
    """Packs maps into a file of Doom's, a WAD.

    Args:
        maps: by their names, of at most eight letters and digits.

    Returns:
        The file.
    """
    lumps = []
    for name, text in maps.items():
        lumps += [(name, b""), ("TEXTMAP", text.encode()), ("ENDMAP", b"")]
    data = b"".join(content for _, content in lumps)
    entries, place = [], struct.calcsize(_HEADER)
    for name, content in lumps:
        entries.append(struct.pack(_ENTRY, place, len(content), name.encode()))
        place += len(content)
    return struct.pack(_HEADER, b"PWAD", len(lumps), place) + data + b"".join(entries)


def _edges(walls: np.ndarray, target: tuple[int, int]) -> Iterator[tuple]:
    """Yields the sides of free blocks behind which is a wall: two corners, and whether the block is the target's.

    The corners go round the block clockwise, as it is seen from above, so that the front is inside.
    """
    for row, column in np.argwhere(~walls).tolist():
        round_it = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
        beyond = [(row - 1, column), (row, column + 1), (row + 1, column), (row, column - 1)]
        for side, neighbour in enumerate(beyond):
            if walls[neighbour]:
                yield round_it[side], round_it[(side + 1) % 4], (row, column) == target


def _block(kind: str, **fields: object) -> str:
    def written(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return f'"{value}"' if isinstance(value, str) else str(value)

    return f"{kind} {{ " + " ".join(f"{name} = {written(value)};" for name, value in fields.items()) + " }"
