"""The pictures of races of update rules, from made-up races."""

import numpy as np
import pytest

from docs.render.optimizers import draw_race, draw_sensitivity, draw_transfer, render_race
from tfmeta.optimizers.comparison import Comparison
from tfmeta.optimizers.tuning import Sensitivity


def race(learnt="LSTM", scale=1.0):
    random, steps = np.random.default_rng(0), np.arange(31)
    curves = {learnt: 0.8, "Adam": 0.9, "Gradient descent": 1.1}
    losses = {
        title: scale * random.uniform(1.0, 3.0, [10, 1]) * factor**steps for title, factor in curves.items()
    }
    losses["Gradient descent"][3, 20:] = np.inf
    rates = np.array([0.01, 0.1, 1.0])
    tuned = np.stack([losses["Adam"] ** power for power in (0.5, 1.0, 0.2)])
    return Comparison(
        losses,
        {
            "Adam": Sensitivity(rates, tuned),
            "Gradient descent": Sensitivity(rates, np.where(tuned > 2, np.nan, tuned)),
        },
    )


@pytest.fixture
def shows(tmp_path):
    def check(draw, *args, **options):
        path = tmp_path / "picture.png"
        draw(*args, path, **options)
        from matplotlib import image

        pixels = image.imread(path)
        assert min(pixels.shape[:2]) > 300 and pixels[..., :3].std() > 0.05
        path.unlink()

    return check


def test_a_race_is_drawn_though_a_rule_diverges(shows):
    shows(draw_race, race(), title="Made up", trained_for=20)


def test_panels_of_transfer_fill_rows(shows):
    panels = {str(number): race(scale=10.0**number) for number in range(4)}
    shows(draw_transfer, panels, trained_for=20, columns=3)
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_transfer({}, "nowhere.png")


def test_sensitivity_is_drawn_where_rates_diverge(shows):
    shows(draw_sensitivity, {"one": race(), "other": race("another rule")})


def test_the_table_marks_the_lowest_and_tells_what_diverged():
    lines = render_race(race(), (10, 30)).splitlines()
    assert lines[0] == "| rule | learning rate | after 10 updates | after 30 updates |"
    by_title = {line.split(" | ")[0].strip("| "): line for line in lines[2:]}
    assert by_title["LSTM"].count("**") == 4 and "| – |" in by_title["LSTM"]
    assert by_title["Gradient descent"].endswith("diverged |") and "| 0.1 |" in by_title["Adam"]
