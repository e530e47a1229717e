"""Few-shot learners as servables: adapt and answer in one request, or adapt once and predict often."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.checks import check
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import check_shape
from tfmeta.core.row_checks import check_most_rows
from tfmeta.data.encoded import encode_drawings
from tfmeta.data.episode_tasks import values_of
from tfmeta.fewshot.extras import extra_signatures
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.requests import Requests

__all__ = ["few_shot_servable"]

Answer = dict[str, tf.Tensor]


def few_shot_servable(
    learner: FewShotLearner, name: str, *, example_episode: Mapping[str, np.ndarray], card: Card
) -> Servable:
    """Makes the signatures of a learner.

    ===================  =============================  =============================================
    signature            inputs                         outputs
    ===================  =============================  =============================================
    ``classify``         support_x, support_y, query_x  probabilities ``[B, Q, N]``, labels ``[B, Q]``
    ``regress``          the same, in regression        predictions ``[B, Q, D]``
    ``serving_default``  as ``classify`` or ``regress``
    ``adapt``            support_x, support_y           task_state ``[B, D]``
    ``predict``          task_state, query_x            as ``classify`` or ``regress``
    ``describe``         rows ``[B]``, may be left out  see below, a row each
    ===================  =============================  =============================================

    and, where the items are drawings: square images of one channel, unless the card says that they are read otherwise,

    ================  ==================================  =============================================
    ``classify_png``  support_png, support_y, query_png   as ``classify``
    ``adapt_png``     support_png, support_y              task_state ``[B, D]``
    ``predict_png``   task_state, query_png               as ``classify``
    ================  ==================================  =============================================

    ===============  =======  ===============  ==================================================
    input            type     shape            what it is
    ===============  =======  ===============  ==================================================
    ``support_x``    float32  ``[B, S, ...]``  items; pictures are of 0 to 1, drawings ink 1 on
                                               paper 0, as the card says in its ``items``
    ``support_y``    int64    ``[B, S]``       classes; in regression float32 ``[B, S, D]``
    ``query_x``      float32  ``[B, Q, ...]``  as ``support_x``
    ``support_png``  string   ``[B, S]``       bytes of PNG or JPEG files of any size, with ink of
                                               any colour on any paper
    ``query_png``    string   ``[B, Q]``       as ``support_png``
    ===============  =======  ===============  ==================================================

    `tfmeta.data.encoded.decode_drawings` reads the files. A request that does not fit fails with a message that says
    what came, what was expected, and how to mend it.

    ``describe`` says ``task``, ``ways`` (0: any number), ``input_shape``, ``inner_rate`` (0: no gradient
    steps), ``git_hash`` and ``card`` (JSON). It answers as many rows as its input has, since TF Serving's batching
    refuses requests without inputs, and tensors without a leading dimension.

    Some kinds of learner have more signatures: see `tfmeta.fewshot.extras.extra_signatures`, which is also how a
    package adds signatures for its own learner.

    Args:
        learner: the learner, with its trained weights.
        name: name of the model.
        example_episode: ``support_x``, ``support_y`` and ``query_x`` of a task or more, for the warm-up.
        card: the model card; its ``items["reading"]`` says whether images are drawings.

    Returns:
        A servable for `tfmeta.core.export.export`.

    Raises:
        ValueError: if the example does not fit the learner, or an extra signature has the name of a usual one.
        TfmetaError: if the learner does not declare the size of its task states.

    Example:
        >>> import keras
        >>> from tfmeta.fewshot.prototypical import PrototypicalNetwork
        >>> learner = PrototypicalNetwork(keras.Sequential([keras.Input([2]), keras.layers.Dense(3)]))
        >>> points = np.random.rand(1, 5, 2)
        >>> episode = {"support_x": points[:, :4], "support_y": [[0, 1, 2, 3]], "query_x": points[:, 4:]}
        >>> servable = few_shot_servable(learner, "points", example_episode=episode, card=Card("Points."))
        >>> sorted(servable.signatures)
        ['adapt', 'classify', 'describe', 'predict', 'serving_default']
    """
    requests = Requests(learner, example_episode, reading=card.items.get("reading", "drawing"))
    if requests.takes_drawings:
        known = {"shape": list(requests.item), "reading": "drawing", **values_of("drawing")}
        card = dataclasses.replace(card, items={**known, **card.items})
    each = _task_by_task if learner.task_by_task else _in_float32
    learn = each(learner.adapt)
    respond = each(lambda state, query_x: learner.respond(tf.cast(state, learner.compute_dtype), query_x))

    @each
    def learn_and_respond(support_x: tf.Tensor, support_y: tf.Tensor, query_x: tf.Tensor) -> tf.Tensor:
        return learner({"support_x": support_x, "support_y": support_y, "query_x": query_x}, training=False)

    def answer(outputs: tf.Tensor) -> Answer:
        if learner.task == "regression":
            return {"predictions": outputs}
        return {"probabilities": tf.nn.softmax(outputs), "labels": tf.argmax(outputs, axis=-1)}

    def whole(support_x: tf.Tensor, support_y: tf.Tensor, query_x: tf.Tensor) -> Answer:
        return answer(learn_and_respond(*requests.episode(support_x, support_y, query_x)))

    def adapt(support_x: tf.Tensor, support_y: tf.Tensor) -> Answer:
        return {"task_state": learn(*requests.support(support_x, support_y))}

    def predict(task_state: tf.Tensor, query_x: tf.Tensor) -> Answer:
        return answer(respond(*requests.query(task_state, query_x)))

    def classify_png(support_png: tf.Tensor, support_y: tf.Tensor, query_png: tf.Tensor) -> Answer:
        return answer(learn_and_respond(*requests.episode(support_png, support_y, query_png, "png")))

    def adapt_png(support_png: tf.Tensor, support_y: tf.Tensor) -> Answer:
        return {"task_state": learn(*requests.support(support_png, support_y, "png"))}

    def predict_png(task_state: tf.Tensor, query_png: tf.Tensor) -> Answer:
        return answer(respond(*requests.query(task_state, query_png, "png")))

    example = {key: tf.constant(value) for key, value in requests.example.items()}
    example["task_state"] = tf.cast(learner.adapt(example["support_x"], example["support_y"]), tf.float32)
    numbers = example["task_state"].shape[-1]
    check(
        bool(learner.state_size.fits(numbers)),
        f"adapt of {type(learner).__name__} returned a task state of {numbers} numbers, which its state_size"
        f" {learner.state_size} does not allow; mend state_size.",
    )
    if requests.takes_drawings:
        for role in ("support", "query"):
            example[f"{role}_png"] = encode_drawings(example[f"{role}_x"])

    def signature(function: Callable[..., Answer], *names: str) -> Signature:
        return Signature(
            function,
            tuple(requests.specs[input_name] for input_name in names),
            {input_name: example[input_name].numpy() for input_name in names},
        )

    both = signature(whole, "support_x", "support_y", "query_x")
    signatures = {
        "serving_default": both,
        "regress" if learner.task == "regression" else "classify": both,
        "adapt": signature(adapt, "support_x", "support_y"),
        "predict": signature(predict, "task_state", "query_x"),
        "describe": _describe(learner, requests.item, card),
    }
    if requests.takes_drawings:
        signatures |= {
            "classify_png": signature(classify_png, "support_png", "support_y", "query_png"),
            "adapt_png": signature(adapt_png, "support_png", "support_y"),
            "predict_png": signature(predict_png, "task_state", "query_png"),
        }
    extras = extra_signatures(learner, requests)
    taken = sorted(signatures.keys() & extras.keys())
    check(
        not taken,
        f"the extra signatures of {type(learner).__name__} are called {', '.join(taken)}, as those of every learner"
        " are; give them other names.",
    )
    signatures |= extras
    return Servable(name, signatures, card)


def _in_float32(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Lets a learner's function return float32, whatever it computes in: so inputs and outputs are always alike."""
    return lambda *inputs: tf.cast(function(*inputs), tf.float32)


def _task_by_task(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Gives a learner's function one task at a time.

    A sum over a batch of another size rounds otherwise, and gradient steps magnify that: so a task's answer is the
    same to the last bit, whatever it was merged with. Known to be one, a task also takes faster convolutions.
    """

    def of_each(*tasks: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(
            lambda task: tf.cast(function(*(x[None] for x in task))[0], tf.float32),
            tasks,
            fn_output_signature=tf.float32,
        )

    return of_each


def _describe(learner: FewShotLearner, item: tuple[int, ...], card: Card) -> Signature:
    facts = {
        "task": learner.task,
        "ways": np.int64(learner.ways or 0),
        "input_shape": np.array(item, np.int64),
        "inner_rate": np.float32(learner.mean_rate),
        "git_hash": card.git_hash,
        "card": card.to_json(),
    }
    any_row = tf.constant([0], tf.int64)

    def describe(rows: tf.Tensor = any_row) -> Answer:
        count = tf.shape(check_most_rows(check_shape("rows", rows, ("B",)), "rows"))[0]
        return {key: _repeat(fact, count) for key, fact in facts.items()}

    return Signature(describe, (tf.TensorSpec([None], tf.int64, "rows"),), {"rows": np.zeros(1, np.int64)})


def _repeat(fact: Any, count: tf.Tensor) -> tf.Tensor:
    constant = tf.constant(fact)
    return tf.broadcast_to(constant, tf.concat([[count], constant.shape], axis=0))
