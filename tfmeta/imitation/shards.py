"""Shards of demonstrations: written once as TFRecord files, and read again and again by `tf.data`."""

import glob
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check
from tfmeta.imitation.demonstration import Demonstration, Played
from tfmeta.imitation.world import Observation

__all__ = ["Lesson", "read_shards", "write_shard"]

_SUFFIX = ".tfrecord"
_STORED = tf.float16


class Lesson(NamedTuple):
    """What a policy is trained on: B demonstrations, and M scenes of the same task for each.

    Attributes:
        shown: the demonstrations.
        seen: the scenes, ``[B * M, ...]``; those of a demonstration follow each other.
        action: what the expert does in each, ``[B * M, A]``.
    """

    shown: Demonstration
    seen: Observation
    action: tf.Tensor


def write_shard(path: str | Path, shown: Demonstration, played: Played) -> None:
    """Writes a shard: demonstrations, and an episode of the task of each with the expert's actions.

    Numbers are stored with 16 bits, and only the steps that count. The file appears when it is whole.

    Args:
        path: of the file, which ends with ``.tfrecord``; it is replaced where it exists.
        shown: the demonstrations, B.
        played: the episodes, B.

    Example:
        >>> import tempfile
        >>> from tfmeta.imitation import StackingWorld, demonstrate
        >>> world = StackingWorld(["ab c"])
        >>> played = demonstrate(world, world.draw([0, 0], 2), [0, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_shard(f"{folder}/0.tfrecord", played.demonstration(), played)
        ...     lesson = next(iter(read_shards(folder, batch=1, scenes=3)))
        >>> lesson.action.shape
        TensorShape([3, 4])
    """
    path = Path(path)
    check(
        path.suffix == _SUFFIX, f"The shard is called {path.name}; expected a name that ends with {_SUFFIX}."
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    columns = {**_named("demo", shown), **_named("own", played)}
    columns.pop("own_succeeded")
    arrays = {name: _stored(x).numpy() for name, x in columns.items()}
    with tf.io.TFRecordWriter(str(unfinished), "ZLIB") as writer:
        for row in range(len(arrays["demo_length"])):
            lengths = {part: int(arrays[f"{part}_length"][row]) for part in ("demo", "own")}
            features = {}
            for name, x in arrays.items():
                one = x[row]
                if name.endswith(("objects", "body", "action")):
                    one = one[: lengths[name.partition("_")[0]]]
                data = tf.io.serialize_tensor(tf.constant(one)).numpy()
                features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    unfinished.replace(path)


def read_shards(
    folder: str | Path,
    *,
    batch: int,
    scenes: int = 16,
    seed: int = 0,
    choose: Callable[[Demonstration, tf.Tensor], Demonstration] | None = None,
    shuffle: int = 2048,
) -> tf.data.Dataset:
    """Reads all shards of a folder in another order each time, without end. Files that are added later are read too.

    Args:
        folder: with files that `write_shard` has written.
        batch: demonstrations of a lesson, B.
        scenes: drawn at random out of the steps of each episode, M.
        seed: of the order, and of the scenes.
        choose: which steps of a demonstration are read, given one demonstration ``[1, T, ...]`` and a seed; it
            returns as many for each. All of them unless given, which must be of the same length then.
        shuffle: records that are mixed.

    Returns:
        A data set of `Lesson`.

    Raises:
        ValueError: for a folder without shards.
        TfmetaError: for a shard that is damaged or empty.

    Example:
        `write_shard` has one.
    """
    pattern = str(Path(glob.escape(str(folder))) / f"*{_SUFFIX}")
    files = sorted(tf.io.gfile.glob(pattern))
    check(bool(files), f"{folder} has no shards; expected files that end with {_SUFFIX}.")
    first, *_ = [_first_record(file) for file in files]
    sizes = {name: x.shape for name, x in _parsed(first).items()}  # lengths aside, those of all records

    def shards(number: tf.Tensor) -> tf.data.Dataset:
        # The pattern seems to depend on the number, or TensorFlow would look for files only once: a folded constant.
        nothing = tf.strings.substr(tf.strings.as_string(number), 0, 0)
        found = tf.io.matching_files(tf.strings.join([pattern, nothing]))
        files = tf.random.experimental.stateless_shuffle(found, tf.stack([tf.cast(seed, tf.int64), number]))
        return tf.data.Dataset.from_tensor_slices(files).interleave(
            lambda name: tf.data.TFRecordDataset(name, "ZLIB"), cycle_length=8
        )

    def lesson(number: tf.Tensor, record: tf.Tensor) -> tuple:
        seeds = tf.stack([tf.cast(seed, tf.int64), number])
        return _lesson(_parsed(record, sizes), seeds, scenes, choose)

    records = tf.data.Dataset.range(2**60).flat_map(shards).enumerate()
    lessons = records.map(lesson, num_parallel_calls=2, deterministic=True).shuffle(shuffle, seed)
    return lessons.batch(batch, drop_remainder=True).map(_flat_scenes).prefetch(2)


def _first_record(file: str) -> tf.Tensor:
    """Returns the first record of a shard that has been read to its end: in training, damage would be a traceback."""
    first = None
    try:
        for record in tf.data.TFRecordDataset(file, "ZLIB"):
            first = record if first is None else first
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
        raise TfmetaError(f"The shard {file} is damaged. Remove it, and train again.") from error
    if first is None:
        raise TfmetaError(f"The shard {file} is empty; expected demonstrations. Remove it, and train again.")
    return first


_KINDS = {"objects": _STORED, "body": _STORED, "action": _STORED, "present": tf.bool, "length": tf.int32}
_COLUMNS = ["demo_objects", "demo_present", "demo_body", "demo_length",
            "own_objects", "own_present", "own_body", "own_action", "own_length"]  # fmt: skip


def _parsed(record: tf.Tensor, sizes: Mapping[str, tf.TensorShape] | None = None) -> dict[str, tf.Tensor]:
    """Reads a record; `sizes` are the shapes of another record, of which only the steps may differ."""
    strings = tf.io.parse_single_example(
        record, {name: tf.io.FixedLenFeature([], tf.string) for name in _COLUMNS}
    )
    read = {}
    for name, data in strings.items():
        x = tf.io.parse_tensor(data, _KINDS[name.partition("_")[2]])
        if sizes is not None:
            steps = [None] if name.endswith(("objects", "body", "action")) else []
            x = tf.ensure_shape(x, [*steps, *sizes[name][len(steps) :]])
        read[name] = tf.cast(x, tf.float32) if x.dtype == _STORED else x
    return read


def _lesson(
    read: Mapping[str, tf.Tensor],
    seed: tf.Tensor,
    scenes: int,
    choose: Callable[[Demonstration, tf.Tensor], Demonstration] | None,
) -> tuple:
    shown = Demonstration(
        read["demo_objects"][None], read["demo_present"][None], read["demo_body"][None],
        read["demo_length"][None],
    )  # fmt: skip
    if choose is not None:
        shown = choose(shown, seed)
    shown = tf.nest.map_structure(lambda x: x[0], shown)
    steps = tf.random.stateless_uniform([scenes], seed + 1, 0, read["own_length"], tf.int32)
    objects, body, action = (tf.gather(read[f"own_{name}"], steps) for name in ("objects", "body", "action"))
    return shown, objects, tf.repeat(read["own_present"][None], scenes, axis=0), body, action


def _flat_scenes(
    shown: Demonstration, objects: tf.Tensor, present: tf.Tensor, body: tf.Tensor, action: tf.Tensor
) -> Lesson:
    def flat(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, [-1, *x.shape[2:]])

    return Lesson(shown, Observation(flat(objects), flat(present), flat(body)), flat(action))


def _named(part: str, columns: NamedTuple) -> dict[str, tf.Tensor]:
    return {f"{part}_{name}": x for name, x in columns._asdict().items()}


def _stored(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, _STORED) if x.dtype == tf.float32 else x
