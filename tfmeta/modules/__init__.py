"""Neural module networks: questions composed into networks of small modules, and answered."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
