"""Supervised descent: the landmarks of faces."""

from tfmeta.descent.drawn_face_tasks import DrawnFaceTasks
from tfmeta.descent.face_tasks import FaceTasks
from tfmeta.descent.method import SupervisedDescentMethod
from tfmeta.descent.training import DescentTraining
from tfmeta.recipes.recipe import Recipe

__all__ = ["SDM_DRAWN_FACES", "SDM_FACES"]

SDM_FACES = Recipe("sdm-faces", FaceTasks(), SupervisedDescentMethod(), DescentTraining(epoch_steps=96))

SDM_DRAWN_FACES = Recipe(
    "sdm-drawn-faces", DrawnFaceTasks(), SupervisedDescentMethod(), DescentTraining(epoch_steps=40)
)
