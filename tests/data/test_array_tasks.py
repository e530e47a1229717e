import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.data.array_tasks import ArrayTasks
from tfmeta.fewshot.methods import Prototypical
from tfmeta.recipes.recipe import Recipe

LETTERS = np.array(list("abcdefghij" * 4 + "abc"))


@pytest.fixture(scope="module")
def images():
    """Each image says which it is by its level."""
    return np.broadcast_to(np.arange(43, dtype=np.uint8)[:, None, None, None], [43, 16, 16, 1])


def test_every_item_is_in_its_class(images):
    tasks = ArrayTasks(images, LETTERS)
    names = ()
    for part, count in (("train", 5), ("validation", 2), ("test", 3)):
        classes = tasks.classes(part)
        assert len(classes.names) == count and tasks.sizes(part) == (count, min(map(len, classes.items)))
        for name, items in zip(classes.names, classes.items, strict=True):
            np.testing.assert_array_equal(items, images[name == LETTERS])
        names += classes.names
    assert sorted(names) == sorted(set(LETTERS))
    assert tasks.source == "43 items of 10 classes, given as arrays, divided by the seed 0"


def test_classes_may_be_numbers_and_their_parts_given(images):
    numbers = np.arange(43) % 7
    parts = np.array(["train", "train", "train", "validation", "validation", "test", "test"])[numbers]
    tasks = ArrayTasks(images, numbers, parts)
    assert tasks.classes("train").names == ("0", "1", "2") and tasks.classes("test").names == ("5", "6")


def test_arrays_are_no_settings_but_a_fingerprint(images):
    tasks = ArrayTasks(images, LETTERS, name="letters")
    assert tasks.values() == {"split_seed": 0} and list(tasks.described()) == ["split_seed"]
    assert str(tasks) == "ArrayTasks(name='letters', about='items', reading='', split_seed=0)"
    assert tasks.fingerprint() == ArrayTasks(images, LETTERS).fingerprint()
    assert tasks.fingerprint() != ArrayTasks(255 - images, LETTERS).fingerprint()


def test_arrays_make_a_recipe(images):
    tasks, method = ArrayTasks(images, LETTERS, name="letters", about="letters"), Prototypical()
    recipe = Recipe("prototypical-mine", tasks, method, method.training(tasks)).configure(
        split_seed=3, steps=2
    )
    assert recipe.artefact == "prototypical_letters_seed3" and recipe.run_name == "prototypical-mine-seed3"
    inputs, _ = next(iter(method.batches(recipe.tasks, recipe.training, "train")))
    assert inputs["support_x"].shape == (1, 5, 16, 16, 1)
    levels = {LETTERS[round(255 * float(level))] for level in inputs["support_x"][0, :, 0, 0, 0]}
    assert levels == set(recipe.tasks.classes("train").names)


def test_items_may_be_vectors():
    tasks = ArrayTasks(np.random.default_rng(0).normal(size=[43, 7]), LETTERS)
    inputs, _ = next(iter(tasks.episodes("test", ways=3, shots=1, queries=2, batch_size=4, seed=0)))
    assert inputs["query_x"].shape == (4, 6, 7) and inputs["query_x"].numpy().min() < 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"y": LETTERS[:-1]},
            r"x has the shape \(43, 2\) and y \(42,\); expected x \[items, ...\] and y \[items\]",
        ),
        ({"x": np.zeros(43)}, r"x has the shape \(43,\)"),
        ({"y": np.zeros([43])}, "y holds float64; expected the class of each item, integers or words"),
        ({"y": np.arange(43) % 5}, "y has 5 classes; expected 6 at least"),
        ({"y": np.array([*LETTERS[:-1], "z"])}, "The class 'z' has one item; expected two at least"),
        ({"parts": ["train"]}, r"parts has the shape \(1,\); expected one word for each of 43 items"),
        ({"parts": ["train"] * 42 + ["val"]}, "parts holds 'val'. Known: test, train, validation"),
        ({"parts": ["train"] * 43}, "y has 0 classes for validation; expected 2 at least"),
        (
            {"parts": ["train"] * 20 + ["test"] * 11 + ["validation"] * 12},
            "y has the class 'a' for train and for",
        ),
        ({"x": None}, r"There are no items; give them as ArrayTasks\(x, y\)"),
    ],
)
def test_bad_arrays_are_told_in_one_line(arguments, message):
    with pytest.raises(TfmetaError, match=message):
        ArrayTasks(**{"x": np.zeros([43, 2]), "y": LETTERS, **arguments}).load("train")


def test_integers_of_unknown_range_are_refused(images):
    tasks = ArrayTasks(images.astype(np.int64), LETTERS)
    with pytest.raises(ValueError, match="examples are int64; expected uint8"):
        tasks.episodes("train", ways=2, shots=1, queries=1, batch_size=1, seed=0)
