"""Examples for supervised descent on faces: crops around jittered boxes, and where the landmarks are in them."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.data.faces import Faces
from tfmeta.descent.crops import crop, frames_of

__all__ = ["alignment_examples", "crops_of", "jittered", "padded"]


def jittered(boxes: np.ndarray, random: np.random.Generator, *, shift: float, size: float) -> np.ndarray:
    """Moves boxes about, as a detector of faces might have placed them.

    Args:
        boxes: left, top, width and height, ``[..., 4]``.
        random: where the moves come from.
        shift: largest move in either direction, in parts of the box.
        size: largest change of the size, in parts of the box.

    Returns:
        Boxes of the same shape.
    """
    moves = random.uniform(-shift, shift, boxes[..., 2:].shape) * boxes[..., 2:]
    sizes = boxes[..., 2:] * random.uniform(1 - size, 1 + size, boxes[..., :1].shape)
    middle = boxes[..., :2] + boxes[..., 2:] / 2 + moves
    return np.concatenate([middle - sizes / 2, sizes], axis=-1).astype(np.float32)


def padded(images: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Fills images up to a common size.

    Returns:
        uint8 ``[B, H, W]``, and the height and width of each, int32 ``[B, 2]``.
    """
    sizes = np.array([image.shape for image in images], np.int32)
    filled = np.zeros([len(images), *sizes.max(axis=0)], np.uint8)
    for image, place in zip(images, filled, strict=True):
        place[: image.shape[0], : image.shape[1]] = image
    return filled, sizes


def crops_of(
    images: tf.Tensor, sizes: tf.Tensor, landmarks: tf.Tensor, boxes: tf.Tensor, side: int, share: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts faces out.

    Args:
        images: uint8 ``[B, H, W]``.
        sizes: as of `padded`.
        landmarks: ``[B, L, 2]``.
        boxes: ``[B, M, 4]``.
        side: pixels of a crop in a row, S.
        share: as of `frames_of`.

    Returns:
        The crops, 0 to 1, ``[B * M, S, S]``, and the landmarks in their pixels, ``[B * M, L, 2]``.
    """
    frames = frames_of(boxes, side, share)
    crops = crop(tf.cast(images, tf.float32) / 255.0, frames, sizes)
    shapes = frames.into(landmarks[:, None])
    return tf.reshape(crops, [-1, side, side]), tf.reshape(shapes, [-1, landmarks.shape[1], 2])


def alignment_examples(
    faces: Faces,
    *,
    side: int,
    share: float,
    batch_size: int,
    initialisations: int,
    shift: float,
    size: float,
    seed: int,
    start: int = 0,
    pass_batches: int | None = None,
    mirror: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Makes endless examples for `LandmarkAligner.fit`. Batch number i is a function of the seed and of i.

    A pass goes through all faces, person by person. A person is in one batch, and so in one fold of the
    cross-validation, unless there are as many faces of one as a batch has, or it is the last one. Each pass has the
    same faces in the same batches. Each face has several initialisations: another box, and another place around the
    mean shape to begin from. Each pass draws new ones. With `mirror`, every other one is seen in a mirror.

    Args:
        faces: the faces.
        side: pixels of a crop in a row, S.
        share: as of `frames_of`.
        batch_size: faces in a batch, more or less, since people are not divided.
        initialisations: crops of each face.
        shift: as of `jittered`.
        size: as of `jittered`.
        seed: random seed.
        start: the number of the first batch.
        pass_batches: batches of a pass; as many as hold all faces unless given.
        mirror: for each landmark the number of its mirror image; None for no mirror.

    Returns:
        Pairs of ``{"instance", "moves"}`` and the landmarks in pixels of the crop, ``[batch_size * initialisations,
        2 L]``.

    Raises:
        ValueError: where there is no face, or a number is below 1.
    """
    check(len(faces) > 0, "There are no faces to learn from; give at least one.")
    check(
        batch_size >= 1 and initialisations >= 1,
        f"batch_size={batch_size}, initialisations={initialisations}; expected at least 1 of each.",
    )
    order, boxes = np.argsort(faces.people, kind="stable"), faces.boxes
    batched = np.split(order, _cuts(faces.people[order], batch_size))

    def drawn() -> Iterator[tuple[np.ndarray, ...]]:
        for number in range(start, np.iinfo(np.int64).max):
            chosen = batched[number % (pass_batches or len(batched)) % len(batched)]
            random = np.random.default_rng([seed, number])
            repeated = np.repeat(boxes[chosen, None], initialisations, axis=1)
            images, sizes = padded(tuple(faces.images[index] for index in chosen))
            moves = random.uniform(-1, 1, [len(chosen) * initialisations, 3]).astype(np.float32)
            yield (
                images, sizes, faces.landmarks[chosen],
                jittered(repeated, random, shift=shift, size=size), moves,
            )  # fmt: skip

    def examples(
        images: tf.Tensor, sizes: tf.Tensor, landmarks: tf.Tensor, boxes: tf.Tensor, moves: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        crops, shapes = crops_of(images, sizes, landmarks, boxes, side, share)
        if mirror is not None:
            odd = (tf.range(tf.shape(crops)[0]) % 2 == 1)[:, None, None]
            crops = tf.where(odd, crops[:, :, ::-1], crops)
            flipped = tf.gather(shapes, mirror, axis=1) * [-1.0, 1.0] + [side - 1.0, 0.0]
            shapes = tf.where(odd, flipped, shapes)
        return {"instance": crops, "moves": moves}, tf.reshape(shapes, [-1, 2 * count])

    count = faces.landmarks.shape[1]
    signature = (
        tf.TensorSpec([None, None, None], tf.uint8), tf.TensorSpec([None, 2], tf.int32),
        tf.TensorSpec([None, count, 2]), tf.TensorSpec([None, initialisations, 4]), tf.TensorSpec([None, 3]),
    )  # fmt: skip
    source = tf.data.Dataset.from_generator(drawn, output_signature=signature)
    return source.map(examples, num_parallel_calls=2).prefetch(2)


def _cuts(people: np.ndarray, batch_size: int) -> np.ndarray:
    """Where batches begin, but for the first one: between the faces of two people, as far as that can be.

    Args:
        people: who is seen on each face, sorted, ``[N]``.
        batch_size: faces in a batch, more or less.
    """
    even = np.arange(batch_size, len(people), batch_size)
    between = np.flatnonzero(np.diff(people)) + 1
    if not len(between):
        return even
    nearest = between[np.abs(between[None] - even[:, None]).argmin(axis=1)]
    return np.where(2 * np.abs(nearest - even) < batch_size, nearest, even)
