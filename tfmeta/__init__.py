"""Learning to learn for TensorFlow and Keras 3, from training to an answered gRPC request.

Importing `tfmeta` imports no TensorFlow: each public name is loaded when it is first used. The stub file of each room,
``__init__.pyi``, lists its names, for `dir`, for editors and for type checkers.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
