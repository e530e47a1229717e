"""Siamese networks: whether two images are of one class, and from that, of which class one is."""

from typing import Any, Literal, cast

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.graph_checks import after, require
from tfmeta.core.pairs import PairInputs
from tfmeta.core.shapes import EpisodeInputs, leading
from tfmeta.fewshot.embedding import EmbeddingLearner, count_ways
from tfmeta.fewshot.inputs import checked_labels
from tfmeta.fewshot.labelled import labelled_size, pack_labelled, unpack_labelled
from tfmeta.fewshot.pair_losses import contrastive_loss, verification_loss
from tfmeta.fewshot.state_size import StateSize
from tfmeta.fewshot.verification import fit_log_odds

__all__ = ["ClassScore", "PairLoss", "SiameseNetwork"]

PairLoss = Literal["contrastive", "verification"]
ClassScore = Literal["mean", "nearest"]


@keras.saving.register_keras_serializable("tfmeta")
class SiameseNetwork(EmbeddingLearner):
    """Tells whether two images are of one class, by two copies of one network ``φ``.

    ``loss="contrastive"`` trains distances (`tfmeta.fewshot.pair_losses.contrastive_loss`):

        ||φ(a) - φ(b)|| for the same class,    max(margin - ||φ(a) - φ(b)||, 0) for different ones.

    A distance is no probability; a logistic curve ``σ(s (t - ||φ(a) - φ(b)|| / margin))`` makes it one. Its slope
    ``s`` and threshold ``t`` are fitted by cross-entropy to the pairs that the distances are trained on, and do not
    change that training. `calibrate` fits them to other pairs, which is the better measure.

    ``loss="verification"`` trains a head over the two embeddings by cross-entropy (Koch et al. 2015):

        p(a, b are of one class) = σ(Σ_j α_j |φ_j(a) - φ_j(b)| + β).

    The bias ``β`` is what lets a pair without any difference be surer than one half. Either way a probability
    holds for pairs that are as often of one class as of two.

    It is trained by ``fit`` with `compute_loss`, its own, on batches of either kind:

    * pairs ``({"a", "b"}, same)`` as `tfmeta.core.pairs.pairs` draws them: the plain way;
    * episodes: *all* pairs of images of a task, support and query alike, count. N ways of n examples each give
      ``Nn (Nn - 1) / 2`` pairs instead of ``Nn / 2`` from the same images, at about the same cost.

    For a task, the logit of a class is the log-odds that the query and an example of the class are the same. It is
    the mean over its K shots, or with ``class_score="nearest"`` that of its most similar one. The softmax of the
    logits is then the probability of each class, given that the query is of one of them. A class without an
    example is never the answer. The task state is the embeddings with their labels, ``[B, S*(D+1)]``.

    Args:
        network: the embedding ``φ``, ``[M, ...] -> [M, D]``.
        loss: ``"contrastive"`` or ``"verification"``.
        margin: of the contrastive loss.
        hard_pairs: takes the mean of the contrastive loss over different pairs within the margin alone. Its value
            then says little of progress; see `tfmeta.fewshot.pair_losses.contrastive_loss`.
        class_score: ``"mean"`` or ``"nearest"``.

    Raises:
        ValueError: for an unknown option, or a margin that is not positive.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = SiameseNetwork(conv4())
        >>> learner.verify(tf.zeros([6, 28, 28, 1]), tf.zeros([6, 28, 28, 1])).shape
        TensorShape([6])
        >>> state = learner.adapt(tf.zeros([1, 3, 28, 28, 1]), tf.constant([[0, 1, 2]]))
        >>> learner.respond(state, tf.zeros([1, 4, 28, 28, 1])).shape
        TensorShape([1, 4, 3])

    Reference:
        Koch, Zemel, Salakhutdinov. "Siamese Neural Networks for One-shot Image Recognition." ICML workshop, 2015.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        loss: PairLoss = "contrastive",
        margin: float = 1.0,
        hard_pairs: bool = False,
        class_score: ClassScore = "mean",
        **kwargs: Any,
    ):
        check(
            loss in ("contrastive", "verification"),
            f"loss={loss!r}; expected 'contrastive' or 'verification'.",
        )
        check(
            margin > 0,
            f"margin={margin}; expected a distance above 0: within it, different classes are pushed apart.",
        )
        check(
            class_score in ("mean", "nearest"), f"class_score={class_score!r}; expected 'mean' or 'nearest'."
        )
        super().__init__(network, **kwargs)
        self.pair_loss = loss  # `loss` is what Keras keeps of `compile`
        self.margin = margin
        self.hard_pairs = hard_pairs
        self.class_score = class_score
        if loss == "contrastive":
            # At first the odds are even at half the margin, and 55 to 1 at none and at the whole of it.
            self.slope = self._constant("slope", (), 8.0)
            self.threshold = self._constant("threshold", (), 0.5)
        else:
            # About even odds for features of unit variance, whose mean absolute difference is about 1.
            self.alpha = self._constant("alpha", (self.features,), -3.0 / self.features)
            self.beta = self._constant("beta", (), 3.0)

    def call(self, inputs: EpisodeInputs | PairInputs, training: bool = False) -> tf.Tensor:
        """Answers for the queries of tasks, ``[B, Q, N]``, or gives the log-odds of pairs ``{"a", "b"}``, ``[P]``."""
        # What is answered in training is answered as after it; batch statistics are those of `compute_loss`.
        if "a" in inputs:
            pairs = cast(PairInputs, inputs)
            return self.log_odds(pairs["a"], pairs["b"])
        return super().call(cast(EpisodeInputs, inputs))

    def verify(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns the probability that two images are of one class, if that is as likely as not beforehand.

        Args:
            a: images, ``[P, H, W, C]``.
            b: the images to compare them with, one by one, of the same shape.

        Returns:
            The probabilities, ``[P]``.
        """
        return tf.sigmoid(self.log_odds(a, b))

    def log_odds(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns what `verify` does, as log-odds."""
        embedded = self.embed(tf.stack([a, b], axis=1))  # [P, 2, D]
        return self._log_odds(self._dissimilarity(embedded[:, :1], embedded[:, 1:]))[:, 0, 0]

    def calibrate(self, pairs: tf.data.Dataset, *, batches: int) -> None:
        """Fits the probabilities to pairs of classes that were not trained on; distances stay as they are.

        Args:
            pairs: batches ``({"a", "b"}, same)``, as `tfmeta.core.pairs.pairs` draws them.
            batches: how many of them to draw.

        Raises:
            ValueError: if the log-odds of pairs of one class are not above those of others.
        """
        log_odds = tf.function(self.log_odds, autograph=False)
        answers = [(same.numpy(), log_odds(x["a"], x["b"]).numpy()) for x, same in pairs.take(batches)]
        a, b = fit_log_odds(*map(np.concatenate, zip(*answers, strict=True)))
        check(a > 0, "pairs of one class look no more alike than others; train the network first.")
        if self.pair_loss == "contrastive":
            self.threshold.assign_add(b / (a * self.slope))
            self.slope.assign(a * self.slope)
        else:
            self.alpha.assign(a * self.alpha)
            self.beta.assign(a * self.beta + b)

    def adapt(self, support_x: tf.Tensor, support_y: tf.Tensor, training: bool = False) -> tf.Tensor:
        check(
            support_x.shape[1] != 0,
            f"support_x has the shape {support_x.shape}: shots=0; expected at least one example of each class.",
        )
        return pack_labelled(self.embed(support_x, training), support_y)

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        support, labels = unpack_labelled(task_state, self.features)
        query = self.embed(query_x, training)
        log_odds = self._log_odds(self._dissimilarity(query, support))  # [B, Q, S]
        members = tf.one_hot(labels, count_ways(labels), dtype=log_odds.dtype)[:, None]  # [B, 1, S, N]
        if self.class_score == "nearest":
            return tf.reduce_max(tf.where(members > 0, log_odds[..., None], _NEVER), axis=2)
        counts = tf.reduce_sum(members, axis=2)  # [B, 1, N]
        means = tf.math.divide_no_nan(tf.matmul(log_odds, members[:, 0]), counts)
        return tf.where(counts > 0, means, _NEVER)

    @property
    def state_size(self) -> StateSize:
        return labelled_size(self.features)

    def compute_loss(
        self,
        x: EpisodeInputs | PairInputs,
        y: tf.Tensor,
        y_pred: tf.Tensor | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The loss over all pairs of a batch. Where only measured, that of ``compile`` instead, if it has one."""
        if not training and self.loss is not None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        if "a" in x:
            pairs = cast(PairInputs, x)
            images = tf.stack([pairs["a"], pairs["b"]], axis=1)  # each pair is a set of two
            y = checked_labels(tf.reshape(y, [-1, 1]), "same")[:, 0]
            labels = tf.stack([tf.zeros_like(y), 1 - y], axis=1)
        else:
            task = cast(EpisodeInputs, x)
            images = tf.concat([task["support_x"], task["query_x"]], axis=1)
            support_y = checked_labels(task["support_y"])
            labels = tf.concat([support_y, tf.cast(checked_labels(y, "query_y"), support_y.dtype)], axis=1)
        return self._loss_of_all_pairs(self.embed(images, training), labels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "loss": self.pair_loss,
            "margin": self.margin,
            "hard_pairs": self.hard_pairs,
            "class_score": self.class_score,
        }

    def _constant(self, name: str, shape: tuple[int, ...], value: float) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer=keras.initializers.Constant(value))

    def _dissimilarity(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Distances, or Koch's sums, of all pairs: ``[B, Q, D], [B, S, D] -> [B, Q, S]``."""
        differences = a[:, :, None] - b[:, None]  # [B, Q, S, D]
        if self.pair_loss == "verification":
            return -tf.linalg.matvec(tf.abs(differences), self.alpha)
        # The square root has no slope at 0.
        return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(differences), axis=-1), 1e-12))

    def _log_odds(self, dissimilarity: tf.Tensor) -> tf.Tensor:
        if self.pair_loss == "verification":
            return self.beta - dissimilarity
        return self.slope * (self.threshold - dissimilarity / self.margin)

    def _loss_of_all_pairs(self, embedded: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The loss over the pairs of each set of a batch: ``[B, M, D], [B, M] -> []``."""
        alike = labels[:, :, None] == labels[:, None]  # [B, M, M]
        itself = tf.eye(leading(labels, 2)[1], dtype=tf.bool)
        same, different = alike & ~itself, ~alike
        message = "; expected some of each, so give two classes or more, and two examples of one or more."
        kinds = tf.stack([tf.math.count_nonzero(same) // 2, tf.math.count_nonzero(different) // 2])
        known = "a batch to train on holds [same, different] pairs "
        (embedded,) = after([require(tf.reduce_all(kinds > 0), known, kinds, message)], embedded)
        dissimilarity = self._dissimilarity(embedded, embedded)
        if self.pair_loss == "verification":
            return verification_loss(self._log_odds(dissimilarity), same, different)
        calibration = verification_loss(self._log_odds(tf.stop_gradient(dissimilarity)), same, different)
        return contrastive_loss(dissimilarity, same, different, self.margin, self.hard_pairs) + calibration


_NEVER = -1e9
