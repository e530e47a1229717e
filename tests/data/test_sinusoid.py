import itertools

import numpy as np
import pytest

from tfmeta.data.sinusoid import sinusoid


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def test_each_task_is_one_sine_wave():
    inputs, query_y = take(sinusoid(shots=10, queries=20, batch_size=500, seed=3), 1)[0]
    assert {name: x.shape for name, x in inputs.items()} == {
        "support_x": (500, 10, 1), "support_y": (500, 10, 1), "query_x": (500, 20, 1)
    }  # fmt: skip
    x = np.concatenate([inputs["support_x"], inputs["query_x"]], axis=1)[..., 0]
    y = np.concatenate([inputs["support_y"], query_y], axis=1)[..., 0]
    assert x.dtype == y.dtype == np.float32
    assert -5.0 <= x.min() < -4.9 < 4.9 < x.max() < 5.0

    # y = a sin(x - p) = (a cos p) sin x - (a sin p) cos x is linear in two unknowns.
    basis = np.stack([np.sin(x), -np.cos(x)], axis=-1).astype(np.float64)
    weights = np.linalg.pinv(basis) @ y[..., None]
    np.testing.assert_allclose((basis @ weights)[..., 0], y, atol=1e-4)
    amplitude, phase = np.hypot(*weights[..., 0].T), np.arctan2(*weights[..., 0].T[::-1])
    assert 0.1 <= amplitude.min() < 0.2 < 4.9 < amplitude.max() <= 5.0
    assert -1e-3 <= phase.min() < 0.1 < 3.0 < phase.max() <= np.pi + 1e-3
    assert abs(amplitude.mean() - 2.55) < 0.2
    assert abs(phase.mean() - np.pi / 2) < 0.15


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    unbroken = take(sinusoid(5, 3, batch_size=2, seed=1), 4)
    resumed = take(sinusoid(5, 3, batch_size=2, seed=1, start=2), 2)
    for (inputs, y), (inputs_again, y_again) in zip(unbroken[2:], resumed, strict=True):
        np.testing.assert_array_equal(y, y_again)
        for name, values in inputs.items():
            np.testing.assert_array_equal(values, inputs_again[name])
    assert (unbroken[0][1] != unbroken[1][1]).all()
    assert (take(sinusoid(5, 3, batch_size=2, seed=2), 1)[0][1] != unbroken[0][1]).all()


@pytest.mark.parametrize("bad", [{"shots": 0}, {"queries": 0}, {"batch_size": 0}, {"start": -1}])
def test_bad_arguments_are_named(bad):
    with pytest.raises(ValueError, match="{}={}".format(*next(iter(bad.items())))):
        sinusoid(**{"shots": 1, "queries": 1, "batch_size": 1, **bad})
