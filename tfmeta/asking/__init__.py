"""Asks exported module networks, in this process or behind an endpoint; imports no TensorFlow."""

from tfmeta.asking.answer import Answer, Question
from tfmeta.asking.pictures import ask_about_picture, load_picture
from tfmeta.asking.places import ask_about_world, load_world
from tfmeta.asking.readings import read_question, reading_of_artefact, reading_of_model

__all__ = [
    "Answer",
    "Question",
    "ask_about_picture",
    "ask_about_world",
    "load_picture",
    "load_world",
    "read_question",
    "reading_of_artefact",
    "reading_of_model",
]
