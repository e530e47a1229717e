"""Serves a model for minutes while its versions change, and counts the requests that fail.

    python benchmarks/serving_soak.py
    python benchmarks/serving_soak.py --minutes 0.3

A server in a process of its own watches the model's folder. Clients teach it tasks, ask about them, classify in one
request and read its metadata, always of the latest version. Meanwhile version 2 is dropped in, and a corrupt version
3; version 2, which still answers then, is deleted; version 4 is dropped in. None of those requests may fail, and the
server's memory (RSS) at the end has to be within a tenth of what it was when three tenths of the time had passed:
minute 3 of 10.
"""

import argparse
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tfmeta.core.checks import TfmetaError
from tfmeta.paths import model_folders
from tfmeta.serving.client import Client, FewShotClient
from tfmeta.serving.client.retries import NO_RETRIES

MODEL = "soaked"
WARM = 0.3  # of the time, after which memory should no longer grow
MOST_GROWTH = 0.1
PATIENCE = 120  # seconds that the last change may take after the time is up


def main() -> int:
    options = arguments()
    source = version_to_serve(options.model)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), source) as (address, process):
        clients = [Load(address, seed) for seed in range(options.clients)]
        timetable = changes(Path(folder) / MODEL, source)
        memory = soak(options.minutes * 60, timetable, process, address)
        for client in clients:
            client.stop()
    return report(clients, memory)


def soak(seconds: float, left: "list[Change]", process: subprocess.Popen, address: str) -> dict[str, int]:
    """Lets the time pass, and makes the changes that are due; returns the server's memory in KiB.

    A change waits for the one before it to take effect, and the end for the last, if the machine is slow.
    """
    began, memory, pending = time.monotonic(), {}, None
    with (
        Client(address, timeout=60) as client,
        tqdm(total=round(seconds), unit="s", desc="Soaking", disable=None) as bar,
    ):
        while (passed := time.monotonic() - began) < seconds or left or pending:
            if process.poll() is not None:
                raise TfmetaError(f"the server ended with {process.returncode}")
            if passed > seconds + PATIENCE:
                raise TfmetaError(f"the versions are {client.status(MODEL)}; expected {pending}")
            if pending and client.status(MODEL) == pending:
                bar.write(f"{passed:6.0f} s  {pending}", file=sys.stderr)
                pending = None
            if left and not pending and passed >= left[0].due * seconds:
                change = left.pop(0)
                bar.write(f"{passed:6.0f} s  {change.what}", file=sys.stderr)
                change.make()
                pending = change.versions
            if passed >= WARM * seconds and not memory:
                memory["warm"] = resident(process.pid)
            bar.update(max(0, round(passed) - bar.n))
            time.sleep(0.05)
    return memory | {"end": resident(process.pid)}


class Change(NamedTuple):
    """What happens to the model's folder, when (as a part of the time), and what the versions are then."""

    due: float
    what: str
    make: Callable[[], None]
    versions: dict[int, str]


def changes(folder: Path, source: Path) -> list[Change]:
    up, down = "AVAILABLE", "END"
    return [
        Change(0.15, "version 2 is dropped in", lambda: drop(source, folder / "2"), {2: up, 1: down}),
        Change(
            0.4,
            "version 3, which is corrupt, is dropped in",
            lambda: drop(source, folder / "3", corrupt=True),
            {3: down, 2: up, 1: down},
        ),
        Change(
            0.6,
            "version 2 is deleted",
            lambda: shutil.rmtree(folder / "2"),
            {3: down, 2: up, 1: down},  # nothing better is there, so it goes on
        ),
        Change(
            0.7,
            "version 4 is dropped in",
            lambda: drop(source, folder / "4"),
            {4: up, 3: down, 2: down, 1: down},
        ),
    ]


def drop(source: Path, to: Path, corrupt: bool = False) -> None:
    """Copies a version and moves it to its place in one step."""
    copy = to.parent.parent / "copying"
    shutil.copytree(source, copy)
    if corrupt:
        for data in (copy / "variables").glob("*.data-*"):
            data.write_bytes(data.read_bytes()[:100])
    copy.rename(to)


class Load(threading.Thread):
    """A client that goes on asking for whatever comes next, and counts what failed.

    Args:
        address: The server.
        seed: Of what it asks.
    """

    def __init__(self, address: str, seed: int):
        super().__init__(daemon=True)
        self.answered: Counter = Counter()
        self.failed: Counter = Counter()
        self._address = address
        self._seed = seed
        self._stopped = threading.Event()
        self.start()

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        choose = random.Random(self._seed)
        patient = {"timeout": 60, "retries": NO_RETRIES}  # a request that was sent again would hide a failure
        with (
            FewShotClient(self._address, MODEL, **patient) as few_shot,
            Client(self._address, **patient) as client,
        ):
            support, query = example_task(few_shot)
            task = few_shot.adapt(*support)
            kinds = {
                "predict": lambda: task.predict(query),
                "adapt": lambda: few_shot.adapt(*support),
                "adapt and predict": lambda: few_shot.classify(*support, query),
                "describe": few_shot.describe,
                "metadata": lambda: client.metadata(MODEL),
                "status": lambda: client.status(MODEL),
            }
            while not self._stopped.is_set():
                (kind,) = choose.choices(list(kinds), weights=[10, 4, 4, 1, 1, 1])
                try:
                    kinds[kind]()
                    self.answered[kind] += 1
                except Exception as error:
                    self.failed[kind, str(error)] += 1


def example_task(client: FewShotClient) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Random examples of the shape that the model wants: (support_x [S,...], support_y [S]) and query_x [Q,...]."""
    facts = client.describe()
    shape = np.ravel(facts["input_shape"]).tolist()
    ways = int(facts["ways"]) or 5
    random_x = np.random.default_rng(0).random((ways, *shape), np.float32)
    labels = np.arange(ways) if facts["task"] == "classification" else random_x[:, :1]
    return (random_x, labels), random_x


@contextlib.contextmanager
def served(folder: Path, source: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """A server of version 1, as an operator starts one: its address and its process."""
    shutil.copytree(source, folder / MODEL / "1")
    command = [sys.executable, "-m", "tfmeta.cli", "serve", "--port=0", f"--model_base_path={folder / MODEL}"]
    here = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            line = process.stdout.readline()
            if " at " not in line:
                raise TfmetaError("the server did not start; what it said is above")
            yield line.split(" at ")[1].split(";")[0], process
        finally:
            process.terminate()


def resident(process: int) -> int:
    """Memory of a process that is in RAM, in KiB."""
    status = Path(f"/proc/{process}/status")
    if status.is_file():
        return int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1])
    told = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=True
    )
    return int(told.stdout)


def report(clients: list[Load], memory: dict[str, int]) -> int:
    answered = sum((client.answered for client in clients), Counter())
    failed = sum((client.failed for client in clients), Counter())
    growth = memory["end"] / memory["warm"] - 1
    for kind, count in answered.most_common():
        print(f"{kind:20}{count:10,} answered")
    for (kind, reason), count in failed.most_common():
        print(f"{kind:20}{count:10,} FAILED: {reason}")
    print(f"{'all':20}{answered.total():10,} answered, {failed.total()} failed")
    print(
        f"memory              {memory['warm'] / 1024:10,.0f} MiB when warm, {memory['end'] / 1024:,.0f} MiB at the end"
        f" ({growth:+.1%})"
    )
    return 0 if not failed and growth <= MOST_GROWTH else 1


def version_to_serve(model: str) -> Path:
    for folder in [Path(model).parent, *model_folders()]:
        versions = sorted((folder / Path(model).name).glob("*/saved_model.pb"))
        if versions:
            return versions[-1].parent
    raise TfmetaError(f"There is no model {model!r}; name one that `tfmeta list` shows, or its folder.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--clients", type=int, default=4, help="how many ask at a time (default: 4)")
    parser.add_argument(
        "--model", default="maml_omniglot_5w1s", help="a few-shot model (default: maml_omniglot_5w1s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TfmetaError as error:
        sys.exit(str(error))
