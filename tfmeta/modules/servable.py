"""Module networks as servables: a question with candidate layouts goes in, the answer and its attentions come out."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.checks import check
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.core.row_checks import check_most_rows
from tfmeta.modules.module_network import ModuleNetwork, Reading
from tfmeta.modules.reading import CANDIDATES_FILE, QuestionReading
from tfmeta.modules.spec import kinds
from tfmeta.modules.vocabulary import split_words

__all__ = ["module_servable"]


def module_servable(
    network: ModuleNetwork,
    name: str,
    *,
    example: Mapping[str, np.ndarray],
    card: Card,
    reading: Mapping[str, Any] | None = None,
) -> Servable:
    """Makes the signatures of a module network: ``answer``, which is also ``serving_default``, and ``describe``.

    The inputs of ``answer`` are those of the example, which are inputs of `ModuleNetwork`: ``question [B]`` and
    ``layouts [B, M, L]``, strings, and either ``image [B, H, W, C]`` or ``features [B, K, D]``, ``mask [B, K]``,
    ``pairs [B, K, K, R]`` and ``names [B, K]``, as far as the model knows them. Its outputs are

    =================  =========================================================================================
    ``probabilities``  of the labels, ``[B, A]``; zero where the chosen layout ends with an attention
    ``answer``         the most probable label, a string ``[B]``; empty where there is none
    ``positions``      in a model of sets: each position's probability to be in the answer, ``[B, K]``; zero where
                       the chosen layout ends with labels
    ``layout``         which candidate was chosen, ``[B]`` int32
    ``scores``         of the candidates, ``[B, M]``; -1e9 for those that only fill up
    ``attentions``     of every step of every candidate, ``[B, M, L, K]``: what it gave, or, if it answers, what it
                       looked at
    ``unknown``        whether the argument of a step is a word that the model has not learnt, ``[B, M, L]`` bool
    =================  =========================================================================================

    ``describe`` takes rows ``[B]``, which may be left out, and says in each ``task`` (``"questions"``), ``candidates``
    (how questions are read, see `tfmeta.modules.reading.QuestionReading`) and the ``card``. The file
    `CANDIDATES_FILE` of the artefact says the same of candidates.

    Words are told apart in the graph, and unknown words share their parameters, so that a client needs no
    vocabulary; where the chosen layout has one, the answer is a guess. A request that does not fit fails with a
    message that says what came, what was expected, and how to mend it: so do an empty question, a program that the
    machine cannot run, and a name that the world does not have.

    Args:
        network: the network, with its trained weights.
        name: name of the model.
        example: a request, for the warm-up.
        card: the model card.
        reading: how candidates were made in training, as arguments of `tfmeta.modules.layout_candidates`.

    Returns:
        A servable for `tfmeta.core.export.export`.

    Raises:
        ValueError: where the example does not fit the network.

    Example:
        >>> network = ModuleNetwork(["red"], ["is", "it"], ["yes", "no"], features=3)
        >>> example = {"question": ["is it red"], "layouts": [[["find[red]", "exists"]]],
        ...            "features": np.ones([1, 9, 3], np.float32), "mask": np.ones([1, 9], np.float32)}
        >>> sorted(module_servable(network, "toy", example=example, card=Card("A toy.")).signatures)
        ['answer', 'describe', 'serving_default']
    """
    specs = _specs(network)
    needed = {"question", "layouts", "image"} if network.front is not None else {*specs} - {"names"}
    wrong = sorted(needed - {*example}) + sorted({*example} - {*specs})
    check(
        not wrong,
        f"the example holds {', '.join(sorted(example))}; expected {', '.join(sorted(needed))}"
        + (", and names where positions have any." if "names" in specs else "."),
    )
    inputs = [input_name for input_name in specs if input_name in example]

    def answer(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        checked = {key: _checked(key, given[key], specs[key]) for key in inputs}
        checked = dict(zip(inputs, check_leading(**checked), strict=True))
        checked = _agreeing(checked)
        reading = _found(network.read(checked), kinds(network.modules, argument="name"))
        answers, attentions = network.run(reading.program, reading.world)
        layout = network.best(reading)
        outputs = {"layout": layout, "scores": reading.scores, "attentions": attentions}
        # A name is looked up among those of its world, and is not learnt.
        of_words = reading.program.is_any(kinds(network.modules, argument="word"))
        outputs["unknown"] = of_words & (reading.program.words == network.inventory.vocabulary.unknown)
        chosen = tf.gather(answers, layout, axis=1, batch_dims=1)
        labels, positions = chosen[:, : len(network.answers)], chosen[:, len(network.answers) :]
        if network.answers:
            best = tf.gather(tf.constant(network.answers), tf.argmax(labels, axis=-1))
            some = tf.reduce_any(labels > 0, axis=-1)
            outputs |= {"probabilities": labels, "answer": tf.where(some, best, "")}
        return outputs | ({"positions": positions} if network.sets else {})

    signature = Signature(
        answer,
        tuple(specs[key] for key in inputs),
        {key: np.asarray(example[key], _numpy_type(specs[key])) for key in inputs},
    )
    learned = network.question_vocabulary.words
    candidates = QuestionReading.of(reading or {}, network.modules, learned).to_json()
    facts = {"task": "questions", "candidates": candidates, "card": card.to_json()}
    signatures = {"answer": signature, "serving_default": signature, "describe": _describe(facts)}
    return Servable(name, signatures, card, {CANDIDATES_FILE: candidates})


def _describe(facts: Mapping[str, str]) -> Signature:
    any_row = tf.constant([0], tf.int64)

    def describe(rows: tf.Tensor = any_row) -> dict[str, tf.Tensor]:
        count = tf.shape(check_most_rows(check_shape("rows", rows, ("B",)), "rows"))
        return {key: tf.fill(count, fact) for key, fact in facts.items()}

    return Signature(describe, (tf.TensorSpec([None], tf.int64, "rows"),), {"rows": np.zeros(1, np.int64)})


def _specs(network: ModuleNetwork) -> dict[str, tf.TensorSpec]:
    """The inputs that a signature may have, in their order."""
    specs = {
        "question": tf.TensorSpec([None], tf.string, "question"),
        "layouts": tf.TensorSpec([None, None, None], tf.string, "layouts"),
    }
    if network.front is not None:
        return specs | {"image": tf.TensorSpec([None, *network.front.input_shape[1:]], name="image")}
    settings = network.inventory.settings
    positions = settings.positions
    specs["features"] = tf.TensorSpec([None, positions, settings.features], name="features")
    specs["mask"] = tf.TensorSpec([None, positions], name="mask")
    if settings.pairs:
        specs["pairs"] = tf.TensorSpec([None, positions, positions, settings.pairs], name="pairs")
    return specs | {"names": tf.TensorSpec([None, positions], tf.string, "names")}


_LETTERS = {
    "question": "B", "layouts": "BML", "image": "BHWC", "features": "BKD", "mask": "BK", "pairs": "BKKR",
    "names": "BK",
}  # fmt: skip


def _checked(name: str, x: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    dims = [letter if size is None else size for letter, size in zip(_LETTERS[name], spec.shape, strict=True)]
    fix = ""
    if name == "image":
        fix = f"resize the images to {dims[1]}x{dims[2]} pixels and give them {dims[3]} channels"
    x = check_shape(name, x, dims, fix)
    if name == "question":
        counts = tf.reduce_sum(tf.cast(split_words(x) != "", tf.int32), axis=1) - 1  # without the full stop
        empty = tf.argmin(counts, output_type=tf.int32)
        message = "] holds no word; expected a question such as: is there a red shape."
        return after([require(tf.reduce_min(counts) > 0, "question[", empty, message)], x)[0]
    if name == "layouts":
        wide = tf.reduce_all(tf.shape(x)[1:] > 0)
        message = "; expected at least one candidate of at least one step."
        return after([require(wide, "layouts has the shape ", tf.shape(x), message)], x)[0]
    if name == "mask":  # what is elsewhere would come out as a probability that is none
        message = (
            "mask holds numbers other than 0 and 1; expected 1 where a position is, and 0 where none is."
        )
        return after([require(tf.reduce_all((x == 0) | (x == 1)), message)], x)[0]
    return check_finite(name, x) if x.dtype.is_floating else x


def _agreeing(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Checks that all that is said of positions is said of equally many."""
    names = [name for name in ("features", "mask", "pairs", "names") if name in inputs]
    if not names:
        return inputs
    counts = [tf.shape(inputs[name])[1] for name in names]
    counts += [tf.shape(inputs["pairs"])[2]] if "pairs" in inputs else []
    counts = tf.stack(counts)
    fits = require(
        tf.reduce_all(counts == counts[0]) & (counts[0] > 0), f"{', '.join(names)} hold ", counts,
        " positions; expected the same number, at least 1.",
    )  # fmt: skip
    return inputs | dict(zip(names, after([fits], *(inputs[name] for name in names)), strict=True))


def _found(reading: Reading, of_names: Collection[int]) -> Reading:
    """Checks that every name that is looked up is in its world."""
    program, names = reading.program, reading.world.names
    if names is None:
        return reading
    arguments = program.arguments
    here = (arguments[..., None] == names[:, None, None, :]) & (reading.world.mask > 0)[:, None, None, :]
    lost = program.is_any(of_names) & ~tf.reduce_any(here, axis=-1)
    flat = tf.reshape(lost, [-1])
    first = tf.argmax(flat, output_type=tf.int32)
    place = tf.unravel_index(first, tf.shape(lost))
    known = tf.strings.reduce_join(names[place[0]], separator=", ")
    fits = require(
        ~tf.reduce_any(flat), "layouts", place, " looks up ", tf.reshape(arguments, [-1])[first],
        ", but the positions of this world are called ", known, "; expected one of these.",
    )  # fmt: skip
    return reading._replace(program=program._replace(kinds=after([fits], program.kinds)[0]))


def _numpy_type(spec: tf.TensorSpec) -> Any:
    return object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype
