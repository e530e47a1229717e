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


def test_the_draws_of_a_seed_never_change(batches):
    """The results of trained models were measured on these tasks."""
    classes, numbers = classes_and_numbers(batches[0][0]["support_x"][:2])
    assert classes[:, ::2].tolist() == [[14, 26, 7, 2, 23], [28, 12, 8, 21, 3]]
    assert numbers.tolist() == [[5, 2, 1, 5, 4, 3, 3, 5, 5, 2], [3, 2, 2, 1, 3, 1, 1, 3, 1, 4]]


@pytest.fixture(scope="module")
def ragged(images):
    """Of class c the first 2 + c % 5 examples."""
    return [examples[: 2 + number % 5] for number, examples in enumerate(images)]


def test_classes_may_differ_in_size(ragged):
    for inputs, _ in take(episodes(ragged, ways=20, shots=1, queries=1, batch_size=4, seed=5), 20):
        support, query = (classes_and_numbers(inputs[x]) for x in ("support_x", "query_x"))
        np.testing.assert_array_equal(support[0], query[0])
        assert np.all(support[1] != query[1])
        for classes, numbers in (support, query):
            assert np.all(numbers < 2 + classes % 5)


def test_the_examples_of_a_small_class_are_drawn_evenly(ragged):
    drawn = take(episodes(ragged, ways=30, shots=1, queries=1, batch_size=30, seed=5), 20)
    classes, numbers = np.concatenate(
        [classes_and_numbers(inputs["support_x"]) for inputs, _ in drawn], axis=1
    )
    for number in (0, 1, 2, 3, 4):
        counts = np.bincount(numbers[classes == number], minlength=2 + number)
        assert len(counts) == 2 + number
        assert np.abs(counts - 600 / (2 + number)).max() < 75  # 300 +- 12, 200 +- 12, ...


def test_a_list_of_equal_classes_is_the_array(images, batches):
    listed = take(episodes(list(images), **TASK, seed=3), 2)
    tf.nest.map_structure(np.testing.assert_array_equal, listed, batches[:2])


def test_items_may_be_vectors():
    vectors = np.random.default_rng(0).normal(size=[6, 4, 3])
    inputs, _ = take(episodes(vectors, ways=2, shots=1, queries=3, item_rank=1), 1)[0]
    assert inputs["support_x"].shape == (1, 2, 3)
    known = vectors.astype(np.float32).reshape(-1, 3)
    for item in np.concatenate([inputs["support_x"][0], inputs["query_x"][0]]):
        assert np.any(np.all(known == item, axis=1))  # floats are not scaled


def test_too_small_a_class_is_named(ragged):
    names = [f"letter {number}" for number in range(CLASSES)]
    with pytest.raises(ValueError, match="the smallest class, 'letter 0', has only 2 examples"):
        episodes(ragged, ways=2, shots=1, queries=3, names=names)


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
        (
            {"shots": 4},
            r"shots \+ queries = 7, but the smallest class, number 0, has only 6 examples; lower shots or",
        ),
        ({"ways": 0}, "ways=0, shots=2, queries=3, batch_size=4: each must be at least 1"),
        ({"queries": 0}, "queries=0, batch_size=4: each must be at least 1"),
        ({"batch_size": 0}, "batch_size=0: each must be at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_named(images, bad, message):
    with pytest.raises(ValueError, match=message):
        episodes(images, **{**TASK, **bad})
