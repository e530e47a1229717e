import sys

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data import digits


def test_images_are_ink_on_paper():
    pytest.importorskip("sklearn")
    images, labels = digits.load_digits()
    assert images.shape == (1797, 28, 28, 1)
    assert images.dtype == np.float32
    assert labels.dtype == np.int32
    assert images.min() == 0.0
    assert images.max() == 1.0
    assert (images.max(axis=(1, 2, 3)) == 1.0).all()
    assert not images[:, :4].any()  # the digits stand in the middle of the frame
    assert not images[:, :, -4:].any()
    assert np.bincount(labels).min() >= 174
    assert 0.06 < images.mean() < 0.13


def test_a_caller_may_write_into_what_came():
    pytest.importorskip("sklearn")
    digits.load_digits()[0][:] = 7.0
    assert digits.load_digits()[0].max() == 1.0


def test_where_scikit_learn_is_absent_it_says_what_to_install(monkeypatch):
    digits._prepared.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(TfmetaError, match=r"tfmeta\[data\]"):
        digits.load_digits()
