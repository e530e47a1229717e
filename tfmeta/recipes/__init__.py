"""One recipe for each published result: tasks, a method and a training; trained, evaluated and exported alike."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
