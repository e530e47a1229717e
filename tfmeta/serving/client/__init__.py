"""Clients of TF Serving's gRPC API: numpy in, numpy out, no TensorFlow.

`Client` asks any model by the names of its inputs. `FewShotClient` teaches a few-shot model a task and asks
about that. Both work against the embedded server and against TensorFlow Serving. `tfmeta.serving.client.aio`
has their twins for asyncio.
"""

from tfmeta.serving.client.client import Client
from tfmeta.serving.client.few_shot import FewShotClient, Task
from tfmeta.serving.client.retries import NO_RETRIES, Retries
from tfmeta.serving.client.served_model import ServedModel
from tfmeta.serving.errors import ServingError
from tfmeta.serving.tls import Tls

__all__ = ["NO_RETRIES", "Client", "FewShotClient", "Retries", "ServedModel", "ServingError", "Task", "Tls"]
