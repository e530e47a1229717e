"""Models behind TF Serving's gRPC API: a server to embed and a client that needs no TensorFlow.

`client` asks any server that speaks the API, ours or TensorFlow's own. `server` answers from SavedModels in
this process, with TF Serving's statuses and words. Nothing is imported here, so that the client stays light.
"""
