"""What tests of models that come and go share: how they are described, asked and waited for."""

import threading
import time

import numpy as np
import pytest

from tests.serving.requests import spec
from tfmeta import wire
from tfmeta.serving.client import ServingError
from tfmeta.serving.lifecycle.model_config import parse_model_config

POLL = 0.02  # seconds
X = np.float32([0])


def config_list(*configs, folder):
    """A ModelServerConfig of text such as `name: "m"`; the folder is the model's name unless it says another."""
    entries = []
    for config in configs or ("m",):
        name, _, rest = config.partition(" ")
        path = "" if "base_path" in rest else f'base_path: "{folder}/{name}"'
        entries.append(f'config {{ name: "{name}" {path} model_platform: "tensorflow" {rest} }}')
    return parse_model_config(f"model_config_list {{ {' '.join(entries)} }}", "the test")


def states(models, name="m"):
    return {version.number: version.state for version in models.status(wire.ModelSpec(name=name))}


def wait_for(happens, seconds=30.0):
    until = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


def wait_until(models, expected, name="m"):
    wait_for(lambda: states(models, name) == expected)


def ask(models, **choice):
    """The version that answers, by its own word."""
    lease = models.find(spec("m", **choice))
    answer = int(lease.engine.run("", {"x": X})["y"][0])
    assert answer == lease.number
    return answer


def refused(models, **choice):
    with pytest.raises(ServingError) as error:
        models.find(spec("m", **choice))
    return str(error.value)


class Held:
    """A request that stays in flight until it is let go."""

    def __init__(self, models):
        lease = models.latest("m")
        run = lease.engine.run
        entered, self._go_on = threading.Event(), threading.Event()
        self.answers = []

        def slow(*args):
            entered.set()
            assert self._go_on.wait(30)
            return run(*args)

        def request():
            self.answers.append(ask(models))

        lease.engine.run = slow
        del lease
        self._thread = threading.Thread(target=request)
        self._thread.start()
        assert entered.wait(30)

    def let_go(self):
        self._go_on.set()
        self._thread.join(30)


def reload(models, *configs, folder):
    models.reload(config_list(*configs, folder=folder))


def foreign(method, message):
    """Sends our message by the stub of another client."""
    kind = {"GetModelStatusRequest": "get_model_status_pb2", "ReloadConfigRequest": "model_management_pb2"}
    module = __import__(f"tensorflow_serving.apis.{kind[message.DESCRIPTOR.name]}", fromlist=["x"])
    request_type = getattr(module, message.DESCRIPTOR.name)
    return method(request_type.FromString(message.SerializeToString()), timeout=30)
