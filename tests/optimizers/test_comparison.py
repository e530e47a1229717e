"""Comparisons: the zoo is tuned and raced beside learnt rules, and what came of it is kept."""

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.optimizers import comparison, tuning
from tfmeta.optimizers.comparison import Comparison, compare
from tfmeta.optimizers.quadratic import Quadratic
from tfmeta.optimizers.zoo import ZOO


class Standstill:
    def initial_state(self, parameters, batched=False):
        return ()

    def update(self, gradients, state, batched=False):
        return [0.0 * gradient for gradient in gradients], ()


@pytest.fixture(scope="module")
def found():
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(comparison, "ZOO", {name: ZOO[name] for name in ("gradient_descent", "adam")})
        context.setattr(
            comparison, "tune", lambda *args, **kw: tuning.tune(*args, rates=[1e-3, 0.01, 0.1], **kw)
        )
        return compare(
            {"still": Standstill()}, Quadratic(3), steps=6, problems=4, tuning_problems=2, tuned_for=5
        )


def test_all_rules_see_the_same_problems(found):
    assert list(found.losses) == ["still", "Gradient descent", "Adam"]
    for losses in found.losses.values():
        assert losses.shape == (4, 7)
        np.testing.assert_allclose(losses[:, 0], found.losses["still"][:, 0], rtol=1e-5)
    np.testing.assert_allclose(found.losses["still"][:, 6], found.losses["still"][:, 0], rtol=1e-5)
    assert found.tuned["Adam"].losses.shape == (3, 2, 6)


def test_it_says_who_is_best(found):
    assert found.best_designed(6) in found.tuned
    assert found.at(6)["still"].mean == pytest.approx(found.losses["still"][:, 6].mean())
    diverged = Comparison({"a": np.array([[1.0, np.inf], [1.0, 2.0]])}, {})
    assert diverged.at(1)["a"].mean == np.inf


def test_it_is_kept_in_a_file(found, tmp_path):
    found.write(tmp_path / "found.npz")
    again = Comparison.read(tmp_path / "found.npz")
    assert list(again.losses) == list(found.losses) and list(again.tuned) == list(found.tuned)
    np.testing.assert_array_equal(again.losses["Adam"], found.losses["Adam"])
    assert again.tuned["Adam"].best_rate == found.tuned["Adam"].best_rate
    assert [path.name for path in tmp_path.iterdir()] == ["found.npz"]
    (tmp_path / "bad.npz").write_bytes(b"PK no")
    for name in ("bad.npz", "none.npz"):
        with pytest.raises(TfmetaError, match="cannot be read"):
            Comparison.read(tmp_path / name)


def test_a_learnt_rule_has_a_title_of_its_own():
    with pytest.raises(ValueError, match="called Adam, as rules of the zoo are"):
        compare({"Adam": Standstill()}, Quadratic(3))
