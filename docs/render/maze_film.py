"""A trial in a maze as a moving picture: from above, and through the eyes of who walks."""

from pathlib import Path
from typing import Any

import numpy as np

from docs.render.maze_paths import EPISODE_COLOURS, Walk, draw_maze, name_of, way_of, wedge

__all__ = ["film"]

_MOST_FRAMES = 160
_PACE, _PAUSE = 90, 1500  # milliseconds that a frame is shown, and the last one of an episode
_COLOURS = 64  # of a frame's palette; more make the file larger, and nothing clearer


def film(trial: Walk, path: str | Path) -> None:
    """Writes a GIF of all episodes of a trial: the maze from above with who walks it, beside what he sees.

    Args:
        trial: the walk. Where it is long, only every second step is shown, or every third.
        path: the GIF.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Polygon

    figure = pyplot.figure(figsize=(6.4, 3.2), facecolor="white")
    above = figure.add_axes((0.01, 0.02, 0.46, 0.86))
    eye = figure.add_axes((0.5, 0.12, 0.48, 0.66))
    stride = -(-sum(episode.steps + 1 for episode in trial.episodes) // _MOST_FRAMES)
    frames, shown = [], []
    for number, episode in enumerate(trial.episodes):
        colour = EPISODE_COLOURS[number % len(EPISODE_COLOURS)]
        for axis in (above, eye):
            axis.clear()
            axis.set_axis_off()
        draw_maze(above, trial, episode.poses[0])
        (way,) = above.plot([], [], color=colour, linewidth=2.6, solid_capstyle="round", zorder=2)
        walker = Polygon(wedge(*episode.poses[0]), facecolor=colour, edgecolor="white", zorder=6)
        above.add_patch(walker)
        points, steps = way_of(episode.poses)
        seen = eye.imshow(episode.seen[0], interpolation="nearest", vmin=0, vmax=1)
        eye.set_title("what it sees", fontsize=10, color="0.35")
        title = figure.text(0.02, 0.925, "", fontsize=12, fontweight="bold", color=colour)
        for step in [*range(0, episode.steps, stride), episode.steps]:
            way.set_data(*points[steps <= step].T)
            walker.set_xy(wedge(*episode.poses[step]))
            seen.set_data(episode.seen[step])
            there = step == episode.steps
            outcome = (": found" if episode.found else ": not found") if there else ""
            title.set_text(f"{name_of(number).capitalize()}, step {step}{outcome}")
            frames.append(_frame(figure))
            shown.append(_PAUSE if there else _PACE * stride)
        title.remove()
    pyplot.close(figure)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=shown, loop=0, optimize=True)


def _frame(figure: Any) -> Any:
    from PIL import Image

    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    return Image.fromarray(pixels).quantize(_COLOURS, dither=Image.Dither.NONE)
