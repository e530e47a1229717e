"""Ways through mazes: gone again as they were gone, and drawn."""

import numpy as np
import pytest
from PIL import Image

from docs.render.maze_film import film
from docs.render.maze_paths import Episode, Walk, draw_paths, retrace, walk, way_of
from tfmeta.rl import TrialNetwork, maze_walks, play
from tfmeta.rl.environments import MazeEnvironment

SEED = (3, 5)


@pytest.fixture(scope="module")
def played():
    environment = MazeEnvironment(size=3, horizon=12, width=8, height=6, turn=90.0)
    policy = TrialNetwork(3, environment.observation_size, outputs=3, units=4, seed=0)
    walks = walk(policy, environment, mazes=20, seed=SEED)
    return environment, play(policy, environment, trials=20, seed=SEED), walks


def test_the_way_that_is_gone_again_is_the_way_that_was_gone(played):
    environment, trials, walks = played
    expected = maze_walks(environment, trials.rewards)
    assert expected.found.any() and not expected.found.all()
    assert [[episode.found for episode in each.episodes] for each in walks] == expected.found.tolist()
    assert [[episode.steps for episode in each.episodes] for each in walks] == expected.steps.tolist()


def test_a_way_begins_at_the_start_and_ends_at_the_target(played):
    _, trials, walks = played
    for number, each in enumerate(walks):
        assert each.target[0] * 5 + each.target[1] == trials.tasks.target[number]
        np.testing.assert_array_equal(each.walls, trials.tasks.walls[number])
        for episode in each.episodes:
            np.testing.assert_array_equal(episode.poses[0], trials.tasks.start[number])
            blocks = np.floor(episode.poses[:, :2]).astype(int)
            assert not each.walls[blocks[:, 0], blocks[:, 1]].any()
            assert (tuple(blocks[-1].tolist()) == each.target) == episode.found
            assert len(episode.seen) == len(episode.poses)
            assert episode.seen.shape[1:] == (6, 8, 3) and episode.seen.max() > 0


def test_there_and_back_again_are_side_by_side():
    poses = np.array([[1.5, 1.5, 0], [1.5, 2.5, 0], [1.5, 2.5, np.pi], [1.5, 1.5, np.pi]])
    points, steps = way_of(poses)
    assert points[:, 0].tolist() == [1.5, 2.5, 2.5, 1.5]
    np.testing.assert_allclose(points[:, 1] - 1.5, [0.09, 0.09, -0.09, -0.09])
    assert steps.tolist() == [1, 3, 3, 3]
    corner = way_of(np.array([[1.5, 1.5, 0], [1.5, 2.5, 0], [2.5, 2.5, np.pi / 2]]))[0]
    np.testing.assert_allclose(corner, [[1.5, 1.59], [2.41, 1.59], [2.41, 2.5]])
    assert way_of(np.array([[1.5, 1.5, 0], [1.5, 1.5, 1]]))[0].tolist() == [[1.5, 1.5]]


def test_pictures_are_drawn(played, tmp_path):
    _, _, walks = played
    draw_paths(walks[:3], tmp_path / "paths.png")
    with Image.open(tmp_path / "paths.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    for colour in ((43, 48, 56), (244, 241, 234), (214, 39, 40), (224, 123, 31), (31, 111, 180)):
        assert (abs(pixels.astype(int) - colour).max(axis=1) < 3).any(), colour
    with pytest.raises(ValueError, match="walks is empty"):
        draw_paths([], tmp_path / "none.png")


def test_a_film_shows_every_step_and_then_rests(played, tmp_path):
    first, second = (Episode(e.poses[:4], e.seen[:4], found=True) for e in played[2][0].episodes)
    film(Walk(played[2][0].walls, played[2][0].target, (first, second)), tmp_path / "maze.gif")
    shown = []
    with Image.open(tmp_path / "maze.gif") as image:
        for frame in range(image.n_frames):
            image.seek(frame)
            shown.append(image.info["duration"])
    assert shown == [90, 90, 90, 1500] * 2


def test_actions_that_are_no_trials_are_refused(played):
    with pytest.raises(ValueError, match=r"shape \(4,\); expected \[trials, steps\]"):
        retrace(played[0], np.zeros(4, int), seed=SEED)
