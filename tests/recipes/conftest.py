"""Stands in for data sets that tests do without."""

import pytest

from tfmeta.core.tasks import PARTS
from tfmeta.data.episode_tasks import Classes
from tfmeta.data.glyphs import glyphs
from tfmeta.data.omniglot import OmniglotTasks


@pytest.fixture
def draw_characters(monkeypatch):
    """Makes Omniglot of characters that are drawn by code; notes which parts of which split are asked for."""
    asked = []

    def draw(classes, examples):
        drawings = {part: glyphs(classes, examples, seed=seed) for seed, part in enumerate(PARTS)}

        def characters(tasks, part):
            asked.append((part, tasks.split))
            return Classes(tuple(f"{part} {number}" for number in range(classes)), drawings[part])

        monkeypatch.setattr(OmniglotTasks, "classes", characters)
        monkeypatch.setattr(OmniglotTasks, "sizes", lambda tasks, part: (classes, examples))
        return asked

    return draw
