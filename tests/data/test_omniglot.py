import sys

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data import omniglot
from tfmeta.data.omniglot import load_omniglot

PARTS = ("train", "validation", "test")
SIZES = {"alphabets": (1028, 172, 423), "characters": (1100, 100, 423)}
needs_omniglot = pytest.mark.needs_dataset("omniglot")


@needs_omniglot
@pytest.mark.parametrize("split", SIZES)
def test_parts_are_disjoint_and_of_the_published_sizes(split):
    parts = [load_omniglot(part, split=split) for part in PARTS]
    assert tuple(map(len, parts)) == SIZES[split]
    for images in parts:
        assert images.shape[1:] == (20, 28, 28, 1) and images.dtype == np.uint8
    drawings = {image.tobytes() for part in parts for image in part[:, 0]}
    assert len(drawings) == 1623


@needs_omniglot
def test_ink_is_255_on_paper_of_0():
    images = load_omniglot("validation")
    assert images.max() == 255 and np.median(images) == 0
    assert 0.02 < images.mean() / 255 < 0.2
    assert images.reshape(len(images) * 20, -1).max(axis=1).min() > 100  # every drawing has ink


@needs_omniglot
def test_drawings_of_a_class_resemble_one_another():
    """They would not if labels and drawings were out of step; by chance, one of a hundred would."""
    x = load_omniglot("test")[:100, ..., 0].reshape(100, 20, -1).astype(float)
    means, others = x[:, :15].mean(axis=1), x[:, 15:]
    nearest = ((means**2).sum(-1) - 2 * others @ means.T).argmin(-1)
    assert (nearest == np.arange(100)[:, None]).mean() > 0.3


@needs_omniglot
def test_rotations_are_further_classes():
    upright = load_omniglot("validation")
    turned = load_omniglot("validation", rotations=True)
    assert turned.shape == (4 * 172, 20, 28, 28, 1)
    for turns in range(4):
        same = turned[turns * 172 + 5, 3, ..., 0]
        np.testing.assert_array_equal(same, np.rot90(upright[5, 3, ..., 0], turns))


@needs_omniglot
def test_the_seed_deals_the_characters():
    first, again, other = (load_omniglot("test", split="characters", seed=seed)[:, 0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


@needs_omniglot
def test_no_alphabet_is_shared_but_for_four_characters_of_gurmukhi():
    _, names = omniglot._decoded(28)
    parts = [{names[i] for i in omniglot._members(part, "alphabets", names, 1)} for part in PARTS]
    alphabets = [{name.rsplit("_", 1)[0] for name in part} for part in parts]
    assert [len(alphabet) for alphabet in alphabets] == [33, 5, 13]
    assert alphabets[0] & alphabets[2] == {"Gurmukhi"} and not alphabets[1] & (alphabets[0] | alphabets[2])
    in_order = sorted((n for n in names if n.startswith("Gurmukhi_")), key=lambda n: int(n.rsplit("_", 1)[1]))
    assert set(in_order[41:]) == {name for name in parts[2] if name.startswith("Gurmukhi_")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"part": "val"}, "part='val'; expected one of train, validation, test"),
        ({"part": "test", "split": "random"}, "split='random'; expected one of characters, alphabets"),
    ],
)
def test_unknown_parts_and_splits_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_omniglot(**arguments)


@pytest.fixture
def nothing_decoded():
    """As in a process that has not loaded Omniglot yet, and without losing what this one has."""
    kept, omniglot._decoded = omniglot._decoded, omniglot._decoded.__wrapped__
    yield
    omniglot._decoded = kept


def test_absent_data_are_named_with_the_remedy(nothing_decoded, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def no_network(*arguments, **options):
        raise ConnectionError("Name or service not known\nand a long trace")

    monkeypatch.setattr(tfds, "load", no_network)
    with pytest.raises(TfmetaError) as caught:
        load_omniglot("test")
    text = str(caught.value)
    assert "neither found nor downloaded (tfds.load('omniglot')" in text
    assert "Name or service not known" in text and "\n" not in text
    assert "Set TFDS_DATA_DIR to a folder that holds omniglot/3.0.0" in text


def test_without_tensorflow_datasets_the_extra_is_named(nothing_decoded, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(TfmetaError, match=r"not installed: pip install 'tfmeta\[data\]'"):
        load_omniglot("test")
