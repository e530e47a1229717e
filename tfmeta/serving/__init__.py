"""Models behind TF Serving's gRPC API: a server to embed and a client that needs no TensorFlow.

`client` asks any server that speaks the API, ours or TensorFlow's own. `server` answers from SavedModels in
this process, with TF Serving's statuses and words. Each name is imported when it is first used, so that the
client stays light.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
