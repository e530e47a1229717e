"""Block stacking as pictures: a demonstration beside its imitation, and what the policy attends to."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.imitation.demonstration import demonstrate
from tfmeta.imitation.layouts import LETTERS, Layout
from tfmeta.imitation.learner import ImitationLearner
from tfmeta.imitation.one_shot_policy import OneShotPolicy
from tfmeta.imitation.stacking import StackingWorld
from tfmeta.imitation.stacking_rules import SIDE, StackingState
from tfmeta.imitation.steps import evenly

__all__ = ["Watched", "draw_attention", "film", "watch"]

_COLOURS = [
    "#1f6fb4",
    "#d62728",
    "#2e7d32",
    "#f2a900",
    "#7b4fa3",
    "#8c564b",
    "#e377c2",
    "#17becf",
    "#7f7f7f",
    "#bcbd22",
]
_PALETTE = 64  # colours of a frame; more make the file larger, and nothing clearer
_STRIDE, _PACE, _PAUSE = 2, 80, 2000  # steps of a frame; milliseconds that one is shown, and the last one
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * SIDE / 2
_FACES = np.array([[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]])


class Watched(NamedTuple):
    """A demonstration of a layout, and an imitation of it; S and T steps.

    Attributes:
        layout: what was built.
        shown: the scenes of the demonstration.
        done: the scenes of the imitation.
        read: which steps of the demonstration the policy has read, ``[K]``.
        of_steps: how much it attended to each of them, the mean over reads and heads, ``[T, K]``.
        of_objects: how much the first two heads attended to each cube, ``[T, heads, N]``.
        succeeded: whether the imitation has built the layout.
    """

    layout: Layout
    shown: list[StackingState]
    done: list[StackingState]
    read: np.ndarray
    of_steps: np.ndarray
    of_objects: np.ndarray
    succeeded: bool


def watch(learner: ImitationLearner, layout: str, *, seed: int) -> Watched:
    """Lets the expert build a layout, and the learner after it in another scene.

    Args:
        learner: with a `OneShotPolicy`, of block stacking.
        layout: as a text.
        seed: of the scenes.
    """
    policy, most = learner.policy, learner.world.most_objects
    assert isinstance(policy, OneShotPolicy)
    world = StackingWorld([layout], most_cubes=most)
    task = world.tasks([layout])
    demonstration = tf.function(demonstrate, autograph=False)(world, task, tf.constant([seed, 0]))
    shown = demonstration.demonstration()
    demo_state = policy.embed(shown)

    @tf.function(autograph=False)
    def follow(state: StackingState) -> tuple:
        seen = world.observe(state)
        context = policy.relate(demo_state, seen)
        return world.step(state, policy.act(demo_state, seen)), context.of_steps, context.of_objects

    expert = tf.function(lambda state: world.step(state, world.expert(state)), autograph=False)
    state, scenes = world.arrange(task, [seed, 0]), []
    for _ in range(int(shown.length[0])):
        scenes.append(state)
        state = expert(state)
    state, done, of_steps, of_objects = world.arrange(task, [seed, 1]), [], [], []
    for _ in range(world.horizon):
        done.append(state)
        state, steps, objects = follow(state)
        of_steps.append(steps.numpy()[0].mean(axis=(0, 1)))
        of_objects.append(objects.numpy()[0])
        if world.succeeded(state).numpy()[0]:
            break
    done.append(state)
    return Watched(
        world.layouts[0], scenes, done, evenly(shown.length, policy.steps).numpy()[0], np.array(of_steps),
        np.array(of_objects), bool(world.succeeded(state).numpy()[0]),
    )  # fmt: skip


def film(watched: Watched, path: str | Path) -> None:
    """Writes a GIF: the demonstration on the left, and then the imitation on the right.

    Args:
        watched: both.
        path: the GIF.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(6.4, 3.3), facecolor="white", dpi=90)
    panels = [figure.add_subplot(1, 2, number, projection="3d", computed_zorder=False) for number in (1, 2)]
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.94, wspace=0)
    frames, shown = [], []
    parts = (("demonstration", watched.shown), ("imitation, in another scene", watched.done))
    for number, (title, scenes) in enumerate(parts):
        if not number:
            _draw_scene(panels[1], watched.done[0], parts[1][0])
        for step in [*range(0, len(scenes) - 1, _STRIDE), len(scenes) - 1]:
            _draw_scene(panels[number], scenes[step], title)
            frames.append(_frame(figure))
            shown.append(_PAUSE if step == len(scenes) - 1 else _PACE)
    pyplot.close(figure)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=shown, loop=0, optimize=True)


def draw_attention(watched: Watched, path: str | Path) -> None:
    """Draws at each step of the imitation: which steps of the demonstration matter, and which cubes.

    Args:
        watched: a demonstration and an imitation.
        path: the PNG.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    cubes = watched.layout.cubes
    figure, panels = pyplot.subplots(
        3, 1, figsize=(7.2, 5.6), sharex=True, layout="constrained", height_ratios=[2, 1, 1]
    )
    top = panels[0].imshow(watched.of_steps.T, aspect="auto", origin="lower", cmap="Blues", vmin=0)
    marks = range(0, len(watched.read), 4)
    panels[0].set_yticks(marks, [str(watched.read[mark]) for mark in marks])
    panels[0].set_ylabel("step of the\ndemonstration")
    figure.colorbar(top, ax=panels[0], label="weight")
    for head, panel in enumerate(panels[1:]):
        weights = watched.of_objects[:, head, :cubes]
        low = panel.imshow(weights.T, aspect="auto", origin="lower", cmap="Oranges", vmin=0, vmax=1)
        panel.set_yticks(range(cubes), LETTERS[:cubes])
        panel.set_ylabel(f"cube,\nhead {head + 1}")
        figure.colorbar(low, ax=panel, label="weight")
    panels[-1].set_xlabel(f"step of the imitation of {str(watched.layout)!r}")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _draw_scene(panel: Any, state: StackingState, title: str) -> None:
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    panel.clear()
    panel.set_axis_off()
    panel.set_title(title, fontsize=10)
    count = int(state.task.count[0])
    cubes, gripper, opening = (x.numpy()[0] for x in (state.cubes, state.gripper, state.opening))
    table = np.array([[-0.34, -0.34, 0], [0.34, -0.34, 0], [0.34, 0.34, 0], [-0.34, 0.34, 0]])
    panel.add_collection3d(Poly3DCollection([table], facecolor="#efece6", edgecolor="#c9c3b8", zorder=0))
    far_first = sorted(
        range(count), key=lambda cube: (round(cubes[cube, 2], 3), -cubes[cube] @ [1.0, -1.0, 0.0])
    )
    for order, cube in enumerate(far_first):
        corners = cubes[cube] + _CORNERS
        faces = Poly3DCollection(
            corners[_FACES], facecolor=_COLOURS[cube], edgecolor="white", linewidth=0.5, zorder=1 + order
        )
        panel.add_collection3d(faces)
        panel.text(
            *(cubes[cube] + np.array([0.03, -0.03, 0.0])),
            LETTERS[cube],
            fontsize=9,
            color="white",
            zorder=50,
            ha="center",
            va="center",
        )
    for side in (-1, 1):
        reach = side * (opening / 2 + 0.004)
        _draw_line(panel, gripper, (0.0, reach, -0.02), (0.0, reach, 0.05))
    _draw_line(panel, gripper, (0.0, -0.05, 0.05), (0.0, 0.05, 0.05))
    _draw_line(panel, gripper, (0.0, 0.0, 0.05), (0.0, 0.0, 0.14))
    panel.set_xlim(-0.3, 0.3)
    panel.set_ylim(-0.3, 0.3)
    panel.set_zlim(-0.12, 0.38)
    panel.set_box_aspect((0.6, 0.6, 0.5), zoom=1.2)
    panel.view_init(elev=24, azim=-45)


def _draw_line(panel: Any, origin: np.ndarray, *ends: tuple[float, float, float]) -> None:
    panel.plot(*(origin + np.array(ends)).T, color="0.2", linewidth=3, zorder=60)


def _frame(figure: Any) -> Any:
    from PIL import Image

    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    return Image.fromarray(pixels).quantize(_PALETTE, dither=Image.Dither.NONE)
