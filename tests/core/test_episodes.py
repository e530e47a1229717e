import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.episodes import episodes

CLASSES, EXAMPLES = 30, 6
TASK = {"ways": 5, "shots": 2, "queries": 3, "batch_size": 4}


@pytest.fixture(scope="module")
def images():
    """Every image says which it is: its first pixel is its class, its second its number in the class."""
    pixels = np.stack(np.meshgrid(np.arange(CLASSES), np.arange(EXAMPLES), indexing="ij"), axis=-1)
    return pixels.astype(np.uint8).reshape(CLASSES, EXAMPLES, 1, 2, 1)


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def classes_and_numbers(x):
    classes, numbers = np.moveaxis(np.rint(255 * x[..., 0]).astype(int), -1, 0)
    return classes[..., 0], numbers[..., 0]


@pytest.fixture(scope="module")
def batches(images):
    return take(episodes(images, **TASK, seed=3), 20)


def test_shapes_and_types(batches):
    inputs, query_y = batches[0]
    assert {name: (x.shape, x.dtype) for name, x in inputs.items()} == {
        "support_x": ((4, 10, 1, 2, 1), np.float32),
        "support_y": ((4, 10), np.int32),
        "query_x": ((4, 15, 1, 2, 1), np.float32),
    }
    assert query_y.shape == (4, 15) and query_y.dtype == np.int32


def test_a_task_is_distinct_classes_with_disjoint_support_and_queries(batches):
    for inputs, query_y in batches:
        for task in range(4):
            support_class, support_number = classes_and_numbers(inputs["support_x"][task])
            query_class, query_number = classes_and_numbers(inputs["query_x"][task])
            named = dict(zip(inputs["support_y"][task], support_class, strict=True))
            assert sorted(named) == [0, 1, 2, 3, 4] and len(set(named.values())) == 5
            assert [named[y] for y in inputs["support_y"][task]] == support_class.tolist()
            assert [named[y] for y in query_y[task]] == query_class.tolist()
            drawn = [
                *zip(support_class, support_number, strict=True),
                *zip(query_class, query_number, strict=True),
            ]
            assert len(set(drawn)) == 5 * (2 + 3)


def test_draws_are_even(batches):
    first = [classes_and_numbers(inputs["support_x"][:, ::2]) for inputs, _ in batches]
    classes = np.concatenate([classes.ravel() for classes, _ in first])
    numbers = np.concatenate([numbers.ravel() for _, numbers in first])
    assert set(classes) == set(range(CLASSES)) and set(numbers) == set(range(EXAMPLES))
    # Which class is number 0 is random too, so that labels say nothing about classes.
    assert abs(np.mean([c[:, 0].mean() for c, _ in first]) - (CLASSES - 1) / 2) < 4
    assert np.bincount(classes).max() < 35  # 400 draws of 30 classes: 13 +- 4 each


def test_a_batch_depends_on_the_seed_and_its_number_alone(images, batches):
    resumed = take(episodes(images, **TASK, seed=3, start=7), 2)
    tf.nest.map_structure(np.testing.assert_array_equal, resumed, batches[7:9])
    seen = [inputs["support_x"].tobytes() for inputs, _ in batches]
    seen += [inputs["support_x"].tobytes() for inputs, _ in take(episodes(images, **TASK, seed=4), 20)]
    assert len(set(seen)) == 40


def test_augmentation_sees_every_image_and_a_seed_of_the_batch(images, batches):
    def augment(x, seed):
        return x + tf.reshape(tf.cast(seed[0] % 1000, tf.float32), [1, 1, 1, 1])

    changed = take(episodes(images, **TASK, seed=3, augment=augment), 2)
    added = []
    for (inputs, _), (before, _) in zip(changed, batches[:2], strict=True):
        difference = np.concatenate([inputs[x] - before[x] for x in ("support_x", "query_x")], axis=1)
        np.testing.assert_allclose(difference, difference.flat[0], atol=1e-3)
        added.append(difference.flat[0])
    assert abs(added[0] - added[1]) > 0.5
    again = take(episodes(images, **TASK, seed=3, start=1, augment=augment), 1)
    np.testing.assert_array_equal(again[0][0]["query_x"], changed[1][0]["query_x"])


def test_every_class_and_example_may_be_asked_for(images):
    inputs, _ = take(episodes(images, ways=CLASSES, shots=1, queries=EXAMPLES - 1), 1)[0]
    classes, _ = classes_and_numbers(inputs["support_x"])
    assert sorted(classes[0]) == list(range(CLASSES))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"ways": 31}, "ways=31, but there are only 30 classes; lower ways or add classes"),
        ({"shots": 4}, r"shots \+ queries = 7, but a class has only 6 examples; lower one of them"),
        ({"ways": 0}, "ways=0, shots=2, queries=3, batch_size=4: each must be at least 1"),
        ({"queries": 0}, "queries=0, batch_size=4: each must be at least 1"),
        ({"batch_size": 0}, "batch_size=0: each must be at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_named(images, bad, message):
    with pytest.raises(ValueError, match=message):
        episodes(images, **{**TASK, **bad})
