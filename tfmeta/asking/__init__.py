"""Asks exported module networks, in this process or behind an endpoint; imports no TensorFlow."""

from tfmeta.asking.answer import Answer
from tfmeta.asking.pictures import ask_about_picture, load_picture
from tfmeta.asking.places import ask_about_world, load_world
from tfmeta.asking.readings import candidates_for, reading_of_artefact, reading_of_model

__all__ = [
    "Answer",
    "ask_about_picture",
    "ask_about_world",
    "candidates_for",
    "load_picture",
    "load_world",
    "reading_of_artefact",
    "reading_of_model",
]
