"""One-shot imitation: a policy that sees one demonstration of a task, and does the task in a new arrangement."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
