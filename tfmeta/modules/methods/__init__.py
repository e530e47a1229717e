"""Ways to learn to answer questions, as recipes take them, one file a method."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
