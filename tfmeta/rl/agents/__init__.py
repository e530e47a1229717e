"""What learns within TF-Agents: trials as its episodes, its driver, its PPO, and a TRPO of our own.

It needs the extra ``rl``. What was trained here is played, measured, exported and served without it.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
