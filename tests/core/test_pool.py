import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.pool import Pool


def images(*shape, dtype=np.uint8, value=0):
    return np.full(shape, value, dtype)


@pytest.mark.parametrize(
    ("dtype", "value", "taken"),
    [
        (np.uint8, 255, 1.0),
        (np.uint8, 51, 0.2),
        (np.uint16, 65535, 1.0),
        (np.uint16, 13107, 0.2),
        (bool, True, 1.0),
        (np.float32, 0.7, 0.7),
        (np.float64, 255.0, 255.0),
        (np.float16, -0.5, -0.5),
    ],
)
@pytest.mark.parametrize("listed", [False, True], ids=["array", "list"])
def test_integers_are_scaled_by_their_type_and_floats_not_at_all(dtype, value, taken, listed):
    items = images(3, 2, 4, 4, 1, dtype=dtype, value=value)
    item = Pool(list(items) if listed else items).take(tf.constant([0]), tf.constant([2]))
    assert item.dtype == tf.float32
    np.testing.assert_allclose(item, np.full([1, 4, 4, 1], taken), rtol=1e-6)


def test_examples_are_found_by_class_and_number():
    classes = [
        np.full([size, 1], number, float) + np.arange(size)[:, None] / 10
        for number, size in enumerate((2, 5, 3))
    ]
    pool = Pool(classes, item_rank=1)
    assert len(pool) == 3 and pool.total == 10 and not pool.is_even and pool.item_shape == (1,)
    assert pool.sizes.tolist() == [2, 5, 3]
    found = pool.take(tf.constant([[1, 4], [0, 2]]), tf.constant([[0, 1], [2, 2]]))
    np.testing.assert_allclose(found[..., 0], [[0.1, 1.4], [2.0, 2.2]], rtol=1e-6)
    np.testing.assert_allclose(pool.take(tf.range(10))[:, 0], np.concatenate(classes)[:, 0], rtol=1e-6)
    assert pool.classes_of(tf.range(10)).numpy().tolist() == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2]


def test_a_ragged_object_array_is_a_list():
    ragged = np.empty(2, object)
    ragged[:] = [images(2, 4, 4, 1), images(3, 4, 4, 1)]
    assert Pool(ragged).sizes.tolist() == [2, 3]


def test_the_smallest_class_is_named():
    classes = [images(3, 4, 4, 1), images(2, 4, 4, 1)]
    assert Pool(classes).smallest() == ("number 1", 2)
    assert Pool(classes, names=["cat", "dog"]).smallest() == ("'dog'", 2)


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        (
            [images(28, 28, 1)] * 3,
            {},
            r"The class number 0 has the shape \(28, 28, 1\); expected \[examples, H, W, C\],"
            " all examples of a class in one array",
        ),
        (
            images(3, 28, 28, 1),
            {},
            r"have the shape \(3, 28, 28, 1\); expected \[classes, examples, H, W, C\]",
        ),
        (
            images(3, 5, 28, 28),
            {},
            r"expected \[classes, examples, H, W, C\]. Say item_rank for items of another rank",
        ),
        (images(3, 5, 2), {"item_rank": 2}, r"expected \[classes, examples, T, D\]"),
        (images(3, 0, 4, 4, 1), {}, "have no examples; expected at least 1 of each"),
        (images(0, 5, 4, 4, 1), {}, "There are no classes"),
        ([], {}, "There are no classes"),
        (
            [images(2, 4, 4, 1), images(0, 4, 4, 1)],
            {"names": ["cat", "dog"]},
            "The class 'dog' has no examples; give it some, or leave the class out",
        ),
        (
            [images(2, 4, 4, 1), images(2, 5, 4, 1)],
            {},
            r"The class number 1 has items of uint8 \(5, 4, 1\), but the class number 0 of uint8 \(4, 4, 1\); give all",
        ),
        ([images(2, 4, 4, 1), images(2, 4, 4, 1, dtype=float)], {}, "has items of float64 .* of uint8"),
        (
            images(2, 2, 4, 4, 1, dtype=np.int64),
            {},
            r"examples are int64; expected uint8 \(255 becomes 1.0\)",
        ),
        (images(2, 2, 4, 4, 1, dtype=float, value=np.nan), {}, "The class number 0 holds NaN or infinity"),
        (
            [images(1, 4, dtype=float), images(1, 4, dtype=float, value=np.inf)],
            {"item_rank": 1},
            "number 1 holds NaN",
        ),
        (images(2, 2, 4, 4, 1), {"names": ["cat"]}, "1 names came for 2 classes"),
    ],
)
def test_what_cannot_be_drawn_from_is_named(items, options, message):
    with pytest.raises(ValueError, match=message):
        Pool(items, **options)
