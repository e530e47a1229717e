"""Shards of demonstrations: what is written is read, and a learner adds to them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.imitation import (
    ImitationLearner,
    OneShotPolicy,
    StackingWorld,
    WriteShards,
    play_tasks,
    read_shards,
    write_shard,
    write_shards,
)

TASKS = 6


@pytest.fixture(scope="module")
def world():
    return StackingWorld(["ab", "ab c"], most_cubes=3, horizon=40)


@tf.function(autograph=False)
def played_in(world, number):
    return play_tasks(world, [number, 0], TASKS)


@pytest.fixture(scope="module")
def pairs(world):
    return played_in(world, 0)


@pytest.fixture
def folder(pairs, tmp_path):
    write_shard(tmp_path / "0.tfrecord", *pairs)
    return tmp_path


def lessons(folder, count, **options):
    read = read_shards(folder, **{"batch": 2, "scenes": 4, "choose": chosen, **options})
    return [tf.nest.map_structure(lambda x: x.numpy(), lesson) for lesson in read.take(count)]


def chosen(shown, seed):
    return shown._replace(objects=shown.objects[:, :1], body=shown.body[:, :1], length=tf.constant([1]))


def test_what_is_read_is_what_was_played(pairs, folder):
    shown, played = pairs
    steps = {
        tuple(np.concatenate([objects.ravel(), body]).astype(np.float16)): action
        for row in range(TASKS)
        for objects, body, action in zip(
            *(x[row, : played.length[row]].numpy() for x in (played.objects, played.body, played.action)),
            strict=True,
        )
    }
    begins = {tuple(x.ravel().astype(np.float16)) for x in shown.objects[:, 0].numpy()}
    for lesson in lessons(folder, 6):
        assert {tuple(x.ravel().astype(np.float16)) for x in lesson.shown.objects[:, 0]} <= begins
        for objects, body, action in zip(lesson.seen.objects, lesson.seen.body, lesson.action, strict=True):
            key = tuple(np.concatenate([objects.ravel(), body]).astype(np.float16))
            np.testing.assert_allclose(action, steps[key], atol=1e-3)


def test_all_records_come_and_in_another_order_each_time(folder):
    places = [lesson.shown.objects[:, 0].ravel()[:3] for lesson in lessons(folder, 30, batch=1)]
    assert len({tuple(place) for place in places}) == TASKS
    again = [lesson.shown.objects[:, 0].ravel()[:3] for lesson in lessons(folder, 30, batch=1)]
    np.testing.assert_array_equal(places, again)
    other = [lesson.shown.objects[:, 0].ravel()[:3] for lesson in lessons(folder, 30, batch=1, seed=1)]
    assert np.abs(np.array(places) - other).max() > 0.1


def test_shards_that_are_added_later_are_read_too(world, folder):
    read = iter(read_shards(folder, batch=1, scenes=1, choose=chosen, shuffle=1))
    before = {tuple(next(read).shown.objects.numpy().ravel()) for _ in range(TASKS)}
    write_shard(folder / "1.tfrecord", *played_in(world, 7))
    later = {tuple(next(read).shown.objects.numpy().ravel()) for _ in range(6 * TASKS)}
    assert len(before) == TASKS and len(later | before) == 2 * TASKS


def test_a_shard_appears_when_it_is_whole(pairs, tmp_path, monkeypatch):
    def breaks(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tf.io, "serialize_tensor", breaks)
        with pytest.raises(OSError, match="No space"):
            write_shard(tmp_path / "0.tfrecord", *pairs)
    assert not list(tmp_path.glob("*.tfrecord"))


def test_shards_that_exist_are_kept(pairs, tmp_path):
    calls = []

    def play(seed, count):
        calls.append(count)
        return pairs

    write_shards(play, tmp_path, range(2), tasks=2, seed=0)
    first = (tmp_path / "00000.tfrecord").read_bytes()
    write_shards(play, tmp_path, range(2), tasks=2, seed=5)
    assert (tmp_path / "00000.tfrecord").read_bytes() == first and calls == [2, 2]


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
def test_a_learner_is_fitted_to_shards_and_adds_its_own(world, tmp_path):
    policy = OneShotPolicy.of_world(world, units=8, steps=4, seed=0)
    learner = ImitationLearner(world, policy, dagger=0.5)
    learner.compile(keras.optimizers.Adam(1e-2))
    play = tf.function(lambda seed, count: play_tasks(world, seed, count), autograph=False)
    write_shards(play, tmp_path, range(2), tasks=8, seed=0)
    read = read_shards(tmp_path, batch=8, scenes=8, choose=policy.chosen)
    callback = WriteShards(tmp_path, first=2, tasks=8, seed=0)
    history = learner.fit(read, epochs=3, steps_per_epoch=15, verbose=0, callbacks=[callback]).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert sorted(path.name for path in tmp_path.glob("*.tfrecord")) == [
        f"{n:05d}.tfrecord" for n in range(4)
    ]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"garbage", r"1\.tfrecord is damaged\. Remove it"),
        (lambda data: data[: len(data) // 2], r"1\.tfrecord is damaged\. Remove it"),
        (lambda data: b"", r"1\.tfrecord is empty; expected demonstrations"),
    ],
)
def test_a_damaged_shard_is_reported_before_the_training(folder, damage, message):
    (folder / "1.tfrecord").write_bytes(damage((folder / "0.tfrecord").read_bytes()))
    with pytest.raises(TfmetaError, match=message):
        read_shards(folder, batch=1)


def test_a_folder_may_have_a_name_that_looks_like_a_pattern(pairs, tmp_path):
    write_shard(tmp_path / "run [1]*" / "0.tfrecord", *pairs)
    assert len(lessons(tmp_path / "run [1]*", 2)) == 2


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"has no shards; expected files that end with \.tfrecord"):
        read_shards(tmp_path, batch=1)


def test_a_shard_of_another_name_is_refused(pairs, tmp_path):
    with pytest.raises(ValueError, match=r"called 0\.txt; expected a name that ends with \.tfrecord"):
        write_shard(tmp_path / "0.txt", *pairs)
