"""One vocabulary for every trained model, in this process or behind an endpoint; imports no TensorFlow."""

from tfmeta.core.model.few_shot import FewShotModel, FewShotView, Task
from tfmeta.core.model.loaded import LoadedModel
from tfmeta.core.model.model import Model
from tfmeta.core.model.specs import ArraySpec, InputError, SignatureSpec

__all__ = [
    "ArraySpec",
    "FewShotModel",
    "FewShotView",
    "InputError",
    "LoadedModel",
    "Model",
    "SignatureSpec",
    "Task",
]
