"""Measures one-shot imitation: steps of the simulators, training, and requests to the served policy.

    python benchmarks/imitation.py --model saved_models/imitation_stacking/1

MuJoCo's simulator is measured where it is installed (the extra `sim`). Steps count each scene: 256 scenes that take
one step together are 256 steps. Training sequences are demonstrations with 8 scenes each, of the size of the recipe
imitation-stacking. `act` is asked for one scene, in this process and over gRPC on this machine.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.imitation import Demonstration, StackingWorld, demonstrate
from tfmeta.imitation.learner import ImitationLearner
from tfmeta.recipes.registry import find_recipe
from tfmeta.serving.client import Client
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

SCENES, REPEATS = 256, 5
LAYOUTS = ["ab", "ab cd", "abcd ef"]


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def kinematic_steps() -> float:
    world = StackingWorld(LAYOUTS)
    play = tf.function(lambda: demonstrate(world, world.draw([0, 0], SCENES), [0, 1]), autograph=False)
    return SCENES * world.horizon / median_seconds(lambda: play().succeeded.numpy(), REPEATS)


def mujoco_steps(scenes: int = 4) -> float:
    from tfmeta.imitation.fetch_stacking import FetchStacking

    world = FetchStacking(StackingWorld(["ab cd"]))
    world.reset(["ab cd"] * scenes, seed=0)
    steps = 50

    def play() -> None:
        for _ in range(steps):
            world.step(world.expert())

    return scenes * steps / median_seconds(play, 2)


def training_sequences() -> float:
    recipe = find_recipe("imitation-stacking")
    learner = recipe.learner()
    assert isinstance(learner, ImitationLearner)
    recipe.method.compile(learner, recipe.tasks, recipe.training)
    with tempfile.TemporaryDirectory() as folder:
        training = recipe.training.replaced(shard_tasks=64, first_shards=1)
        lessons = iter(recipe.method.fit_options(recipe.tasks, training, Path(folder))["x"])
        step = tf.function(learner.train_step, autograph=False)
        seconds = median_seconds(lambda: step(next(lessons)), 20)
    return recipe.training.batch_size / seconds


def act_times(folder: Path) -> dict[str, float]:
    model = load(folder)
    most = int(model.card.items["objects at most"])
    world = StackingWorld(["ab cd"], most_cubes=most)
    task = world.tasks(["ab cd"])
    shown: Demonstration = tf.function(demonstrate)(world, task, tf.constant([0, 1])).demonstration()
    demo = {f"demo_{name}": np.asarray(x) for name, x in shown._asdict().items()}
    seen = {name: np.asarray(x) for name, x in world.observe(world.arrange(task, [0, 2]))._asdict().items()}
    found = {}

    def measure(where: str, ask: Callable[..., Any]) -> None:
        found[f"embed, {where}"] = median_seconds(lambda: ask("embed", demo), 50)
        state = ask("embed", demo)["demo_state"]
        found[f"act, {where}"] = median_seconds(lambda: ask("act", {**seen, "demo_state": state}), 500)

    measure("in this process", model.ask)
    name = folder.resolve().parent.name
    models = Models(folder.resolve().parent.parent, names=[name])
    with Server(models) as server, Client(server.address) as client:
        measure("over gRPC", client.model(name).ask)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=Path("saved_models/imitation_stacking/1"))
    args = parser.parse_args()
    rows = [("simulated steps a second, kinematic", f"{kinematic_steps():,.0f}")]
    try:
        rows.append(("simulated steps a second, MuJoCo", f"{mujoco_steps():,.0f}"))
    except TfmetaError as error:
        print(f"MuJoCo is passed over: {error}")
    rows.append(("training sequences a second", f"{training_sequences():,.0f}"))
    rows += [(f"{what}, ms", f"{1e3 * seconds:.2f}") for what, seconds in act_times(args.model).items()]
    print("| measured | |\n|---|---|")
    for what, value in rows:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
