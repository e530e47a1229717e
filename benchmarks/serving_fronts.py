"""Compares ways for gRPC in Python to take requests: what each costs where the work takes a tenth of a millisecond.

    python benchmarks/serving_fronts.py
    python benchmarks/serving_fronts.py --rounds 10 --only threads "threads, reading" asyncio

Each way is a server in a process of its own. They are asked in turn, so that the machine's own changes meet all of them
alike. `cpu` is the processor time that a request costs the server, which depends least on what else the machine does.
The server has the way "threads, reading" (`tfmeta/serving/services/front.py`). uvloop is measured where it is
installed.
"""

import argparse
import asyncio
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import grpc
import numpy as np

REPLY, REQUEST = bytes(200), bytes(3000)
WORKERS = 8


def work() -> bytes:
    """A tenth of a millisecond of Python."""
    for _ in range(3000):
        pass
    return REPLY


def threads(_: futures.Executor) -> grpc.RpcMethodHandler:
    """A worker reads the message itself; calls without one hold all workers."""
    return grpc.unary_unary_rpc_method_handler(lambda body, context: work())


def threads_reading(_: futures.Executor) -> grpc.RpcMethodHandler:
    """A thread for each call, of which some work at a time, each after its message is there."""
    turns = threading.Semaphore(WORKERS)

    def handle(messages, context):
        next(messages)
        with turns:
            return work()

    return grpc.stream_unary_rpc_method_handler(handle)


def loop_and_threads(pool: futures.Executor) -> grpc.RpcMethodHandler:
    """An event loop reads, and workers work."""

    async def handle(_, context):
        await context.read()
        return await asyncio.wrap_future(pool.submit(work))

    return grpc.stream_unary_rpc_method_handler(handle)


def loop_alone(_: futures.Executor) -> grpc.RpcMethodHandler:
    """An event loop reads and works; whatever takes long holds everybody up."""

    async def handle(_, context):
        await context.read()
        return work()

    return grpc.stream_unary_rpc_method_handler(handle)


WAYS: dict[str, tuple[Callable, int, bool]] = {  # what makes the handler, the threads of gRPC, whether uvloop
    "threads": (threads, WORKERS, False),
    "threads, reading": (threads_reading, 1024, False),
    "asyncio": (loop_and_threads, 0, False),
    "asyncio, uvloop": (loop_and_threads, 0, True),
    "asyncio alone": (loop_alone, 0, False),
    "asyncio alone, uvloop": (loop_alone, 0, True),
}


class Anything(grpc.GenericRpcHandler):
    """Answers every method alike."""

    def __init__(self, handler: grpc.RpcMethodHandler):
        self._handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self._handler


def serve(pipe: Connection, name: str) -> None:
    make, size, with_uvloop = WAYS[name]
    handlers = [Anything(make(futures.ThreadPoolExecutor(WORKERS)))]
    if size:
        server = grpc.server(futures.ThreadPoolExecutor(size), handlers=handlers)
        pipe.send(server.add_insecure_port("127.0.0.1:0"))
        server.start()
        server.wait_for_termination()
    elif with_uvloop:
        import uvloop

        uvloop.run(serve_by_loop(pipe, handlers))
    else:
        asyncio.run(serve_by_loop(pipe, handlers))


async def serve_by_loop(pipe: Connection, handlers: list) -> None:
    server = grpc.aio.server(handlers=handlers)
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await server.wait_for_termination()


async def load(port: int, in_flight: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the median of the milliseconds that each took."""
    times: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary("/any/method")
        await ask(REQUEST)
        start = time.perf_counter()

        async def one() -> None:
            while (began := time.perf_counter()) < start + seconds:
                await ask(REQUEST)
                times.append(1e3 * (time.perf_counter() - began))

        await asyncio.gather(*(one() for _ in range(in_flight)))
        return len(times) / (time.perf_counter() - start), float(np.median(times))


def cpu_ms(process: int) -> float:
    times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return 1e3 * sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    parser.add_argument("--in-flight", nargs="+", type=int, default=[1, 32], metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each way in a round (default: 1)")
    options = parser.parse_args()
    context, servers = multiprocessing.get_context("spawn"), {}
    for name in options.only:
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, name), daemon=True)
        process.start()
        theirs.close()
        with suppress(EOFError):  # there is no uvloop
            servers[name] = (ours.recv(), process)
    print(f"{'':24}in flight  requests/s   p50, ms   cpu, ms")
    for in_flight in options.in_flight:
        rows: dict[str, list] = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, (port, process) in servers.items():
                before = cpu_ms(process.pid)
                rate, p50 = asyncio.run(load(port, in_flight, options.seconds))
                rows[name].append((rate, p50, (cpu_ms(process.pid) - before) / (rate * options.seconds)))
        for name, measured in rows.items():
            rate, p50, cpu = np.median(measured, 0)
            print(f"{name:24}{in_flight:9}{rate:12.0f}{p50:10.2f}{cpu:10.3f}")
    for _, process in servers.values():
        process.kill()


if __name__ == "__main__":
    main()
