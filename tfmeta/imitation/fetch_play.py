"""Demonstrations and imitations by the Fetch robot, outside the graph."""

from collections.abc import Sequence

import numpy as np

from tfmeta.core.checks import check
from tfmeta.core.words import counted
from tfmeta.imitation.demonstration import Ask, Demonstration
from tfmeta.imitation.fetch_stacking import FetchStacking
from tfmeta.imitation.layouts import Layout

__all__ = ["demonstrate_fetch", "imitate_fetch"]


def demonstrate_fetch(
    fetch: FetchStacking, layouts: Sequence[Layout | str], seed: int | Sequence[int]
) -> Demonstration:
    """Lets the expert build layouts, each in a scene of its own.

    Args:
        fetch: the robot; its scenes begin anew.
        layouts: B of them.
        seed: of the scenes.

    Returns:
        What was observed, as arrays.
    """
    seen = fetch.reset(layouts, seed)
    objects, body, done = [], [], []
    for _ in range(fetch.horizon):
        objects.append(seen.objects)
        body.append(seen.body)
        done.append(fetch.succeeded())
        if all(done[-1]):
            break
        seen = fetch.step(fetch.expert())
    before = np.cumprod(~np.array(done), axis=0).sum(axis=0)
    length = np.minimum(before + fetch.world.afterwards, len(done)).astype(np.int32)
    return Demonstration(np.stack(objects, axis=1), seen.present, np.stack(body, axis=1), length)


def imitate_fetch(
    ask: Ask,
    fetch: FetchStacking,
    shown: Demonstration,
    layouts: Sequence[Layout | str],
    seed: int | Sequence[int],
) -> np.ndarray:
    """Lets a model that reads demonstrations build layouts, each in another scene.

    Args:
        ask: asks a signature of the model; see `tfmeta.imitation.play_model`.
        fetch: the robot; its scenes begin anew.
        shown: a demonstration of each layout.
        layouts: B of them.
        seed: of the scenes.

    Returns:
        Whether each layout was built at some time, and the gripper had let go, ``[B]`` bool.
    """
    check(
        len(layouts) == len(shown.length),
        f"{counted(len(shown.length), 'demonstration')} came for {counted(len(layouts), 'layout')}; expected one for"
        " each layout, in the same order.",
    )
    demo = {f"demo_{name}": np.asarray(x) for name, x in shown._asdict().items()}
    demo_state = ask("embed", demo)["demo_state"]
    seen = fetch.reset(layouts, seed)
    built = fetch.succeeded()
    for _ in range(fetch.horizon):
        seen = fetch.step(ask("act", {**seen._asdict(), "demo_state": demo_state})["action"])
        built |= fetch.succeeded()
        if built.all():
            break
    return built
