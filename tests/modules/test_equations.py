"""Each equation, against its transcription in NumPy."""

import importlib
import pkgutil

import numpy as np
import pytest
import tensorflow as tf

from tests.modules.worlds import ANSWERS, NAMES, B, D, K, R, random_world
from tfmeta.modules import library
from tfmeta.modules.inventory import Inventory
from tfmeta.modules.layer import ModuleSettings
from tfmeta.modules.layout import MODULES
from tfmeta.modules.library.and_ import And
from tfmeta.modules.library.describe import Describe
from tfmeta.modules.library.exists import Exists
from tfmeta.modules.library.find import Find
from tfmeta.modules.library.lookup import Lookup
from tfmeta.modules.library.measure import Measure
from tfmeta.modules.library.relate import Relate
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.standard import STANDARD

V, H = 6, 7
I = np.array([[0, 5], [3, 3], [1, 2]])  # noqa: E741, the equations' own letter
ATTENTION = np.random.RandomState(1).dirichlet(np.ones(K), size=[B, 2])

pytestmark = pytest.mark.usefixtures("float64")
both = pytest.mark.parametrize("attention", ["softmax", "sigmoid"])


def settings(**changes):
    """What the layers are built for."""
    return ModuleSettings(
        **({"words": V, "features": D, "answers": tuple(ANSWERS), "positions": K, "hidden": H} | changes)
    )


def relu(x):
    return np.maximum(x, 0.0)


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / e.sum()


def normalise(scores, present, attention):
    """The attention over the positions that there are, and 0 over the others."""
    h = np.zeros(K)
    h[present] = softmax(scores[present]) if attention == "softmax" else 1 / (1 + np.exp(-scores[present]))
    return h


def shuffled(layer, seed=2):
    """Gives every weight of a layer random values, and returns them by name."""
    random = np.random.RandomState(seed)
    for weight in layer.weights:
        weight.assign(random.randn(*weight.shape))
    return {weight.name: weight.numpy() for weight in layer.weights}


@pytest.fixture(scope="module")
def world(float64):
    return random_world(dtype="float64")


def each_instance(world):
    for row in range(B):
        features, pairs = world.features[row].numpy(), world.pairs[row].numpy()
        for column in range(2):
            yield row, column, features, pairs, world.mask[row].numpy() > 0


def close(actual, desired):
    np.testing.assert_allclose(actual, desired, rtol=1e-10, atol=1e-12)


def test_lookup_is_equation_2(world):
    lookup = Lookup(settings())
    h = lookup(tf.constant(NAMES[:, [3, 0]]), world).numpy()
    basis = np.eye(K)
    close(h[0], [basis[3], basis[0]])
    close(h[1], [0.0 * basis[3], basis[0]])  # the second world has three positions
    assert not lookup(tf.constant([["nowhere"]] * B), world).numpy().any()


@both
def test_find_is_equation_3(world, attention):
    find = Find(settings(attention=attention))
    p, h = shuffled(find), find(tf.constant(I), world).numpy()
    for row, column, w, _, present in each_instance(world):
        v = p["v"][I[row, column]]
        scores = np.array([p["a"][:, 0] @ relu(v @ p["B"] + w_k @ p["C"] + p["d"]) for w_k in w])
        close(h[row, column], normalise(scores, present, attention))


@both
def test_find_as_a_product(world, attention):
    find = Find(settings(attention=attention, form="product"))
    p, h = shuffled(find), find(tf.constant(I), world).numpy()
    for row, column, w, _, present in each_instance(world):
        i = I[row, column]
        close(h[row, column], normalise(w @ p["v"][i] + p["b"][i], present, attention))


@both
@pytest.mark.parametrize("pairs", [0, R])
def test_relate_is_equation_4(world, attention, pairs):
    relate = Relate(settings(pairs=pairs, attention=attention))
    p, h = shuffled(relate), relate(tf.constant(I), world, tf.constant(ATTENTION)).numpy()
    for row, column, w, related, present in each_instance(world):
        before = ATTENTION[row, column]
        mean = sum(before[k] * w[k] for k in range(K))
        scores = np.zeros(K)
        for k in range(K):
            inside = p["v"][I[row, column]] @ p["B"] + w[k] @ p["C"] + mean @ p["D"] + p["e"]
            if pairs:
                inside += sum(before[j] * related[k, j] for j in range(K)) @ p["E"]
            scores[k] = p["a"][:, 0] @ relu(inside)
        close(h[row, column], normalise(scores, present, attention))


@both
def test_relate_as_a_product(world, attention):
    relate = Relate(settings(pairs=R, attention=attention, form="product"))
    p, h = shuffled(relate), relate(tf.constant(I), world, tf.constant(ATTENTION)).numpy()
    for row, column, _, related, present in each_instance(world):
        i = I[row, column]
        r = np.einsum("j,kjr->kr", ATTENTION[row, column], related)
        close(h[row, column], normalise(r @ p["v"][i] + p["b"][i], present, attention))


def test_and_is_equation_5(world):
    a, b = np.random.RandomState(3).rand(2, B, 2, K)
    close(And(settings())(None, world, tf.constant(a), tf.constant(b)), a * b)


def test_describe_is_equation_6(world):
    describe = Describe(settings())
    p = shuffled(describe)
    answers = tf.nn.softmax(describe(tf.constant(I), world, tf.constant(ATTENTION))).numpy()
    for row, column, w, *_ in each_instance(world):
        mean = sum(ATTENTION[row, column, k] * w[k] for k in range(K))
        close(answers[row, column], softmax(relu(mean @ p["B"] + p["v"][I[row, column]]) @ p["A"]))


def test_exists_is_equation_7(world):
    exists = Exists(settings())
    p, answers = shuffled(exists), tf.nn.softmax(exists(None, world, tf.constant(ATTENTION))).numpy()
    for row, column, *_ in each_instance(world):
        close(answers[row, column], softmax(ATTENTION[row, column].max() * p["a"] + p["b"]))


def test_measure_looks_at_the_attention(world):
    measure = Measure(settings())
    p, answers = (
        shuffled(measure),
        tf.nn.softmax(measure(tf.constant(I), world, tf.constant(ATTENTION))).numpy(),
    )
    for row, column, *_ in each_instance(world):
        hidden = relu(ATTENTION[row, column] @ p["B"] + p["v"][I[row, column]])
        close(answers[row, column], softmax(hidden @ p["A"]))


def test_instances_share_their_weights(world):
    """Two instances of a word give the same, and a change of the one's vector changes the other."""
    find = Find(settings())
    before = find(tf.constant([[4, 4, 3]] * B), world).numpy()
    close(before[:, 0], before[:, 1])
    find.v.assign(find.v + np.eye(V)[:, [4]])
    after = find(tf.constant([[4, 4, 3]] * B), world).numpy()
    close(after[:, 0], after[:, 1])
    close(after[:, 2], before[:, 2])
    assert np.abs(after - before)[:, :2].max() > 1e-3


def test_exists_begins_as_yes_and_no_mean(world):
    exists = Exists(settings(answers=("no", "yes")))
    scores = exists(None, world, tf.constant([[[0.5]], [[1.0]], [[0.0]]], tf.float64)).numpy()[:, 0]
    close(softmax(scores[0]), [0.5, 0.5])
    assert scores.argmax(axis=-1)[1:].tolist() == [1, 0]


def test_an_inventory_says_what_it_lacks():
    assert Inventory(["a"], D, ANSWERS, positions=K).modules == tuple(MODULES)
    assert Inventory(["a"], D, ANSWERS).modules == ("lookup", "find", "relate", "and", "describe", "exists")
    assert Inventory(["a"], D).modules == ("lookup", "find", "relate", "and")
    with pytest.raises(ValueError, match="form='product' relates by pairs"):
        Inventory(["a"], D, form="product")
    with pytest.raises(ValueError, match="attention='hard'; expected 'softmax' or 'sigmoid'"):
        Inventory(["a"], D, attention="hard")
    with pytest.raises(ValueError, match="these words come twice: a"):
        Inventory(["a", "b", "a"], D)


def test_each_file_of_the_library_is_a_standard_module():
    """One spec a file, and none is forgotten; a layer whose equation is not tested here is one too many."""
    found = []
    for file in pkgutil.iter_modules(library.__path__, f"{library.__name__}."):
        contents = vars(importlib.import_module(file.name)).values()
        specs = [value for value in contents if isinstance(value, ModuleSpec)]
        assert len(specs) == 1, file.name
        found += specs
    assert {spec.name for spec in found} == {spec.name for spec in STANDARD} == {*MODULES}
    assert {spec.layer for spec in found} == {And, Describe, Exists, Find, Lookup, Measure, Relate}
