"""Each equation, against its transcription in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tests.modules.worlds import ANSWERS, NAMES, B, D, K, R, random_world
from tfmeta.modules.answer_modules import Describe, Exists, Measure
from tfmeta.modules.attention_modules import Find, Relate, intersect, lookup
from tfmeta.modules.inventory import Inventory
from tfmeta.modules.layout import MODULES

V, H, A = 6, 7, len(ANSWERS)
I = np.array([[0, 5], [3, 3], [1, 2]])  # noqa: E741, the equations' own letter
ATTENTION = np.random.RandomState(1).dirichlet(np.ones(K), size=[B, 2])

pytestmark = pytest.mark.usefixtures("float64")
both = pytest.mark.parametrize("attention", ["softmax", "sigmoid"])


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
    h = lookup(tf.constant(NAMES[:, [3, 0]]), world).numpy()
    basis = np.eye(K)
    close(h[0], [basis[3], basis[0]])
    close(h[1], [0.0 * basis[3], basis[0]])  # the second world has three positions
    assert not lookup(tf.constant([["nowhere"]] * B), world).numpy().any()


@both
def test_find_is_equation_3(world, attention):
    find = Find(V, D, hidden=H, attention=attention)
    p, h = shuffled(find), find(tf.constant(I), world).numpy()
    for row, column, w, _, present in each_instance(world):
        v = p["v"][I[row, column]]
        scores = np.array([p["a"][:, 0] @ relu(v @ p["B"] + w_k @ p["C"] + p["d"]) for w_k in w])
        close(h[row, column], normalise(scores, present, attention))


@both
def test_find_as_a_product(world, attention):
    find = Find(V, D, attention=attention, form="product")
    p, h = shuffled(find), find(tf.constant(I), world).numpy()
    for row, column, w, _, present in each_instance(world):
        i = I[row, column]
        close(h[row, column], normalise(w @ p["v"][i] + p["b"][i], present, attention))


@both
@pytest.mark.parametrize("pairs", [0, R])
def test_relate_is_equation_4(world, attention, pairs):
    relate = Relate(V, D, pairs=pairs, hidden=H, attention=attention)
    p, h = shuffled(relate), relate(tf.constant(I), tf.constant(ATTENTION), world).numpy()
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
    relate = Relate(V, D, pairs=R, attention=attention, form="product")
    p, h = shuffled(relate), relate(tf.constant(I), tf.constant(ATTENTION), world).numpy()
    for row, column, _, related, present in each_instance(world):
        i = I[row, column]
        r = np.einsum("j,kjr->kr", ATTENTION[row, column], related)
        close(h[row, column], normalise(r @ p["v"][i] + p["b"][i], present, attention))


def test_and_is_equation_5():
    a, b, c = np.random.RandomState(3).rand(3, B, 2, K)
    close(intersect(*map(tf.constant, (a, b, c))), a * b * c)


def test_describe_is_equation_6(world):
    describe = Describe(V, D, A, hidden=H)
    p = shuffled(describe)
    answers = tf.nn.softmax(describe(tf.constant(I), tf.constant(ATTENTION), world)).numpy()
    for row, column, w, *_ in each_instance(world):
        mean = sum(ATTENTION[row, column, k] * w[k] for k in range(K))
        close(answers[row, column], softmax(relu(mean @ p["B"] + p["v"][I[row, column]]) @ p["A"]))


def test_exists_is_equation_7(world):
    exists = Exists(ANSWERS)
    p, answers = shuffled(exists), tf.nn.softmax(exists(tf.constant(ATTENTION))).numpy()
    for row, column, *_ in each_instance(world):
        close(answers[row, column], softmax(ATTENTION[row, column].max() * p["a"] + p["b"]))


def test_measure_looks_at_the_attention(world):
    measure = Measure(V, K, A, hidden=H)
    p, answers = shuffled(measure), tf.nn.softmax(measure(tf.constant(I), tf.constant(ATTENTION))).numpy()
    for row, column, *_ in each_instance(world):
        hidden = relu(ATTENTION[row, column] @ p["B"] + p["v"][I[row, column]])
        close(answers[row, column], softmax(hidden @ p["A"]))


def test_instances_share_their_weights(world):
    """Two instances of a word give the same, and one instance moves the other's vector."""
    find = Find(V, D, hidden=H)
    h = find(tf.constant([[4, 4]] * B), world)
    close(h[:, 0], h[:, 1])


def test_exists_begins_as_yes_and_no_mean():
    exists = Exists(["no", "yes"])
    close(tf.nn.softmax(exists(tf.constant([[[0.5]]], tf.float64))), [[[0.5, 0.5]]])
    assert np.argmax(exists(tf.constant([[[1.0]], [[0.0]]], tf.float64)), axis=-1).ravel().tolist() == [1, 0]


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
