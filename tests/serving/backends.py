"""One model in each way that it can be asked: in this process, by threads over gRPC, and by asyncio."""

import asyncio
import inspect
import threading

from tfmeta.core.hub import load
from tfmeta.core.model import FewShotModel
from tfmeta.serving.client import Client, FewShotClient
from tfmeta.serving.client.aio import AsyncClient, AsyncFewShotClient, AsyncServedModel, AsyncTask

BACKENDS = ("local", "served", "threads", "asyncio", "asyncio, one connection")


class Loop:
    """An event loop in a thread of its own, whose results are waited for."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def wait(self, awaitable):
        async def result():
            return await awaitable

        return asyncio.run_coroutine_threadsafe(result(), self._loop).result(60)

    def call(self, function, *args):
        """Calls a function inside the loop, as making an asyncio client asks for."""

        async def result():
            return function(*args)

        return self.wait(result())

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Awaited:
    """An asyncio model or task, each of whose answers is awaited: so one test runs with it and with the others."""

    def __init__(self, loop, of):
        self._loop, self._of = loop, of

    def __getattr__(self, key):
        if key.startswith("_"):
            raise AttributeError(key)
        return self._settle(getattr(self._of, key))

    def __call__(self, *args, **kwargs):
        return self._settle(self._of(*args, **kwargs))

    def __reduce__(self):
        return _itself, (self._of,)  # what is pickled is the task

    def _settle(self, value):
        if inspect.isawaitable(value):
            value = self._loop.wait(value)
        if isinstance(value, AsyncTask | AsyncServedModel) or inspect.isroutine(value):
            return Awaited(self._loop, value)
        return value


class Backend:
    """Gives models by their names, in one of the ways."""

    def __init__(self, kind, folder, address):
        self.kind, self.folder, self.address = kind, folder, address
        self._opened = []
        self._loop = Loop() if kind.startswith("asyncio") else None

    def model(self, name):
        match self.kind:
            case "local":
                return load(self.folder / name).few_shot()
            case "served":
                client = Client(self.address)
                self._opened.append(client.close)
                return client.model(name).few_shot()
            case "threads":
                client = FewShotClient(self.address, name)
                self._opened.append(client.close)
                return client
            case "asyncio":
                client = self._loop.call(AsyncFewShotClient, self.address, name)
                self._opened.append(lambda: self._loop.wait(client.close()))
                return Awaited(self._loop, client)
            case _:
                client = self._loop.call(AsyncClient, self.address)
                self._opened.append(lambda: self._loop.wait(client.close()))
                return Awaited(self._loop, client.model(name).few_shot())

    def close(self):
        for close in self._opened:
            close()
        if self._loop:
            self._loop.close()


def _itself(task):
    return task


def public_methods(of):
    """The names that a user of few-shot models meets, and their arguments."""
    return {
        name: list(inspect.signature(member).parameters) if callable(member) else None
        for name, member in inspect.getmembers(of)
        if not name.startswith("_")
    }


SHARED = public_methods(FewShotModel)
