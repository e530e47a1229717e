"""A stacking policy on the Fetch arm: how often it succeeds there, and a picture of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf

from docs.render.markdown import table
from tfmeta.core.estimate import estimate
from tfmeta.core.words import counted
from tfmeta.imitation.demonstration import Ask, Demonstration
from tfmeta.imitation.fetch_play import demonstrate_fetch, imitate_fetch
from tfmeta.imitation.fetch_stacking import FetchStacking
from tfmeta.imitation.layouts import Layout
from tfmeta.imitation.learner import ImitationLearner
from tfmeta.imitation.stacking import StackingWorld
from tfmeta.imitation.stacking_tasks import StackingTasks
from tfmeta.imitation.world import Observation

__all__ = ["film_fetch", "table_of_fetch"]

_EPISODES, _STAGES, _SEED = 200, (1, 2, 3), 5
_STRIDE, _PACE, _PAUSE = 2, 80, 2000  # steps of a frame; milliseconds that one is shown, and the last one


def table_of_fetch(learner: ImitationLearner, tasks: StackingTasks) -> str:
    """Measures a policy that has learned in the kinematic world, by number of stages.

    Args:
        learner: the trained learner.
        tasks: those of its training.
    """
    split, ask = tasks.layouts(), _asking(learner)
    counts = [stages for stages in _STAGES if stages <= tasks.most_stages]
    shown: dict[str, list[str]] = {"expert": [], "unseen layouts": [], "seen layouts": []}
    for stages in counts:
        for name, layouts in (("unseen layouts", split.test), ("seen layouts", split.training)):
            chosen = _drawn([layout for layout in layouts if layout.stages == stages])
            fetch = FetchStacking(StackingWorld(chosen, most_cubes=tasks.most_cubes))
            demonstration = demonstrate_fetch(fetch, chosen, [_SEED, 0])
            if name == "unseen layouts":
                shown["expert"].append(_cell(fetch.succeeded()))
            shown[name].append(_cell(imitate_fetch(ask, fetch, demonstration, chosen, [_SEED, 1])))
    heads = ["on the Fetch arm", *(counted(stages, "stage") for stages in counts)]
    return table([heads, *([name, *cells] for name, cells in shown.items())])


def film_fetch(learner: ImitationLearner, layout: str, path: Path) -> None:
    """Writes a GIF: the demonstration on the left, and then the imitation on the right.

    Args:
        learner: the trained learner.
        layout: as a text.
        path: the GIF.
    """
    from PIL import Image

    world = StackingWorld([layout], most_cubes=learner.world.most_objects)
    fetch, ask = FetchStacking(world), _asking(learner)
    shown = demonstrate_fetch(fetch, [layout], [_SEED, 0])
    fetch.reset([layout], [_SEED, 1])
    begin = fetch.render()
    demonstrated = _watched(fetch, [layout], [_SEED, 0], lambda seen: fetch.expert())
    demo = {f"demo_{name}": x for name, x in shown._asdict().items()}
    state = ask("embed", demo)["demo_state"]
    imitated = _watched(
        fetch,
        [layout],
        [_SEED, 1],
        lambda seen: ask("act", {**seen._asdict(), "demo_state": state})["action"],
    )
    pairs = [(left, begin) for left in demonstrated] + [(demonstrated[-1], right) for right in imitated]
    frames = [Image.fromarray(np.concatenate(pair, axis=1)).quantize(96) for pair in pairs]
    times = [_PACE] * len(frames)
    times[len(demonstrated) - 1] = times[-1] = _PAUSE
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)


def _asking(learner: ImitationLearner) -> Ask:
    """Answers like the exported model of a learner."""
    policy = learner.policy
    act = tf.function(policy.act, autograph=False, reduce_retracing=True)

    def ask(signature: str, inputs: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        if signature == "embed":
            parts = (tf.constant(inputs[f"demo_{name}"]) for name in Demonstration._fields)
            return {"demo_state": policy.embed(Demonstration(*parts)).numpy()}
        seen = Observation(*(tf.constant(inputs[name]) for name in Observation._fields))
        return {"action": act(tf.constant(inputs["demo_state"]), seen).numpy()}

    return ask


def _watched(fetch: FetchStacking, layouts: list[str], seed: list[int], act: Any) -> list[np.ndarray]:
    seen, frames = fetch.reset(layouts, seed), []
    for step in range(fetch.horizon):
        if step % _STRIDE == 0:
            frames.append(fetch.render())
        if fetch.succeeded().all():
            break
        seen = fetch.step(act(seen))
    return [*frames, fetch.render()]


def _drawn(layouts: list[Layout]) -> list[Layout]:
    numbers = np.random.default_rng(_SEED).integers(len(layouts), size=_EPISODES)
    return [layouts[number] for number in numbers]


def _cell(succeeded: np.ndarray) -> str:
    found = estimate(cast(np.ndarray, succeeded).astype(np.float64))
    return f"{100 * found.mean:.1f} ± {100 * found.ci95:.1f}"
