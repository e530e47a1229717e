"""Graphs are rewritten before their first run, as a server does it, unless a test says that it is in a hurry."""

import json

from tests.core import toys
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact, replay


def orders_of(path, monkeypatch):
    seen, run = [], replay._run

    def watched(folder):
        seen.append(json.loads((folder / "orders.json").read_text()))
        run(folder)

    with monkeypatch.context() as patch:
        patch.setattr(replay, "_run", watched)
        assert check_artefact(path).ok
    return seen


def test_a_graph_is_rewritten_first(tmp_path, monkeypatch):
    (orders,) = orders_of(export(toys.recurrent(), tmp_path), monkeypatch)
    assert orders["rewrites"] is True


def test_a_hurried_test_runs_it_as_it_is_written(tmp_path, monkeypatch, in_a_hurry):
    (orders,) = orders_of(export(toys.recurrent(), tmp_path), monkeypatch)
    assert orders["rewrites"] is False
