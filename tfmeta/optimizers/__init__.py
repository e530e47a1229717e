"""Update rules, designed by hand and learnt, and the problems that they are compared on."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
