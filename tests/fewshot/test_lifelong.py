import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact
from tfmeta.core.gate.replay import Call, run_without_python
from tfmeta.core.hub import load
from tfmeta.data.encoded import encode_drawings
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.memory import memory_losses
from tfmeta.fewshot.servable import few_shot_servable

SIZE, SIDE, FEATURES = 8, 12, 6
MEMORY = ("memory_keys", "memory_values", "memory_ages")


def random(*shape):
    return np.random.RandomState(0).rand(*shape).astype(np.float32)


@pytest.fixture(scope="module")
def learner():
    layers = [keras.Input([SIDE, SIDE, 1]), keras.layers.Flatten(), keras.layers.Dense(FEATURES)]
    return LifelongMemory(keras.Sequential(layers), size=SIZE, neighbours=4)


@pytest.fixture(scope="module")
def path(learner, tmp_path_factory):
    x, _ = stream(4)
    example = {"support_x": x[:, :3], "support_y": [[0, 1, 2]], "query_x": x[:, 3:]}
    servable = few_shot_servable(learner, "memory", example_episode=example, card=Card("Remembers."))
    return export(servable, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(path):
    return load(path)


def identity(features):
    return keras.Sequential([keras.Input([features]), keras.layers.Identity()])


def stream(steps, tasks=1, seed=0):
    source = np.random.RandomState(seed)
    return source.rand(tasks, steps, SIDE, SIDE, 1).astype(np.float32), source.randint(4, size=[tasks, steps])


def test_one_example_is_enough():
    learner = LifelongMemory(identity(3), size=4, neighbours=4)
    state = learner.adapt(2.0 * tf.eye(3)[None], tf.constant([[2, 0, 1]]))
    logits = learner.respond(state, tf.constant([[[9.0, 1.0, 0.0], [0.0, 5.0, 4.0]]]))
    assert tf.argmax(logits, -1).numpy().tolist() == [[2, 0]]


def test_a_task_may_be_learnt_on_top_of_a_memory():
    learner = LifelongMemory(identity(4), size=8, neighbours=8)
    x, y = tf.eye(4)[None], tf.constant([[0, 1, 2, 3]])
    first = learner.unpack(learner.adapt(x[:, :2], y[:, :2]))
    both = learner.adapt(x[:, 2:], y[:, 2:], memory=first)
    np.testing.assert_array_equal(both, learner.adapt(x, y))
    assert tf.argmax(learner.respond(both, x), -1).numpy().tolist() == [[0, 1, 2, 3]]


def test_the_task_state_is_the_memory(learner):
    x, y = stream(5, tasks=2)
    state = learner.adapt(x, y)
    assert state.shape == (2, SIZE * (FEATURES + 2))
    memory = learner.unpack(state)
    assert memory.values.dtype == tf.int64 and memory.values[:, -1].numpy().tolist() == [-1, -1]
    np.testing.assert_array_equal(learner.pack(memory), state)


def test_training_adds_the_memory_loss_of_a_stream_of_rounds():
    """Every class is presented once before any is presented twice."""
    learner = LifelongMemory(identity(3), size=6, neighbours=6, margin=0.2)
    x = np.random.RandomState(0).randn(1, 6, 3).astype(np.float32)
    y = np.array([[0, 0, 0, 1, 1, 2]])
    inputs = {"support_x": x, "support_y": y, "query_x": x[:, :2]}
    learner(inputs, training=True)
    rounds = [0, 3, 5, 1, 4, 2]
    queries = tf.math.l2_normalize(x[:, rounds], -1)
    expected, _ = memory_losses(learner.empty(1), queries, y[:, rounds], margin=0.2, neighbours=6)
    np.testing.assert_allclose(learner.losses, [tf.reduce_mean(expected)], rtol=1e-5)
    learner(inputs, training=False)
    assert learner.losses == []


def test_it_trains_without_a_loss_of_queries():
    network = keras.Sequential(
        [keras.Input([5]), keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(1))]
    )
    learner = LifelongMemory(network, size=8, neighbours=8, margin=0.5)
    learner.compile(optimizer=keras.optimizers.Adam(3e-2), loss=None)
    x = np.random.RandomState(1).randn(4, 9, 5).astype(np.float32)
    y = np.tile(np.repeat(np.arange(3), 3), [4, 1])
    inputs = {"support_x": x, "support_y": y, "query_x": x[:, :3]}
    history = learner.fit(inputs, y[:, :3], batch_size=4, epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


def test_more_classes_than_slots_are_refused(learner):
    x, _ = stream(SIZE + 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="or build the learner with a larger size"):
        learner.adapt(x, np.arange(SIZE + 1)[None])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size=0: such a memory holds nothing; give it at least 1 slot"),
        ({"size": 8, "neighbours": 9}, "lower neighbours or raise size"),
    ],
)
def test_impossible_memories_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LifelongMemory(identity(2), **options)


def test_it_passes_the_gate(path, in_a_hurry):
    report = check_artefact(path)
    assert report.ok, str(report)
    assert {"empty_memory", "remember", "recall", "remember_png", "recall_png"} < set(report.latency)


def test_a_client_that_loops_has_a_memory_for_life(model, learner):
    x, y = stream(12, tasks=2)
    memory = model.empty_memory(rows=[0, 0])
    for step in range(0, 12, 3):
        memory = model.remember(**memory, x=x[:, step : step + 3], y=y[:, step : step + 3])
    assert set(memory) == set(MEMORY) and memory["memory_keys"].shape == (2, SIZE, FEATURES)
    answer = model.recall(**memory, x=x[:, :4])
    expected = tf.nn.softmax(learner.respond(learner.adapt(x, y), x[:, :4]))
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(answer["labels"], np.argmax(expected, -1))


def test_an_empty_memory_knows_no_label(model):
    x, _ = stream(3)
    answer = model.recall(**model.empty_memory(rows=[0]), x=x)
    assert answer["labels"].tolist() == [[-1, -1, -1]] and not answer["probabilities"].any()


def test_encoded_images_are_remembered_too(model):
    x, y = stream(3)
    memory = model.empty_memory(rows=[0])
    memory = model.remember_png(**memory, x_png=encode_drawings(x).numpy(), y=y)
    assert sorted(set(memory["memory_values"][0])) == sorted({-1, *y[0]})
    assert model.recall_png(**memory, x_png=encode_drawings(x).numpy())["labels"].shape == (1, 3)


GOOD = {
    "memory_keys": random(1, SIZE, FEATURES),
    "memory_values": np.arange(SIZE)[None],
    "memory_ages": np.zeros([1, SIZE], np.float32),
    "x": random(1, 2, SIDE, SIDE, 1),
    "y": np.array([[0, 1]]),
}
BAD_REQUESTS = [
    ("recall", {"memory_keys": np.zeros([1, 9, FEATURES])}, "[1, 9, 6], expected [B, 8, 6]; send back what"),
    ("recall", {"memory_values": np.full([1, SIZE], 8)}, "memory_values holds 8 to 8; expected -1 (an empty"),
    ("recall", {"memory_ages": np.full([1, SIZE], np.nan)}, "memory_ages holds 8 numbers that are NaN"),
    ("recall", {"x": random(2, 2, SIDE, SIDE, 1)}, "memory_keys, memory_values, memory_ages, x hold [1, 1, 1, 2]"),
    ("remember", {"y": np.array([[0, 8]])}, "y holds labels from 0 to 8; expected 0 to 7, since this memory"),
    ("remember", {"y": np.array([[-1, 0]])}, "y holds labels from -1 to 0; expected 0 to 7"),
    ("remember", {"y": np.array([[0]])}, "x holds 2 items but y 1 labels; expected one label for each item"),
    ("remember", {"x": random(1, 2, 32, 32, 1)}, "x has the shape [1, 2, 32, 32, 1], expected [B, S, 12, 12, 1]"),
]  # fmt: skip


def test_bad_requests_are_refused_with_words(path):
    calls = []
    for signature, different, _ in BAD_REQUESTS:
        names = [*MEMORY, "x", "y"] if signature == "remember" else [*MEMORY, "x"]
        feeds = {name: np.asarray(different.get(name, GOOD[name]), GOOD[name].dtype) for name in names}
        calls.append(Call(signature, feeds))
    for (*_, words), answer in zip(BAD_REQUESTS, run_without_python(path, calls), strict=True):
        assert answer.error is not None and answer.error.startswith("INVALID_ARGUMENT")
        assert words in answer.error
