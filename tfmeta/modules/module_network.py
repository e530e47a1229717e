"""ModuleNetwork: questions answered by networks that are composed for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading
from tfmeta.modules.chooser import LayoutChooser
from tfmeta.modules.choosing import divergence, expected_loss, marginal_loss, reinforce_loss, sample_choice
from tfmeta.modules.executor import Execution, execute
from tfmeta.modules.inventory import Inventory
from tfmeta.modules.layer import Attention, Form
from tfmeta.modules.program import Program, check_programs, read_programs
from tfmeta.modules.set_crossentropy import SetCrossentropy
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.standard import STANDARD
from tfmeta.modules.vocabulary import Vocabulary, slug, split_words
from tfmeta.modules.world import World

__all__ = ["Choice", "ModuleNetwork", "Reading"]

Choice = Literal["sampled", "expected", "marginal", "first"]

# What is made of the losses of all candidates, where all of them are run.
_OVER_CANDIDATES = {"expected": expected_loss, "marginal": marginal_loss}


class Reading(NamedTuple):
    """Inputs as a `ModuleNetwork` reads them.

    Attributes:
        program: the candidates.
        world: what they are asked about.
        scores: of the candidates, ``[B, M]``.
        prior: their scores before the question is read, likewise.
    """

    program: Program
    world: World
    scores: tf.Tensor
    prior: tf.Tensor


@keras.saving.register_keras_serializable("tfmeta")
class ModuleNetwork(keras.Model):
    """Chooses one of the candidate layouts of each question, composes it, and answers.

    It is called with a dict of

    ============  =======================  ========================================================================
    input         shape                    what it is
    ============  =======================  ========================================================================
    ``question``  ``[B]`` strings          English
    ``layouts``   ``[B, M, L]`` strings    the candidates as programs: see `tfmeta.modules.program.pad_layouts`
    ``features``  ``[B, K, D]``            of positions
    ``mask``      ``[B, K]``               1 for positions that there are; may be left out
    ``pairs``     ``[B, K, K, R]``         of pairs of positions, if the model looks at any
    ``names``     ``[B, K]`` strings       of positions, for lookup; may be left out
    ``image``     ``[B, H, W, C]``         in place of features, for a model with a `front`
    ============  =======================  ========================================================================

    and returns ``answers [B, A]``, the probabilities of the labels, besides the ``choice [B]`` of a candidate and the
    ``scores [B, M]`` that it was made by. A model that answers with `sets` returns ``answers [B, A + K]``: behind the
    labels, each position's probability to belong to the set, which is the attention that a layout without a label
    ends with.

    Compiled without anything but an optimizer it maximises the likelihood of answers: labels numbered ``[B]``, or
    sets ``[B, A + K]`` of ones and zeros. Fit trains all modules, and the chooser with them, as `choice` says:

    * ``"sampled"``: REINFORCE. A candidate is drawn by its probability, and the chooser's gradient is that of
      ``log p(z | x) (r - b)``; the reward ``r`` is minus the answer's loss, the baseline ``b`` the mean reward of the
      other questions of the batch.
    * ``"expected"``: all candidates are run, and the loss is the mean of theirs by their probabilities, which is what
      REINFORCE estimates.
    * ``"marginal"``: all candidates are run, and the loss is that of the answer's likelihood summed over them: see
      `tfmeta.modules.choosing.marginal_loss`.
    * ``"first"``: the first candidate is taken, in training and afterwards; nothing is chosen.

    Otherwise the candidate with the highest score answers.

    Args:
        words: arguments that modules have parameters for; all other words share a set.
        question_words: words that the chooser tells apart: see `tfmeta.modules.vocabulary.question_words`.
        answers: the labels.
        features: D, features of a position.
        sets: whether a question may be answered with a set of positions.
        pairs: R, features of a pair of positions; 0 where there are none.
        positions: K, where every world has as many, which measure needs.
        hidden: units of the modules' hidden layers.
        units: of the chooser's LSTM and its hidden layer.
        attention: ``"softmax"`` as in the equations, or ``"sigmoid"``: an attention is then a probability for each
            position, so that a set may have many members or none.
        form: of find and relate: ``"perceptron"`` as in the equations, or ``"product"``.
        choice: see above.
        exploration: weight of what is taken from the reward in training for leaving the prior of the choice: its
            entropy, where there is none; see `tfmeta.modules.choosing.divergence`.
        completeness: by how many nats a candidate is likelier beforehand for each argument that it names.
        depth: how many attentions the stack of the machine holds.
        modules: those that layouts are composed of: the papers' `tfmeta.modules.STANDARD`, and any of your own.
        front: a network from images to features ``[B, K, D]``, or to a dict of ``features`` and ``pairs``.
        seed: of the initial weights and of the draws.

    Raises:
        ValueError: for settings that do not fit each other.

    Example:
        >>> network = ModuleNetwork(["red", "round"], ["is", "it"], ["yes", "no"], features=3, seed=0)
        >>> layouts = tf.constant([[["find[red]", "find[round]", "and", "exists"]]])
        >>> inputs = {"question": tf.constant(["Is it red?"]), "layouts": layouts, "features": tf.ones([1, 9, 3])}
        >>> {name: x.shape for name, x in network(inputs).items()}
        {'answers': TensorShape([1, 2]), 'choice': TensorShape([1]), 'scores': TensorShape([1, 1])}

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Learning to Compose Neural Networks for Question Answering." NAACL 2016.
    """

    def __init__(
        self,
        words: Sequence[str],
        question_words: Sequence[str],
        answers: Sequence[str] = (),
        *,
        features: int,
        sets: bool = False,
        pairs: int = 0,
        positions: int | None = None,
        hidden: int = 64,
        units: int = 64,
        attention: Attention = "softmax",
        form: Form = "perceptron",
        choice: Choice = "sampled",
        exploration: float = 0.0,
        completeness: float = 0.0,
        depth: int = 8,
        modules: Sequence[ModuleSpec] = STANDARD,
        front: keras.Model | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(
            choice in ("sampled", *_OVER_CANDIDATES, "first"),
            f"choice={choice!r}; expected 'sampled', 'expected', 'marginal' or 'first'.",
        )
        check(bool(answers) or sets, "there is nothing to answer with; expected answers, or sets=True.")
        check(depth >= 2, f"depth={depth}; expected at least 2, which `and` takes.")
        # XLA on a CPU makes these graphs slower, by three times and more.
        self.supports_jit = False
        self.settings = {
            "words": list(words), "question_words": list(question_words), "answers": list(answers),
            "features": features, "sets": sets, "pairs": pairs, "positions": positions, "hidden": hidden,
            "units": units, "attention": attention, "form": form, "choice": choice, "exploration": exploration,
            "completeness": completeness, "depth": depth, "seed": seed,
        }  # fmt: skip
        self.answers, self.sets, self.choice = tuple(answers), sets, choice
        self.exploration, self.depth, self.seed = exploration, depth, seed
        self.front = front
        self.inventory = Inventory(
            words, features, answers, pairs=pairs, positions=positions, hidden=hidden,
            attention=attention, form=form, modules=modules, seed=seed, dtype=self.dtype_policy, name="inventory",
        )  # fmt: skip
        self.question_vocabulary = Vocabulary(question_words)
        self.chooser = None
        if choice != "first":
            self.chooser = LayoutChooser(
                self.question_vocabulary.size, self.inventory.vocabulary.size,
                modules=self.modules, units=units, hidden=units, completeness=completeness, seed=seed,
                dtype=self.dtype_policy, name="chooser",
            )  # fmt: skip
        self.built = True

    @property
    def modules(self) -> tuple[ModuleSpec, ...]:
        """The modules that layouts are composed of, in the order of their numbers."""
        return self.inventory.specs

    @property
    def outputs_of_layouts(self) -> tuple[str, ...]:
        """What a layout may end with here: ``"labels"``, ``"attention"`` or both."""
        return (("labels",) if self.answers else ()) + (("attention",) if self.sets else ())

    def read(self, inputs: Mapping[str, Any], training: bool = False) -> Reading:
        """Reads inputs, and scores the candidates.

        Args:
            inputs: as the model is called with.
            training: whether this is part of training.

        Returns:
            What was read.

        Raises:
            ValueError: where an input is missing.
        """
        world = self._world(inputs, training)
        program = check_programs(
            read_programs(tf.convert_to_tensor(inputs["layouts"]), self.inventory.vocabulary, self.modules),
            self.modules, there=self.inventory.modules, outputs=self.outputs_of_layouts,
            depth=self.depth, named=world.names is not None,
        )  # fmt: skip
        if self.chooser is None:
            scores = tf.where(program.candidates(), 0.0, tf.constant(-1e9, world.mask.dtype))
            return Reading(program, world, scores, scores)
        asked = split_words(tf.convert_to_tensor(inputs["question"]))
        scores = self.chooser(self.question_vocabulary.ids(asked), asked != "", program)
        return Reading(program, world, scores, self.chooser.prior(program))

    def run(self, program: Program, world: World) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs candidates.

        Returns:
            Answers ``[B, M, A]``, or ``[B, M, A + K]`` for sets, and every step's attention ``[B, M, L, K]``.
        """
        execution: Execution = execute(self.inventory, program, world, depth=self.depth)
        parts = [execution.labels] if self.answers else []
        parts += [execution.positions] if self.sets else []
        return tf.concat(parts, axis=-1), execution.attentions

    def best(self, reading: Reading) -> tf.Tensor:
        """Numbers the candidates that are chosen, ``[B]`` int32: the first of those with the highest score."""
        return tf.argmax(reading.scores, axis=-1, output_type=tf.int32)

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> dict[str, tf.Tensor]:
        reading = self.read(inputs, training)
        choice = self._sample(reading) if training and self.choice == "sampled" else self.best(reading)
        chosen = {
            "choice": choice,
            "scores": reading.scores,
            **({"prior": reading.prior} if training else {}),
        }
        if training and self.choice in _OVER_CANDIDATES:
            every, _ = self.run(reading.program, reading.world)
            answers = tf.gather(every, choice, axis=1, batch_dims=1)
            return {"answers": answers, **chosen, "every": every}
        answers, _ = self.run(reading.program.pick(choice), reading.world)
        return {"answers": answers[:, 0], **chosen}

    def compile(self, optimizer: Any = "adam", loss: Any = None, **kwargs: Any) -> None:
        """Makes the model ready for fit: see `keras.Model.compile`; without a loss, by the likelihood of answers."""
        if loss is None:
            loss = SetCrossentropy() if self.sets else keras.losses.SparseCategoricalCrossentropy()
        super().compile(optimizer=optimizer, loss=loss, **kwargs)
        if self.optimizer is not None:  # or fit would trace its graph twice, once to make these variables
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        # Keras leaves a loaded model uncompiled where compile is overridden.
        self.compile(**keras.saving.deserialize_keras_object(config))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        scores = y_pred["scores"]
        if training and self.choice in _OVER_CANDIDATES:
            over = _OVER_CANDIDATES[self.choice]
            losses = over(scores, self._losses_of_candidates(y, y_pred["every"]))
            if sample_weight is not None:
                losses *= tf.cast(sample_weight, losses.dtype)
            loss = tf.add_n([tf.reduce_mean(losses), *self.losses]) / replicas
        else:
            loss = super().compute_loss(x, y, y_pred["answers"], sample_weight, training)
        if training and self.choice == "sampled":
            losses = self._losses_of_answers(y, y_pred["answers"])
            loss += reinforce_loss(scores, y_pred["choice"], losses) / replicas
        if training and self.exploration:
            loss += self.exploration * tf.reduce_mean(divergence(scores, y_pred["prior"])) / replicas
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        return super().compute_metrics(x, y, y_pred["answers"], sample_weight)

    def get_config(self) -> dict[str, Any]:
        front = self.front and keras.saving.serialize_keras_object(self.front)
        modules = [spec.get_config() for spec in self.modules]
        return {**super().get_config(), **self.settings, "modules": modules, "front": front}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ModuleNetwork:
        front, modules = config.get("front"), config.get("modules")
        given = {**config, "front": front and keras.saving.deserialize_keras_object(front)}
        if modules is not None:  # files of before have none
            given["modules"] = [ModuleSpec.from_config(each) for each in modules]
        return cls(**given)

    def _world(self, inputs: Mapping[str, Any], training: bool) -> World:
        inputs = dict(inputs)
        if self.front is not None and "image" in inputs:
            seen = self.front(inputs["image"], training=training)
            inputs |= seen if isinstance(seen, Mapping) else {"features": seen}
        needed = ["layouts", "features", *(["pairs"] if self.settings["pairs"] else [])]
        needed += [] if self.chooser is None else ["question"]
        missing = [name for name in needed if name not in inputs]
        images = " (or image in place of features)" if self.front is not None else ""
        check(
            not missing,
            f"the inputs are {sorted(inputs)}, without {missing}; expected {needed}{images}.",
        )
        given = {
            name: tf.cast(inputs[name], self.compute_dtype) if name in inputs else None
            for name in ("features", "mask", "pairs")
        }
        if given["mask"] is None:
            given["mask"] = tf.ones_like(given["features"][:, :, 0])
        return World(**given, names=slug(inputs["names"]) if "names" in inputs else None)

    def _sample(self, reading: Reading) -> tf.Tensor:
        step = self.optimizer.iterations if getattr(self, "optimizer", None) else 0
        seed = [tf.cast(self.seed or 0, tf.int64), tf.cast(step, tf.int64)]
        return sample_choice(reading.scores, tf.stack(seed))

    def _losses_of_answers(self, y: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
        """The loss of each answer, ``[B]``."""
        loss = keras.losses.get(self.loss)
        return (loss.call if isinstance(loss, keras.losses.Loss) else loss)(tf.convert_to_tensor(y), answers)

    def _losses_of_candidates(self, y: tf.Tensor, every: tf.Tensor) -> tf.Tensor:
        """The loss of each candidate's answer, ``[B, M]``."""
        batch, candidates = leading(every, 2)
        y = tf.repeat(tf.convert_to_tensor(y), candidates, axis=0)
        losses = self._losses_of_answers(y, tf.reshape(every, [batch * candidates, every.shape[-1]]))
        return tf.reshape(losses, [batch, candidates])
