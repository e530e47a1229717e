"""Signatures of Siamese networks: whether two images are of one class."""

from collections.abc import Mapping

import tensorflow as tf

from tfmeta.core.export import Signature
from tfmeta.core.graph_checks import after, check_shape, require
from tfmeta.data.encoded import encode_drawings
from tfmeta.fewshot.requests import Requests
from tfmeta.fewshot.siamese import SiameseNetwork

__all__ = ["pair_signatures"]


def pair_signatures(learner: SiameseNetwork, requests: Requests) -> Mapping[str, Signature]:
    """Makes signatures that verify pairs.

    ==============  =================================  =========================
    signature       inputs                             outputs
    ==============  =================================  =========================
    ``verify``      a, b, float32 ``[B, ...]``         probability ``[B]``
    ``verify_png``  a_png, b_png, strings ``[B]``      the same
    ==============  =================================  =========================

    ``verify_png`` is there where an item is a drawing. A request that does not fit fails with a message.

    Args:
        learner: the learner, whose `verify` gives the probability that two items are of one class.
        requests: checks and decodes the items, and has examples of them.

    Returns:
        The signatures by name.
    """

    def answer(a: tf.Tensor, b: tf.Tensor, kind: str = "") -> dict[str, tf.Tensor]:
        a, b = (_items(requests, name + kind, x) for name, x in (("a", a), ("b", b)))
        counts = tf.stack([tf.shape(a)[0], tf.shape(b)[0]])
        fits = (counts[0] == counts[1]) & (counts[0] > 0)
        message = " images; expected as many of each, at least one."
        a, b = after([require(fits, f"a{kind}, b{kind} hold ", counts, message)], a, b)
        return {"probability": learner.verify(a, b)}

    def verify_x(a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(a, b)

    def verify_png(a_png: tf.Tensor, b_png: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(a_png, b_png, "_png")

    # Every query with the first support item of its task.
    example = {"a": requests.example["support_x"][:, 0], "b": requests.example["query_x"][:, 0]}
    specs = [tf.TensorSpec([None, *requests.item], tf.float32, name) for name in ("a", "b")]
    signatures = {"verify": Signature(verify_x, tuple(specs), example)}
    if requests.takes_drawings:
        names = ("a_png", "b_png")
        files = {f"{name}_png": encode_drawings(x).numpy() for name, x in example.items()}
        specs = [tf.TensorSpec([None], tf.string, name) for name in names]
        signatures["verify_png"] = Signature(verify_png, tuple(specs), files)
    return signatures


def _items(requests: Requests, name: str, x: tf.Tensor) -> tf.Tensor:
    # Requests are of tasks; here each task has one item.
    dims = ("B",) if name.endswith("_png") else ("B", *requests.item)
    x = check_shape(name, x, dims, "one image of each pair")
    return requests.items(name, x[:, None], "1")[:, 0]
