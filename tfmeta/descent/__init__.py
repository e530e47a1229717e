"""Supervised descent: the steps of Newton's method, learned from examples; and faces that it aligns."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
