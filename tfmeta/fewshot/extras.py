"""What a kind of learner can be asked besides what every learner can be asked."""

import functools
from collections.abc import Mapping

from tfmeta.core.export import Signature
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.memory_signatures import memory_signatures
from tfmeta.fewshot.pair_signatures import pair_signatures
from tfmeta.fewshot.requests import Requests
from tfmeta.fewshot.siamese import SiameseNetwork

__all__ = ["extra_signatures"]


@functools.singledispatch
def extra_signatures(learner: FewShotLearner, requests: Requests) -> Mapping[str, Signature]:
    """Makes the signatures that only this kind of learner has; a learner of no registered class has none.

    It is a `functools.singledispatch` function: a package registers a function for its own learner, and subclasses
    of that learner have the signatures too. The file that registers must be imported before the learner is exported,
    so the simplest place is the learner's own file.

    Args:
        learner: the learner.
        requests: checks and decodes inputs, and holds an example of each.

    Returns:
        Signatures by name.

    Example:
        >>> import keras, tensorflow as tf
        >>> from tfmeta.fewshot.prototypical import PrototypicalNetwork
        >>> class Embedder(PrototypicalNetwork):
        ...     '''A learner that is also asked for its embeddings.'''
        >>> @extra_signatures.register
        ... def _(learner: Embedder, requests: Requests):
        ...     def embed(query_x):
        ...         return {"embeddings": learner.embed(requests.items("query_x", query_x, "Q"))}
        ...     example = {"query_x": requests.example["query_x"]}
        ...     return {"embed": Signature(embed, (requests.specs["query_x"],), example)}
        >>> learner = Embedder(keras.Sequential([keras.Input([2]), keras.layers.Dense(3)]))
        >>> x, y = tf.zeros([1, 2, 2]), [[0, 1]]
        >>> list(extra_signatures(learner, Requests(learner, {"support_x": x, "support_y": y, "query_x": x})))
        ['embed']
    """
    return {}


extra_signatures.register(SiameseNetwork, pair_signatures)
extra_signatures.register(LifelongMemory, memory_signatures)
