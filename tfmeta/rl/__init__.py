"""RL²: learning a reinforcement-learning algorithm, and the algorithms that people designed beside it."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
