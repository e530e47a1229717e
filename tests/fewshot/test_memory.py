import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.fewshot.memory import Memory, empty_memory, memory_losses, recall, remember
from tfmeta.fewshot.memory_layer import MemoryLayer

MEMORIES, SIZE, FEATURES, CLASSES, MARGIN = 2, 12, 4, 9, 0.3


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def stream(steps, seed=0):
    """Queries around a direction for each class, too near one another to be told apart always."""
    random = np.random.RandomState(seed)
    values = random.randint(CLASSES, size=[MEMORIES, steps])
    queries = random.randn(CLASSES, FEATURES)[values] + 0.4 * random.randn(MEMORIES, steps, FEATURES)
    noise = random.uniform(-3, 3, [MEMORIES, steps, SIZE])
    return unit(queries).astype(np.float32), values, noise.astype(np.float32)


def reference(queries, values, noise, neighbours):
    """Section 2 of the paper, one memory at a time, one slot after the other."""
    contents, losses, was_right = [], np.zeros(values.shape), np.zeros(values.shape, bool)
    for b in range(MEMORIES):
        keys, held, ages = [None] * SIZE, [-1] * SIZE, [0] * SIZE
        for t, (q, v) in enumerate(zip(queries[b].astype(float), values[b], strict=True)):
            filled = [i for i in range(SIZE) if held[i] >= 0]
            ranked = sorted(filled, key=lambda i: -q @ keys[i])
            positive = [i for i in ranked if held[i] == v]
            negative = [i for i in ranked[:neighbours] if held[i] != v]
            if positive and negative:
                losses[b, t] = max(q @ keys[negative[0]] - q @ keys[positive[0]] + MARGIN, 0.0)
            was_right[b, t] = bool(ranked) and held[ranked[0]] == v
            if was_right[b, t]:
                slot = ranked[0]
                keys[slot] = unit(q + keys[slot])
            else:
                empty = [i for i in range(SIZE) if held[i] < 0]
                slot = empty[0] if empty else int(np.argmax(np.array(ages) + noise[b, t]))
                keys[slot], held[slot] = q, v
            ages = [age + 1 for age in ages]
            ages[slot] = 0
        contents.append((keys, held, ages))
    keys, held, ages = (np.array(part) for part in zip(*contents, strict=True))
    return Memory(keys, held, ages), losses, was_right


@pytest.mark.parametrize("neighbours", [3, SIZE])
def test_a_thousand_presentations_are_those_of_plain_python(neighbours):
    queries, values, noise = stream(1000)
    present = tf.function(functools.partial(memory_losses, margin=MARGIN, neighbours=neighbours))
    losses, memory = present(
        empty_memory(MEMORIES, SIZE, FEATURES), tf.constant(queries), tf.constant(values), noise=noise
    )
    expected, expected_losses, was_right = reference(queries, values, noise, neighbours)
    assert 0.2 < was_right.mean() < 0.8 and 0.2 < np.mean(expected_losses > 0) < 0.8  # both rules are tried
    np.testing.assert_array_equal(memory.values, expected.values)
    np.testing.assert_array_equal(memory.ages, expected.ages)
    np.testing.assert_allclose(memory.keys, expected.keys, atol=1e-5)
    np.testing.assert_allclose(losses, expected_losses, atol=1e-5)


def test_a_stream_may_be_cut_anywhere():
    queries, values, _ = stream(30)
    whole = remember(empty_memory(MEMORIES, SIZE, FEATURES), queries, values)
    part = remember(empty_memory(MEMORIES, SIZE, FEATURES), queries[:, :13], values[:, :13])
    part = remember(part, queries[:, 13:], values[:, 13:])
    for a, b in zip(part, whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_presented_changes_nothing():
    queries, values, _ = stream(5)
    memory = remember(empty_memory(MEMORIES, SIZE, FEATURES), queries, values)
    again = remember(memory, queries[:, :0], values[:, :0])
    for a, b in zip(memory, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_full_memory_forgets_what_is_oldest():
    queries = tf.eye(4)[None]
    memory = remember(empty_memory(1, 3, 4), queries, tf.constant([[0, 1, 2, 3]]))
    assert memory.values.numpy().tolist() == [[3, 1, 2]]
    assert memory.ages.numpy().tolist() == [[0.0, 2.0, 1.0]]


def test_recalling_votes_by_a_softmax_over_the_nearest():
    queries, values, _ = stream(20)
    memory = remember(empty_memory(MEMORIES, SIZE, FEATURES), queries[:, :15], values[:, :15])
    logits = recall(memory, queries[:, 15:], neighbours=4, temperature=5.0).numpy()
    assert logits.shape == (MEMORIES, 5, memory.values.numpy().max() + 1)
    for b, q in np.ndindex(MEMORIES, 5):
        held = memory.values[b].numpy()
        cosines = np.where(held >= 0, memory.keys[b].numpy() @ queries[b, 15 + q], -np.inf)
        nearest = np.argsort(-cosines)[:4]
        weights = np.exp(5.0 * cosines[nearest])
        votes = [weights[held[nearest] == n].sum() / weights.sum() for n in range(logits.shape[2])]
        np.testing.assert_allclose(np.exp(logits[b, q]), votes, atol=1e-5)


def test_an_empty_memory_prefers_nothing():
    logits = recall(empty_memory(1, 4, FEATURES), unit(np.ones([1, 2, FEATURES], np.float32)), neighbours=2,
                    temperature=40.0)  # fmt: skip
    np.testing.assert_allclose(
        logits, np.full([1, 2, 1], np.log(1e-30)), rtol=1e-6
    )  # the one label gets no vote


def test_the_loss_trains_queries_and_not_keys():
    queries, values, _ = stream(40)
    queries = tf.constant(queries)
    with tf.GradientTape() as tape:
        tape.watch(queries)
        losses, memory = memory_losses(
            empty_memory(MEMORIES, SIZE, FEATURES), queries, values, margin=MARGIN, neighbours=SIZE
        )
    gradients = tape.gradient([losses, memory.keys], queries).numpy()
    lost = losses.numpy() > 0
    np.testing.assert_array_equal(np.any(gradients != 0, axis=-1), lost)
    # The gradient is K[b] - K[p]: the difference of two unit vectors.
    assert np.all(np.linalg.norm(gradients[lost], axis=-1) <= 2.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size=0: such a memory holds nothing; give it at least 1 slot"),
        ({"size": 8, "neighbours": 9}, "expected 1 to 8 neighbours, so lower neighbours or raise size"),
        ({"size": 8, "neighbours": 0}, "neighbours=0, but the memory has size=8 slots"),
    ],
)
def test_impossible_memories_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MemoryLayer(3, **options)


@pytest.fixture(scope="module")
def classifier():
    """A Keras classifier that ends with a memory; the embedding is the identity, but for a scale."""
    features, labels = keras.Input([FEATURES]), keras.Input([], dtype="int64")
    embedded = keras.layers.Dense(FEATURES, kernel_initializer="identity")(features)
    logits = MemoryLayer(CLASSES, size=32, neighbours=8, age_noise=2.0, seed=1)(embedded, labels)
    model = keras.Model([features, labels], logits)
    model.compile(optimizer=keras.optimizers.SGD(1e-3))
    return model


def test_the_layer_remembers_in_training_and_nowhere_else(classifier, tmp_path):
    queries, values, _ = stream(32)
    x, y = queries[0], values[0]
    memory = classifier.layers[-1].memory

    def contents():
        return [variable.numpy() for variable in memory]

    empty = contents()
    assert classifier([x, y], training=False).shape == (32, CLASSES)
    for before, after in zip(empty, contents(), strict=True):
        np.testing.assert_array_equal(before, after)

    classifier.fit([x, y], batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert memory[2].numpy().min() == 0.0 and 0 < (memory[1].numpy() >= 0).sum() <= 32
    known = contents()
    labels = classifier.predict([x, y], verbose=0).argmax(-1)
    assert np.mean(labels == y) > 0.8  # of what was presented, nothing but collisions is forgotten
    for before, after in zip(known, contents(), strict=True):
        np.testing.assert_array_equal(before, after)

    classifier.save(tmp_path / "classifier.keras")
    again = keras.saving.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(again.predict([x, y], verbose=0), classifier.predict([x, y], verbose=0))


def test_the_layer_adds_the_memory_loss():
    queries, values, _ = stream(30)
    layer = MemoryLayer(CLASSES, size=SIZE, neighbours=SIZE, margin=MARGIN)
    layer(queries[0], values[0], training=True)
    expected, _ = memory_losses(
        empty_memory(1, SIZE, FEATURES), queries[:1], values[:1], margin=MARGIN, neighbours=SIZE
    )
    np.testing.assert_allclose(layer.losses[0], tf.reduce_mean(expected), rtol=1e-4)
