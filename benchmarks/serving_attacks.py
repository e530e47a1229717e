"""Attacks a server in many ways while somebody else asks it a small question every 50 ms.

    python benchmarks/serving_attacks.py
    python benchmarks/serving_attacks.py --only "compressed" --seconds 10

For each attack it prints:

* how long the other client waited: p50, p99 and the longest
* how many of its questions failed
* by how much the memory of the server rose above its start
* what the attackers were answered

The embedded server, the attackers and the client are processes of their own, on this machine only. Every loop of an
attacker ends.
"""

import argparse
import asyncio
import gzip
import json
import logging
import multiprocessing
import os
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import grpc
import numpy as np

from tfmeta import wire
from tfmeta.wire import tensors

PREDICT = "/tensorflow.serving.PredictionService/Predict"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
HEALTH = "/grpc.health.v1.Health/Check"
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
MODELS = ["maml_omniglot_5w1s", "prototypical_omniglot", "maml_sinusoid", "rl2_bandit_n10k5", "nmn_shapes"]
PAUSE = 0.05  # between two questions of the client
MEGABYTE = 2**20


def request(model: str, signature: str, **inputs: "np.ndarray | wire.Message") -> bytes:
    message = wire.PredictRequest(model_spec=wire.ModelSpec(name=model, signature_name=signature))
    for name, value in inputs.items():
        if isinstance(value, np.ndarray):
            tensors.write_content(value, message.inputs[name])
        else:
            message.inputs[name].CopyFrom(value)
    return message.SerializeToString()


def repeated(kind: str, field: str, value: object, *shape: int) -> wire.Message:
    """A tensor of one value, which stands for all."""
    proto = wire.TensorProto(dtype=wire.DataType[f"DT_{kind}"], **{field: [value]})
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def support(model: str, number: int, tasks: int = 1) -> bytes:
    pictures = repeated("FLOAT", "float_val", 0.5, tasks, number, 28, 28, 1)
    return request(
        model, "adapt", support_x=pictures, support_y=repeated("INT64", "int64_val", 0, tasks, number)
    )


def small() -> bytes:
    x = np.float32([[[-1.0], [1.0]]])
    return request("maml_sinusoid", "adapt", support_x=x, support_y=x / 2)


# Attacks: each sends for some seconds and counts what it is told


async def calls(place, path, body, told, end, in_flight=16, timeout=20.0, compression=None):
    options = [*ANY_SIZE, ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(place.grpc, options=options, compression=compression) as channel:
        method = channel.unary_unary(path)

        async def one():
            while time.monotonic() < end:
                try:
                    await method(body, timeout=timeout)
                    told["OK"] += 1
                except grpc.aio.AioRpcError as error:
                    told[error.code().name] += 1
                    await asyncio.sleep(0.01)

        await asyncio.gather(*(one() for _ in range(in_flight)))


def calling(path: str, body: Callable[[], bytes], **options):
    async def attack(place, told, end):
        await calls(place, path, body(), told, end, **options)

    return attack


def headers_only(path: str, number: int):
    async def attack(place, told, end):
        async with grpc.aio.insecure_channel(place.grpc) as channel:
            open_calls = [channel.stream_unary(path)(timeout=end - time.monotonic()) for _ in range(number)]
            for call in await asyncio.gather(*(call.code() for call in open_calls)):
                told[call.name] += 1

    return attack


async def abandoned(place, told, end):
    await calls(place, PREDICT, support("maml_omniglot_5w1s", 100), told, end, timeout=0.2)


async def abandoned_reloads(place, told, end):
    config = wire.ModelServerConfig()
    config.model_config_list.config.add(name="x", base_path="/nowhere", model_platform="tensorflow")
    body = wire.ReloadConfigRequest(config=config).SerializeToString()
    await calls(place, RELOAD, body, told, end, timeout=0.5)


async def many_names(place, told, end):
    for number in range(200):
        body = request(f"{number}" + "x" * 100_000, "adapt")
        if time.monotonic() < end:
            async with grpc.aio.insecure_channel(place.grpc) as channel:
                try:
                    await channel.unary_unary(PREDICT)(body, timeout=5)
                except grpc.aio.AioRpcError as error:
                    told[error.code().name] += 1


async def unread_replies(place, told, end):
    """Asks for large answers, and takes nothing of them."""
    body = request("prototypical_omniglot", "describe", rows=repeated("INT64", "int64_val", 0, 20_000))
    options = [*ANY_SIZE, ("grpc.http2.lookahead_bytes", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(place.grpc, options=options) as channel:
        answers = [channel.unary_stream(PREDICT)(body, timeout=end - time.monotonic()) for _ in range(16)]
        for code in await asyncio.gather(
            *(answer.initial_metadata() for answer in answers), return_exceptions=True
        ):
            told["refused" if isinstance(code, Exception) else "begun"] += 1
        await asyncio.sleep(max(0, end - time.monotonic()))


def posting(body: Callable[[], bytes], *headers: str, in_flight: int = 4, verb: str = "predict"):
    async def attack(place, told, end):
        content = body()
        host, port = place.rest.split(":")
        head = (
            f"POST /v1/models/maml_sinusoid:{verb} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
        )
        head += "".join(f"{line}\r\n" for line in headers) + "Connection: close\r\n\r\n"

        async def one():
            while time.monotonic() < end:
                try:
                    reader, writer = await asyncio.open_connection(host, int(port))
                    writer.write(head.encode() + content)
                    async with asyncio.timeout(20):
                        await writer.drain()
                        told[(await reader.readline()).decode()[9:12] or "closed"] += 1
                    writer.close()
                except (OSError, TimeoutError) as error:
                    told[type(error).__name__] += 1
                    await asyncio.sleep(0.01)

        await asyncio.gather(*(one() for _ in range(in_flight)))

    return attack


async def slow_heads(place, told, end):
    """Opens many connections to REST and sends a byte now and then."""
    host, port = place.rest.split(":")
    sockets = []
    for _ in range(300):
        try:
            connection = socket.create_connection((host, int(port)), timeout=2)
            connection.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\n")
            sockets.append(connection)
        except OSError:
            told["refused"] += 1
    while time.monotonic() < end:
        for connection in sockets.copy():
            try:
                connection.sendall(b"a")
            except OSError:
                told["closed"] += 1
                sockets.remove(connection)
        await asyncio.sleep(0.5)
    for connection in sockets:
        connection.close()


def numbers_as_json(size: int) -> bytes:
    rows = ",".join(["[0.1,0.2]"] * (size // 10))
    return f'{{"instances": [{rows}]}}'.encode()


ATTACKS = {
    "nothing": None,
    "headers without a message, Predict": headers_only(PREDICT, 64),
    "headers without a message, Health": headers_only(HEALTH, 64),
    "abandoned reloads": abandoned_reloads,
    "one value repeated to 2 GB": calling(
        PREDICT, lambda: request("maml_sinusoid", "adapt", support_x=repeated("FLOAT", "float_val", 1.0, 2**29 - 1))
    ),
    "describe of 300,000 rows": calling(
        PREDICT, lambda: request("prototypical_omniglot", "describe", rows=repeated("INT64", "int64_val", 0, 300_000))
    ),
    "initial_state of 10,000,000": calling(
        PREDICT, lambda: request("rl2_bandit_n10k5", "initial_state", batch=repeated("INT64", "int64_val", 0, 10**7))
    ),
    "support of 100,000 points": calling(
        PREDICT,
        lambda: request(
            "maml_sinusoid", "adapt", support_x=repeated("FLOAT", "float_val", 1.0, 1, 100_000, 1),
            support_y=repeated("FLOAT", "float_val", 1.0, 1, 100_000, 1),
        ),
    ),
    "support of 20,000 pictures, MAML": calling(PREDICT, lambda: support("maml_omniglot_5w1s", 20_000)),
    "support of 20,000 pictures, Prototypical": calling(PREDICT, lambda: support("prototypical_omniglot", 20_000)),
    "support of 3,000 pictures, Prototypical": calling(PREDICT, lambda: support("prototypical_omniglot", 3_000)),
    "16 large requests in flight": calling(PREDICT, lambda: support("maml_omniglot_5w1s", 100)),
    "deadlines of 0.2 s": abandoned,
    "compressed, 200 MB over gRPC": calling(
        PREDICT,
        lambda: request("maml_sinusoid", "adapt", support_x=np.zeros([1, 50 * 2**20, 1], np.float32)),
        in_flight=2, compression=grpc.Compression.Gzip,
    ),
    "compressed, 60 MB over gRPC": calling(
        PREDICT,
        lambda: request("maml_sinusoid", "adapt", support_x=np.zeros([1, 15 * 2**20, 1], np.float32)),
        in_flight=4, compression=grpc.Compression.Gzip,
    ),
    "compressed, 240 MB over REST": posting(lambda: gzip.compress(bytes(240 * MEGABYTE)), "Content-Encoding: gzip"),
    "JSON of 15 MB": posting(lambda: numbers_as_json(15 * MEGABYTE), in_flight=2),
    "JSON of 8 MB, flat": posting(
        lambda: b'{"instances": [' + b"0.5," * (2 * MEGABYTE - 2) + b"0.5]}", in_flight=2
    ),
    "JSON of 9 MB, examples to classify": posting(
        lambda: b'{"examples": [' + b'{"x":[0.5,0.5,0.5]},' * 450_000 + b"{}]}", in_flight=2, verb="classify"
    ),
    "JSON of 100 MB": posting(lambda: numbers_as_json(100 * MEGABYTE), in_flight=2),
    "slow heads": slow_heads,
    "names of no model": many_names,
    "replies that nobody reads": unread_replies,
}  # fmt: skip


class Place(NamedTuple):
    """Where the server is: its addresses, and the number of its process."""

    grpc: str
    rest: str
    process: int


def serve(pipe: Connection, folder: str) -> None:
    from tfmeta.serving.process import after_tensorflow, before_tensorflow

    before_tensorflow()
    from tfmeta.serving.lifecycle.models import Models
    from tfmeta.serving.metrics import DEFAULT_PATH, Metrics
    from tfmeta.serving.rest.server import RestServer
    from tfmeta.serving.server import Server

    after_tensorflow()
    metrics = Metrics()
    models = Models(folder, names=MODELS)
    server = Server(models, metrics=metrics)
    server.start()
    rest = RestServer(models, pool=server.pool, metrics=metrics, metrics_path=DEFAULT_PATH)
    rest.start()
    pipe.send((server.address, rest.address, os.getpid()))
    with suppress(EOFError):
        pipe.recv()
    rest.stop(1.0)
    server.stop(1.0)


def attack(name: str, place: Place, seconds: float, pipe: Connection) -> None:
    logging.disable()  # asyncio tells of connections that are closed on it
    told: Counter = Counter()
    asyncio.run(ATTACKS[name](place, told, time.monotonic() + seconds))
    pipe.send(told)


def memory(process: int) -> float:
    """Megabytes that a process and its children hold."""
    import psutil

    parent = psutil.Process(process)
    total = 0
    for each in [parent, *parent.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / MEGABYTE


def ask(place: Place, seconds: float) -> dict:
    """Asks a small question again and again; returns how long that took, and the most memory of the server."""
    body, times, failed, most = small(), [], Counter(), 0.0
    end = time.monotonic() + seconds
    with grpc.insecure_channel(place.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        method = channel.unary_unary(PREDICT)
        while (began := time.monotonic()) < end:
            try:
                method(body, timeout=20)
            except grpc.RpcError as error:
                failed[error.code().name] += 1
            times.append(1e3 * (time.monotonic() - began))
            most = max(most, memory(place.process))
            time.sleep(PAUSE * (0.5 + random.random()))
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50_ms": p50, "p99_ms": p99, "longest_ms": max(times), "failed": dict(failed), "memory_mb": most}


def measure(name: str, place: Place, seconds: float, start: float) -> dict:
    context = multiprocessing.get_context("spawn")
    worker = None
    if ATTACKS[name] is not None:
        ours, theirs = context.Pipe()
        worker = context.Process(target=attack, args=(name, place, seconds, theirs), daemon=True)
        worker.start()
        time.sleep(1.0)  # it imports
    row = {"attack": name, **ask(place, seconds), "told": {}}
    if worker is not None:
        row["told"] = dict(ours.recv()) if ours.poll(seconds + 25) else {"no end": 1}
        worker.kill()
        worker.join()
    row["memory_mb"] -= start
    return row


def line(row: dict) -> str:
    told = ", ".join(f"{number} {what}" for what, number in sorted(row["told"].items()))
    failed = sum(row["failed"].values())
    return (
        f"{row['attack']:42}{row['p50_ms']:9.1f}{row['p99_ms']:9.1f}{row['longest_ms']:9.1f}"
        f"{failed:8}{row['memory_mb']:9.0f}  {told}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="saved_models", help="folder of the shipped models")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each attack lasts (default: 6)")
    parser.add_argument("--only", default="", metavar="WORDS", help="attacks whose name has these words")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs, options.models))
    server.start()
    theirs.close()
    try:
        place = Place(*ours.recv())
        ask(place, 1.0)
        start = memory(place.process)
        print(
            f"{'':42}{'p50':>9}{'p99':>9}{'longest':>9}{'failed':>8}{'memory':>9}  ms, MB above {start:.0f}"
        )
        rows = []
        for name in ATTACKS:
            if options.only in name:
                rows.append(measure(name, place, options.seconds, start))
                print(line(rows[-1]), flush=True)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    except EOFError:
        sys.exit("serving_attacks: the server ended")
    finally:
        ours.close()
        server.join(15)
        if server.is_alive():
            server.kill()


if __name__ == "__main__":
    main()
