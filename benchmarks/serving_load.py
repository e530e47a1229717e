"""Loads a server of models over gRPC, and says how many requests a second it answers and how long each takes.

    python benchmarks/serving_load.py --model maml_omniglot_5w1s --signature adapt predict
    python benchmarks/serving_load.py --mlp --in-flight 1 32
    python benchmarks/serving_load.py --target localhost:8500 --model prototypical_omniglot --rate 50 100

With --target it asks that server, TensorFlow Serving or ours; without, it starts the embedded one. A model that lies
here is asked with its own warm-up request; of another the server is asked what its signature takes.

Closed loop (--in-flight): so many clients, each of which waits for its answer before it asks again. That finds the
throughput, but a slow server slows its clients too, and hides its queue. Open loop (--rate): requests arrive by a
Poisson process, as they do from people who know nothing of each other, and a request's time counts from when it was
due. That finds the latency at a given load. With --floor the same requests also go to a server that does nothing, which
says what gRPC, the clients and the machine leave room for. The clients need no TensorFlow and read no answers; give
them cores of their own, or another machine, for they take from the server what they use. Of the embedded server it
also says what CPU time a request costs (CPU), which hardly depends on what else the machine does: a core has 1000 ms
a second.
"""

import argparse
import asyncio
import json
import math
import multiprocessing
import os
import random
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import grpc
import numpy as np
from tqdm import tqdm

from tfmeta import wire
from tfmeta.core.checks import TfmetaError
from tfmeta.core.quiet import heed_log_level
from tfmeta.paths import model_folders
from tfmeta.serving.client import Client
from tfmeta.wire import tensors

PREDICT = "/tensorflow.serving.PredictionService/Predict"
CHANNEL = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
WARMUP = "assets.extra/tf_serving_warmup_requests"
TICK = 0.25  # seconds between two looks at the counters


class Load(NamedTuple):
    """What is sent to whom: `in_flight` requests at a time, or else `rate` requests a second."""

    target: str
    model: str
    signature: str
    request: bytes
    seconds: float
    timeout: float
    in_flight: int = 0
    rate: float = 0.0

    def __str__(self) -> str:
        return f"{self.rate:g} /s" if self.rate else f"{self.in_flight} in flight"

    def share(self, index: int, of: int) -> "Load":
        """What one of several processes sends."""
        return self._replace(
            in_flight=self.in_flight // of + (index < self.in_flight % of), rate=self.rate / of
        )


def main() -> None:
    options = arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # for the server's process
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with server(options) as (target, model, process):
        loads = list(plan(options, target, model))
        rows = [measure(load, options.processes, process) for load in loads]
        if options.floor:
            with idle_server() as (idle, process):
                bare = [load._replace(target=idle, model="nothing") for load in loads]
                rows += [measure(load, options.processes, process) for load in bare]
    print(text(rows))
    if options.json:
        facts = {"target": options.target or "embedded", "cores": os.cpu_count(), "rows": rows}
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="name of the model")
    what.add_argument("--mlp", action="store_true", help="a 784-256-256-5 perceptron, made for the occasion")
    parser.add_argument("--target", metavar="HOST:PORT", help="the server (default: start the embedded one)")
    parser.add_argument("--signature", nargs="+", default=["serving_default"], metavar="NAME")
    parser.add_argument(
        "--queries", type=int, metavar="Q", help="of a few-shot request (default: as exported)"
    )
    parser.add_argument("--label", help="ask for the version with this label")
    load = parser.add_mutually_exclusive_group()
    load.add_argument(
        "--in-flight", nargs="+", type=int, default=[1, 32], metavar="N", help="closed loops (default: 1 32)"
    )
    load.add_argument("--rate", nargs="+", type=float, metavar="R", help="open loops, requests a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each (default: 10)")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="of a request")
    parser.add_argument("--processes", type=int, default=2, help="of clients, at most (default: 2)")
    parser.add_argument("--floor", action="store_true", help="also measure a server that does nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    if min([options.seconds, options.processes, *options.in_flight, *(options.rate or [])]) <= 0:
        parser.error("--seconds, --processes, --in-flight and --rate are more than 0")
    if options.mlp and options.target:
        parser.error("--mlp is for the embedded server; another one serves it by a name, for --model")
    return options


@contextmanager
def server(options: argparse.Namespace) -> Iterator[tuple[str, str, int | None]]:
    """The address that is asked, the model's name there, and the server's process if it is ours."""
    if options.target:
        yield options.target, options.model, None
        return
    from tfmeta.serving.process import ServerProcess

    with tempfile.TemporaryDirectory() if options.mlp else nullcontext() as folder:
        name = "mlp" if options.mlp else options.model
        if folder:
            in_process(build_perceptron, folder)
        with ServerProcess([folder] if folder else model_folders(), [name]) as process:
            (child,) = multiprocessing.active_children()
            yield process.wait(), name, child.pid


@contextmanager
def idle_server() -> Iterator[tuple[str, int]]:
    """A gRPC server in Python that answers at once, and its process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=answer_at_once, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{ours.recv()}", process.pid
    finally:
        process.kill()
        process.join()


def answer_at_once(pipe: Connection) -> None:
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    class Anything(grpc.GenericRpcHandler):
        def service(self, handler_call_details):
            return handler

    idle = grpc.server(futures.ThreadPoolExecutor(8), handlers=[Anything()], options=CHANNEL)
    pipe.send(idle.add_insecure_port("127.0.0.1:0"))
    idle.start()
    idle.wait_for_termination()


def in_process(function, *args) -> None:
    """Calls a function in a process of its own, so that what it imports stays there."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=args)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"serving_load: {function.__name__} failed")


def build_perceptron(folder: str) -> None:
    with heed_log_level():
        import tensorflow as tf

    draw = np.random.default_rng(0).standard_normal
    layers = [
        (tf.Variable(draw((rows, columns), np.float32) / math.sqrt(rows)), tf.Variable(tf.zeros(columns)))
        for rows, columns in [(784, 256), (256, 256), (256, 5)]
    ]

    @tf.function(input_signature=[tf.TensorSpec([None, 784], tf.float32)])
    def classify(x: tf.Tensor) -> dict[str, tf.Tensor]:
        for kernel, bias in layers[:-1]:
            x = tf.nn.relu(x @ kernel + bias)
        return {"logits": x @ layers[-1][0] + layers[-1][1]}

    module = tf.Module()
    module.layers = layers
    tf.saved_model.save(module, f"{folder}/mlp/1", signatures={"serving_default": classify})


def plan(options: argparse.Namespace, target: str, model: str) -> Iterator[Load]:
    for signature in options.signature:
        request = warmup_request(model, signature) or invented_request(
            target, model, signature, options.label
        )
        if options.queries:
            keep_queries(request, options.queries)
        request.model_spec.Clear()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        if options.label:
            request.model_spec.version_label = options.label
        load = Load(target, model, signature, request.SerializeToString(), options.seconds, options.timeout)
        if options.rate:
            yield from (load._replace(rate=rate) for rate in options.rate)
        else:
            yield from (load._replace(in_flight=number) for number in options.in_flight)


def keep_queries(request: wire.Message, number: int) -> None:
    for name in request.inputs:
        if name.startswith("query_"):
            queries = tensors.to_array(request.inputs[name])[:, :number]
            request.inputs[name].Clear()
            tensors.write_content(queries, request.inputs[name])


def warmup_request(model: str, signature: str) -> wire.Message | None:
    """The request to that signature with which the model was exported, if the model lies here."""
    for file in sorted(path for folder in model_folders() for path in folder.glob(f"{model}/*/{WARMUP}")):
        content, at = file.read_bytes(), 0
        while at < len(content):  # TFRecord: length, its checksum, the record, its checksum
            size = int.from_bytes(content[at : at + 8], "little")
            log = wire.PredictionLog.FromString(content[at + 12 : at + 12 + size])
            at += size + 16
            if log.predict_log.request.model_spec.signature_name == signature:
                return log.predict_log.request
    return None


def invented_request(target: str, model: str, signature: str, label: str | None) -> wire.Message:
    """One item of everything that the signature takes; its classes are 0, 1, 2 and so on."""
    with Client(target) as client:
        definitions = client.metadata(model, label=label)
    if signature not in definitions:
        known = ", ".join(sorted(name for name in definitions if not name.startswith("__")))
        sys.exit(f"serving_load: {model} has no signature {signature!r}; it has {known}")
    request, generator = wire.PredictRequest(), np.random.default_rng(0)
    for name, info in definitions[signature].inputs.items():
        shape = [1 if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
        dtype = tensors.numpy_dtype(info.dtype)
        if dtype.kind == "f":
            value = generator.random(shape).astype(dtype)
        else:
            value = np.arange(math.prod(shape)).reshape(shape).astype(bytes if dtype.kind == "O" else dtype)
        tensors.write_content(value, request.inputs[name])
    return request


def measure(load: Load, processes: int, server_process: int | None) -> dict:
    """Sends a load from several processes, with a progress bar, and sums up what came back."""
    if load.in_flight:
        processes = min(processes, load.in_flight)
    context = multiprocessing.get_context("spawn")
    answered = context.Array("q", processes, lock=False)
    pipes, workers = [], []
    for index in range(processes):
        ours, theirs = context.Pipe()
        share = load.share(index, processes)
        worker = context.Process(target=work, args=(theirs, share, answered, index), daemon=True)
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    results = []
    try:
        for pipe in pipes:
            if failure := pipe.recv():  # each has asked once, so that connecting is not measured
                sys.exit(f"serving_load: {load.target} does not answer: {failure}")
        cpu = cpu_seconds(server_process)
        for pipe in pipes:
            pipe.send("go")
        watch(load, answered, pipes)
        results = [pipe.recv() for pipe in pipes]
        cpu = cpu_seconds(server_process) - cpu
    except EOFError:
        sys.exit("serving_load: a client process ended before it was done")
    finally:
        for worker in workers:
            if not results:
                worker.kill()
            worker.join()
    return summary(load, results, cpu)


def cpu_seconds(process: int | None) -> float:
    """What a process has used of the cores, whoever else was busy; NaN where nobody says."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.is_file():
        return math.nan
    times = stat.read_text().rpartition(")")[2].split()[11:13]  # of the user, and of the system
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def watch(load: Load, answered, pipes: list[Connection]) -> None:
    began = time.monotonic()
    with tqdm(total=load.seconds, desc=f"{load.model} {load.signature}, {load}", leave=False,
              bar_format="{desc}: {percentage:3.0f}%|{bar}| {unit}", disable=None) as bar:  # fmt: skip
        while not all(pipe.poll() for pipe in pipes):
            time.sleep(TICK)
            elapsed = time.monotonic() - began
            bar.unit = f"{sum(answered) / elapsed:.0f} req/s"
            bar.update(min(elapsed, load.seconds) - bar.n)


def work(pipe: Connection, load: Load, answered, index: int) -> None:
    """What a client process does."""
    assert "tensorflow" not in sys.modules
    asyncio.run(send(pipe, load, answered, index))


async def send(pipe: Connection, load: Load, answered, index: int) -> None:
    seconds, codes = array("d"), Counter()

    async def ask(due: float) -> None:
        try:
            await predict(load.request, timeout=load.timeout)
            seconds.append(time.perf_counter() - due)
        except grpc.aio.AioRpcError as error:
            codes[error.code().name] += 1
        answered[index] += 1

    async def closed_loop() -> None:
        while time.perf_counter() < end:
            await ask(time.perf_counter())

    async def open_loop() -> None:
        arrivals, due = random.Random(index), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            while (due := due + arrivals.expovariate(load.rate)) < end:
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(ask(due))

    async with grpc.aio.insecure_channel(load.target, options=CHANNEL) as channel:
        predict = channel.unary_unary(PREDICT)
        try:
            await predict(load.request, timeout=load.timeout)
        except grpc.aio.AioRpcError as error:
            pipe.send(f"{error.code().name}: {error.details()}")
            return
        pipe.send(None)
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        began = time.perf_counter()
        end = began + load.seconds
        if load.rate:
            await open_loop()
        else:
            await asyncio.gather(*(closed_loop() for _ in range(load.in_flight)))
        pipe.send((seconds.tobytes(), codes, time.perf_counter() - began))


def summary(load: Load, results: list[tuple[bytes, Counter, float]], cpu: float) -> dict:
    milliseconds = 1e3 * np.concatenate([np.frombuffer(latencies) for latencies, _, _ in results])
    errors = sum((codes for _, codes, _ in results), Counter())
    row = {
        "model": load.model, "signature": load.signature, "load": str(load),
        "answered": len(milliseconds), "errors": dict(errors),
        "requests_per_second": len(milliseconds) / max(took for _, _, took in results),
    }  # fmt: skip
    if len(milliseconds):
        p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
        row |= {"mean_ms": milliseconds.mean(), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
        if not math.isnan(cpu):
            row["server_cpu_ms"] = 1e3 * cpu / (len(milliseconds) + errors.total())
    return {key: round(float(value), 3) if isinstance(value, float) else value for key, value in row.items()}


def text(rows: list[dict]) -> str:
    lines = [f"{'':36}{'load':>14}{'req/s':>9}{'mean':>9}{'p50':>9}{'p95':>9}{'p99':>9}{'CPU':>9}  ms"]
    for row in rows:
        names = ("mean", "p50", "p95", "p99", "server_cpu")
        times = "".join(f"{row.get(f'{name}_ms', math.nan):>9.2f}" for name in names)
        errors = "".join(f"  {number} {code}" for code, number in row["errors"].items())
        what = f"{row['model']} {row['signature']}"
        lines.append(f"{what:36}{row['load']:>14}{row['requests_per_second']:>9.0f}{times}{errors}")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except TfmetaError as error:
        sys.exit(f"serving_load: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
