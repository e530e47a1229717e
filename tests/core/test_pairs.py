import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.pairs import pairs

CLASSES, EXAMPLES, PAIRS = 12, 5, 6


@pytest.fixture(scope="module")
def images():
    """Every image says which it is: its first pixel is its class, its second its number in the class."""
    pixels = np.stack(np.meshgrid(np.arange(CLASSES), np.arange(EXAMPLES), indexing="ij"), axis=-1)
    return pixels.astype(np.uint8).reshape(CLASSES, EXAMPLES, 1, 2, 1)


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def classes_and_numbers(x):
    return np.rint(255 * x[..., 0]).astype(int)[:, 0].T


@pytest.fixture(scope="module")
def batches(images):
    return take(pairs(images, batch_size=PAIRS, seed=3), 100)


def test_shapes_and_types(batches):
    inputs, same = batches[0]
    assert {name: (x.shape, x.dtype) for name, x in inputs.items()} == {
        "a": ((PAIRS, 1, 2, 1), np.float32),
        "b": ((PAIRS, 1, 2, 1), np.float32),
    }
    assert same.shape == (PAIRS,) and same.dtype == np.int32


def test_pairs_are_what_they_are_said_to_be(batches):
    for inputs, same in batches:
        (class_a, number_a), (class_b, number_b) = (classes_and_numbers(inputs[x]) for x in "ab")
        np.testing.assert_array_equal(class_a == class_b, same == 1)
        assert np.all(number_a != number_b)


def test_a_batch_is_balanced(images, batches):
    assert {int(same.sum()) for _, same in batches} == {PAIRS // 2}
    assert take(pairs(images, batch_size=5), 1)[0][1].tolist() == [1, 0, 1, 0, 1]


def test_draws_are_even(batches):
    for side in "ab":
        classes, numbers = np.concatenate([classes_and_numbers(x[side]) for x, _ in batches], axis=1)
        assert np.abs(np.bincount(classes, minlength=CLASSES) - 50).max() < 30  # 50 +- 7 each
        assert np.abs(np.bincount(numbers, minlength=EXAMPLES) - 120).max() < 45  # 120 +- 10 each


def test_a_batch_depends_on_the_seed_and_its_number_alone(images, batches):
    resumed = take(pairs(images, batch_size=PAIRS, seed=3, start=7), 2)
    tf.nest.map_structure(np.testing.assert_array_equal, resumed, batches[7:9])
    seen = [x["a"].tobytes() + x["b"].tobytes() for x, _ in batches[:20]]
    seen += [
        x["a"].tobytes() + x["b"].tobytes() for x, _ in take(pairs(images, batch_size=PAIRS, seed=4), 20)
    ]
    assert len(set(seen)) == 40


def test_the_draws_of_a_seed_never_change(batches):
    """The results of trained models were measured on these pairs."""
    drawn = np.stack([classes_and_numbers(batches[0][0][x]) for x in "ab"])
    assert drawn[:, 0].tolist() == [[0, 1, 5, 9, 7, 10], [0, 2, 5, 11, 7, 9]]
    assert drawn[:, 1].tolist() == [[2, 0, 2, 4, 4, 2], [1, 4, 1, 1, 2, 3]]


def test_classes_may_differ_in_size(images):
    ragged = [examples[: 2 + number % 4] for number, examples in enumerate(images)]
    both = {"a": [], "b": []}
    for inputs, same in take(pairs(ragged, batch_size=60, seed=5), 40):
        (class_a, number_a), (class_b, number_b) = (classes_and_numbers(inputs[x]) for x in "ab")
        np.testing.assert_array_equal(class_a == class_b, same == 1)
        assert np.all(number_a != number_b)
        both["a"].append((class_a, number_a))
        both["b"].append((class_b, number_b))
    for drawn in both.values():
        classes, numbers = np.concatenate(drawn, axis=1)
        assert np.all(numbers < 2 + classes % 4)
        assert np.abs(np.bincount(classes) - 200).max() < 70  # 200 +- 14 each
        largest = np.bincount(numbers[classes % 4 == 3], minlength=5)
        assert np.abs(largest - 120).max() < 55  # 120 +- 10 each


def test_augmentation_sees_each_image_once_and_a_seed_of_the_batch(images, batches):
    def augment(x, seed):
        assert x.shape == (2 * PAIRS, 1, 2, 1)
        return x + tf.reshape(tf.range(2.0 * PAIRS), [-1, 1, 1, 1]) + tf.cast(seed[0] % 1000, tf.float32)

    added = []
    for (inputs, _), (before, _) in zip(
        take(pairs(images, batch_size=PAIRS, seed=3, augment=augment), 2), batches[:2], strict=True
    ):
        changes = np.concatenate([(inputs[x] - before[x])[:, 0, 0, 0] for x in "ab"])
        np.testing.assert_allclose(changes - changes[0], np.arange(2 * PAIRS), atol=1e-3)
        added.append(changes[0])
    assert abs(added[0] - added[1]) > 0.5


@pytest.mark.parametrize(
    ("shape", "batch_size", "message"),
    [
        ([1, 5, 4, 4, 1], 4, "There is 1 class, but a pair of different classes needs 2; add classes"),
        ([0, 5, 4, 4, 1], 4, "There are no classes"),
        (
            [3, 1, 4, 4, 1],
            4,
            "The class number 0 has 1 example, but a pair of the same class needs 2; add examples",
        ),
        ([3, 5, 4, 4, 1], 1, "batch_size=1; expected at least 2: a pair of the same class and one of diff"),
        ([5, 4, 4, 1], 4, r"have the shape \(5, 4, 4, 1\); expected \[classes, examples, H, W, C\]"),
    ],
)
def test_what_cannot_be_drawn_is_named(shape, batch_size, message):
    with pytest.raises(ValueError, match=message):
        pairs(np.zeros(shape, np.uint8), batch_size=batch_size)
