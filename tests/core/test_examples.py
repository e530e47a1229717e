import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.examples import labelled_examples

CLASSES, EXAMPLES = 7, 5


@pytest.fixture(scope="module")
def images():
    """Every image says which it is: its first pixel is its class, its second its number in the class."""
    pixels = np.stack(np.meshgrid(np.arange(CLASSES), np.arange(EXAMPLES), indexing="ij"), axis=-1)
    return pixels.astype(np.uint8).reshape(CLASSES, EXAMPLES, 1, 2, 1)


def drawn(images, batches=1, **options):
    """The classes and numbers of examples, and their labels, ``[items]`` each."""
    taken = list(itertools.islice(labelled_examples(images, **options).as_numpy_iterator(), batches))
    x, y = (np.concatenate(column, axis=1)[0] for column in zip(*taken, strict=True))
    classes, numbers = np.rint(255 * x[:, 0, :, 0]).astype(int).T
    return classes, numbers, y


def test_the_draws_of_a_seed_never_change(images):
    """Trained models saw these batches."""
    classes, numbers, _ = drawn(images, items=8, seed=3)
    assert classes.tolist() == [1, 0, 1, 0, 1, 5, 5, 5]
    assert numbers.tolist() == [0, 2, 3, 0, 2, 0, 4, 3]


def test_a_list_of_equal_classes_is_the_array(images):
    np.testing.assert_array_equal(drawn(list(images), items=30, seed=4), drawn(images, items=30, seed=4))


def test_of_classes_that_differ_in_size_every_example_is_as_likely(images):
    ragged = [examples[: 1 + number % 3] for number, examples in enumerate(images)]
    classes, numbers, y = drawn(ragged, items=100, batches=30, seed=1)
    np.testing.assert_array_equal(classes, y)
    counts = np.zeros([CLASSES, EXAMPLES], int)
    np.add.at(counts, (classes, numbers), 1)
    sizes = 1 + np.arange(CLASSES) % 3
    inside = np.arange(EXAMPLES) < sizes[:, None]
    assert counts[~inside].sum() == 0
    assert np.abs(counts[inside] - 3000 / sizes.sum()).max() < 75  # 231 +- 15 each


def test_items_may_be_vectors():
    x, y = next(iter(labelled_examples([np.ones([2, 3]), np.zeros([4, 3])], items=9, item_rank=1)))
    assert x.shape == (1, 9, 3) and x.dtype == tf.float32
    np.testing.assert_array_equal(x[0, :, 0], 1 - y[0])
