"""Any question about any image: as many examples as there are pairs, with computed answers."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.data.image_questions import numbered
from tfmeta.data.shape_grid import Grids, attend, judge
from tfmeta.data.shapes import ShapesQuestion

__all__ = ["pairings"]


def pairings(
    images: np.ndarray,
    grids: Grids,
    questions: Sequence[ShapesQuestion],
    *,
    size: int,
    answers: Sequence[str] = ("no", "yes"),
    balanced: bool = False,
    subject_present: bool = True,
    seed: int = 0,
    start: int = 0,
) -> tf.data.Dataset:
    """Draws batches of images, each with any of the questions, without end; batch ``i`` is a function of (seed, i).

    Few images so give many examples: SHAPES has 640 for training, which came with ten questions, and 212 questions
    for training.

    Args:
        images: M of them, float32 ``[M, H, W, 3]``, such as those of `tfmeta.data.shapes.load_shapes` or of
            `tfmeta.data.shape_world.ShapeWorld`.
        grids: what stands in their cells.
        questions: Q of them, such as `tfmeta.data.shapes.load_shapes_questions("train")`, which leaves the
            questions of the test unseen.
        size: examples of a batch, B.
        answers: the vocabulary that answers are numbered by.
        balanced: draws as many pairs with each answer; otherwise every pair is as likely.
        subject_present: asks whether a red shape is here or there only where there is a red shape, as the authors
            of SHAPES do.
        seed: names the sequence of batches.
        start: number of the first batch.

    Returns:
        An infinite dataset of ``({"image": float32 [B, H, W, 3], "question": string [B], "layout": string [B]},
        answer int32 [B])``.

    Raises:
        ValueError: for an empty batch, or where no pair is left.

    Example:
        >>> from tfmeta.data.shape_world import ShapeWorld
        >>> from tfmeta.data.shapes import shapes_question
        >>> asked = shapes_question("(is red (above circle))")
        >>> x, y = next(iter(pairings(*ShapeWorld().images(range(20)), [asked], size=5)))
        >>> x["image"].shape, y.shape
        (TensorShape([5, 30, 30, 3]), TensorShape([5]))
    """
    check(size >= 1, f"size={size}; a batch holds at least 1 example.")
    found = np.stack([judge(question.layout, grids) for question in questions])  # [Q, M]
    asked = np.ones(found.shape, bool)
    if subject_present:
        subjects = [f"find[{question.query.split()[1]}]" for question in questions]
        asked = np.stack([attend(subject, grids).any((1, 2)) for subject in subjects])
    check(bool(asked.any()), "No pair is left: no image shows the subject of any of the questions.")

    kinds = [asked & (found == kind) for kind in np.unique(found[asked])] if balanced else [asked]
    pairs = [np.argwhere(kind) for kind in kinds]
    firsts = tf.constant(np.cumsum([0, *map(len, pairs)])[:-1], tf.int32)  # [kinds]
    counts = tf.constant([len(part) for part in pairs], tf.int32)
    table = tf.constant(np.concatenate(pairs), tf.int32)  # [pairs, 2]: question, image
    pool, right = tf.constant(images), tf.constant(numbered(found, answers))
    texts = tf.constant([question.text for question in questions])
    layouts = tf.constant([question.layout for question in questions])

    def batch(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        which, where = tf.unstack(tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 2))
        kind = tf.random.stateless_uniform([size], which, maxval=len(pairs), dtype=tf.int32)
        part = tf.random.stateless_uniform([size], where)
        count = tf.gather(counts, kind)
        place = tf.minimum(tf.cast(part * tf.cast(count, tf.float32), tf.int32), count - 1)
        chosen = tf.gather(table, tf.gather(firsts, kind) + place)  # [B, 2]
        question, image = chosen[:, 0], chosen[:, 1]
        x = {
            "image": tf.gather(pool, image),
            "question": tf.gather(texts, question),
            "layout": tf.gather(layouts, question),
        }
        return x, tf.gather_nd(right, chosen)

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)
