"""The published numbers, against a second copy of the papers' tables, in percent as they are printed there."""

import pytest

from tfmeta.core.published import TO_BE_CHECKED, Published
from tfmeta.recipes.published import COLUMNS, PUBLISHED, published

_OMNIGLOT = {
    "siamese": "97.3 98.4 88.2 97.0",
    "matching": "98.1 98.9 93.8 98.5",
    "statistician": "98.1 99.5 93.2 98.1",
    "memory": "98.4 99.6 95.0 98.6",
    "maml": "98.7 99.9 95.8 98.9",
    "prototypical": "98.8 99.7 96.0 98.9",
    "pixels": "41.7 63.2 26.7 42.6",
    "centroid": "80.0 95.0 69.5 89.1",
    "tuning": "86.0 97.6 72.9 92.3",
}
_BANDITS = {10: "6.7 6.7 6.8", 100: "78.7 83.5 84.9", 500: "401.6 432.5 438.9"}  # of 5, 10 and 50 arms
_POLICIES = {
    "maml-navigation": [-40.41, -11.68, -3.33, -3.23],
    "maml-cheetah": [-50.69, 293.19, 313.48, 315.65],
}
_MDPS = {10: 156.2, 25: 445.7, 50: 936.1, 75: 1428.8, 100: 1913.7}
_QUESTIONS = {
    ("nmn-shapes",): 90.6,
    ("monolithic-shapes",): 65.3,
    ("nmn-geoqa", "GeoQA", "NMN"): 51.7,
    ("nmn-geoqa", "GeoQA", "D-NMN"): 54.3,
    ("nmn-geoqa", "GeoQA+Q", "NMN"): 35.7,
    ("nmn-geoqa", "GeoQA+Q", "D-NMN"): 42.9,
}


def _percent(*key) -> float:
    return round(100 * published(*key).value, 1)


@pytest.mark.parametrize("system", _OMNIGLOT)
def test_omniglot(system):
    assert [_percent(system, *column) for column in COLUMNS] == [float(p) for p in _OMNIGLOT[system].split()]


def test_cifar_fs():
    assert [_percent("prototypical-cifar-fs", 5, shots) for shots in (1, 5)] == [55.5, 72.0]


def test_rl2():
    for pulls, rewards in _BANDITS.items():
        found = [published("rl2-bandit", pulls, arms).value for arms in (5, 10, 50)]
        assert found == [float(reward) for reward in rewards.split()]
    assert {episodes: published("rl2-mdp", episodes).value for episodes in _MDPS} == _MDPS
    assert [published("rl2-maze", 5, episode).value for episode in (1, 2)] == [52.4, 39.1]


def test_questions():
    assert {key: _percent(*key) for key in _QUESTIONS} == _QUESTIONS


def test_policies_that_adapt():
    for system, returns in _POLICIES.items():
        assert [published(system, updates).value for updates in range(4)] == returns


def test_nothing_else_is_claimed():
    """Every number of the table is in the copy above, so that none goes unchecked."""
    policies = sum(map(len, _POLICIES.values()))
    copied = 4 * len(_OMNIGLOT) + 2 + 3 * len(_BANDITS) + len(_MDPS) + policies + 2 + len(_QUESTIONS)
    assert len(PUBLISHED) == copied


@pytest.mark.parametrize(
    "key", [("maml", 7, 1), ("reptile", 5, 1), ("rl2-maze", 9, 1), ("rl2-bandit", 5, 10), ("nmn-shapes", 5)]
)
def test_what_no_paper_says_is_none(key):
    assert published(*key) is None


@pytest.mark.parametrize(
    "system, author",
    [("siamese", "Koch"), ("matching", "Vinyals"), ("statistician", "Edwards"), ("memory", "Kaiser"), ("maml", "Finn"),
     ("prototypical", "Snell")],
)  # fmt: skip
def test_sources_name_author_year_and_table(system, author):
    source = published(system, 20, 1).source
    assert source.startswith(author) and "20" in source and "table 1" in source


def test_what_is_quoted_from_memory_says_so():
    doubtful = {key[0] for key, number in PUBLISHED.items() if not number.checked}
    assert doubtful == {"nmn-geoqa"}
    assert not Published(0.5, f"somebody; {TO_BE_CHECKED}").checked
