"""The Supervised Descent Method: a cascade of linear steps that is learned from examples."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check
from tfmeta.descent.feature import Feature
from tfmeta.descent.leading import leading_of
from tfmeta.descent.ridge import NormalEquations
from tfmeta.descent.stage import OneStageAnEpoch, StageSums

__all__ = ["STRENGTHS", "SupervisedDescent"]

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Regularisations to choose from; see `NormalEquations.solve`."""


@keras.saving.register_keras_serializable("tfmeta")
class SupervisedDescent(keras.Model):
    r"""Learns the steps that lead from a start to the optimum:

    .. math:: x_k = x_{k-1} + R_{k-1} \phi_{k-1} + b_{k-1}

    Newton's method computes the step from the derivatives of an objective. Here a ridge regression on examples finds
    it: for pairs of a start and an optimum, :math:`R_{k-1}` and :math:`b_{k-1}` predict what remains of the way.

    ``fit`` learns one stage in an epoch, and an epoch is one pass over the data. Only sums over rows are kept, so the
    data need not fit in memory. The regularisation of each stage is chosen by cross-validation over batches: batch
    number i belongs to fold ``i mod folds``. Put rows that belong together, such as images of a person, into one batch.
    It is never weaker than that of the stage before: in later stages cross-validation prefers too weak ones, since what
    it tests on has taken part in where the other folds begin.

    A cascade ends nearer to the optimum on instances that it was learned from than on others. A stage that is learned
    from these ends takes steps that are too short. In training an instance therefore descends by regressors that were
    learned without its fold. Each pass must have the same instances in the same order.

    Args:
        feature: φ; or one for each stage.
        size: numbers of a point, P.
        stages: steps of the cascade, K.
        strengths: regularisations to choose from; see `NormalEquations.solve` for their unit.
        folds: folds of the cross-validation, F. There is none where there is one strength only.

    Input:
        ``{"start": [B, P] or [B, M, P], "instance": what the feature takes}``, and the optimum ``[B, P]`` as target.
        With M, each instance has M starts.

    Raises:
        ValueError: for sizes below 1, or another number of features than stages.

    Example:
        >>> from tfmeta.descent.feature import FunctionFeature
        >>> x = tf.random.stateless_uniform([1000, 1], [0, 1])
        >>> examples = {"start": tf.zeros_like(x), "instance": tf.exp(x)}
        >>> cascade = SupervisedDescent(FunctionFeature(tf.exp, width=1), size=1, stages=3)
        >>> cascade.compile()
        >>> _ = cascade.fit(examples, x, epochs=3, batch_size=100, verbose=0)
        >>> found = cascade.predict({"start": tf.zeros([1, 1]), "instance": tf.constant([[2.0]])}, verbose=0)
        >>> abs(found.item() - 0.693) < 0.01
        True

    Reference:
        Xiong & De la Torre. "Supervised Descent Method and its Applications to Face Alignment." CVPR 2013, eq. 5–8.
    """

    def __init__(
        self,
        feature: Feature | Sequence[Feature],
        size: int,
        stages: int = 4,
        strengths: Sequence[float] = STRENGTHS,
        folds: int = 3,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(size >= 1 and stages >= 1, f"size={size}, stages={stages}; expected at least 1 of each.")
        check(len(strengths) > 0, "strengths is empty; expected at least one regularisation.")
        features = [feature] * stages if isinstance(feature, Feature) else list(feature)
        check(
            len(features) == stages,
            f"{len(features)} features were given for {stages} stages; give one, or one for each stage.",
        )
        self.features, self.size, self.stages = features, size, stages
        self.strengths, self.folds = tuple(map(float, strengths)), folds
        self._crossed = len(self.strengths) > 1
        self._steps = [self._regressors(f"{k}", each) for k, each in enumerate(features)]
        self._steps_without_fold = [
            self._regressors(f"{k}_without", each, folds)
            for k, each in enumerate(features[:-1] if self._crossed else [])
        ]
        self._learned = self.add_weight(
            shape=(), dtype="int32", trainable=False, initializer="zeros", name="learned"
        )
        self._batches = self.add_weight(
            shape=(), dtype="int64", trainable=False, initializer="zeros", name="batches"
        )
        self._strength = self.add_weight(shape=(), trainable=False, initializer="zeros", name="strength")
        self._error = keras.metrics.Mean(name="loss")
        self._stage: StageSums | None = None
        self.built = True  # no weight waits for the shape of the data

    def _regressors(self, name: str, feature: Feature, *folds: int) -> tuple[keras.Variable, keras.Variable]:
        """Makes ``R`` and ``b`` of a stage, ``[D, P]`` and ``[P]``, with a dimension of folds in front where given."""
        shapes = {"R": (*folds, feature.width, self.size), "b": (*folds, self.size)}
        weights, bias = (
            self.add_weight(shape=shape, trainable=False, initializer="zeros", name=f"{letter}_{name}")
            for letter, shape in shapes.items()
        )
        return weights, bias

    @property
    def learned(self) -> int:
        """How many stages were learned."""
        with tf.init_scope():
            return int(self._learned.numpy())

    @property
    def batches(self) -> int:
        """How many batches the stages were learned from."""
        return int(self._batches.numpy())

    def step(self, stage: int) -> tuple[keras.Variable, keras.Variable]:
        """Returns the regressors of a stage: ``R``, ``[D, P]``, and ``b``, ``[P]``."""
        return self._steps[stage]

    # The cascade

    def start(self, inputs: Mapping[str, Any]) -> tf.Tensor:
        """Returns where points begin, ``[B, P]`` or ``[B, M, P]``."""
        return tf.convert_to_tensor(inputs["start"])

    def moved(self, points: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        """Takes a step from each point, ``[B, M, P]``: their sum, unless a subclass has steps in another frame."""
        return points + steps

    def remaining(self, points: tf.Tensor, optimum: tf.Tensor) -> tf.Tensor:
        """Returns the steps that would lead from points to the optimum, ``[B, M, P]``; `moved` undoes it."""
        return optimum - points

    def path(self, inputs: Mapping[str, Any], stages: int | None = None) -> list[tf.Tensor]:
        """Descends.

        Args:
            inputs: as the class says.
            stages: how many steps; all that were learned unless given.

        Returns:
            Where the points are at the start and after each stage, each ``[B, P]`` or ``[B, M, P]`` as the start.
        """
        path = self._walk(inputs, {}, self.learned if stages is None else stages)
        if self.start(inputs).shape.rank == 2:
            return [points[:, 0] for points in path]
        return path

    def _walk(
        self,
        inputs: Mapping[str, Any],
        prepared: dict[int, Any],
        stages: int,
        fold: tf.Tensor | None = None,
    ) -> list[tf.Tensor]:
        """Where points are at the start and after each stage, each ``[B, M, P]``.

        Args:
            inputs: as the class says.
            prepared: see `_features`.
            stages: how many steps.
            fold: descends by regressors that were learned without this fold; by the final ones where None.
        """
        steps = self._steps if fold is None else self._steps_without_fold
        path = [_many(self.start(inputs))]
        for stage in range(stages):
            features = self._features(stage, path[-1], inputs, prepared)
            weights, bias = (each if fold is None else each[fold] for each in steps[stage])
            rows = tf.reshape(features, [-1, self.features[stage].width])  # one product for all instances
            step = rows @ tf.cast(weights, features.dtype) + tf.cast(bias, features.dtype)
            step = tf.reshape(step, [*leading_of(path[-1], 1), self.size])
            path.append(self.moved(path[-1], tf.cast(step, path[-1].dtype)))
        return path

    def call(self, inputs: Mapping[str, Any]) -> tf.Tensor:
        return self.path(inputs)[-1]

    def _features(
        self, stage: int, points: tf.Tensor, inputs: Mapping[str, Any], prepared: dict[int, Any]
    ) -> tf.Tensor:
        """φ of a stage, ``[B, M, D]``; what its instance gives once is kept in `prepared`."""
        feature = self.features[stage]
        if id(feature) not in prepared:
            prepared[id(feature)] = feature.prepare(inputs["instance"])
        return feature(points, prepared[id(feature)])

    # Learning

    def compile(self, **kwargs: Any) -> None:
        """Prepares for ``fit``, which needs neither an optimizer nor a loss."""
        super().compile(**{"optimizer": None, "jit_compile": False, **kwargs})

    def fit(
        self,
        *args: Any,
        epochs: int | None = None,
        initial_epoch: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Learns the stages that are missing, one in an epoch.

        Args:
            *args: as of ``keras.Model.fit``.
            epochs: how many stages to have at the end; all unless given.
            initial_epoch: how many stages there are; leave it out, or pass `learned`.
            callbacks: called after the stage of an epoch has been learned.
            **kwargs: as of ``keras.Model.fit``.

        Returns:
            The history: ``loss`` is the mean squared residual before a stage, ``expected`` what cross-validation
            expects behind it, ``strength`` the regularisation that was chosen, and ``val_loss`` the residual of
            validation data behind it.

        Raises:
            TfmetaError: where all stages were learned; where rows are too few or not finite.
        """
        learned, epochs = self.learned, self.stages if epochs is None else epochs
        if initial_epoch not in (None, learned):
            raise TfmetaError(
                f"initial_epoch={initial_epoch}, but {learned} stages were learned; leave it out."
            )
        if not learned < epochs <= self.stages:
            raise TfmetaError(
                f"epochs={epochs}, but {learned} of {self.stages} stages were learned, one in an epoch; expected"
                f" {learned + 1} to {self.stages}. To learn anew, make a new SupervisedDescent."
            )
        kwargs.setdefault("shuffle", False)  # the order says what belongs to which fold
        every = [OneStageAnEpoch(), *callbacks]
        return super().fit(*args, epochs=epochs, initial_epoch=learned, callbacks=every, **kwargs)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        inputs, target, stage = *_examples(data), self._stage
        assert stage is not None, "train_step is a part of fit."
        prepared: dict[int, Any] = {}
        points = self._walk(inputs, prepared, self.learned, stage.fold if self._crossed else None)[-1]
        features = self._features(self.learned, points, inputs, prepared)
        residual = self.remaining(points, tf.cast(target, points.dtype)[:, None])
        stage.add(
            tf.reshape(features, [-1, self.features[self.learned].width]),
            tf.reshape(residual, [-1, self.size]),
        )
        self._error.update_state(tf.square(residual))
        return {"loss": self._error.result()}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        inputs, target = _examples(data)
        points = self._walk(inputs, {}, self.learned)[-1]
        residual = self.remaining(points, tf.cast(target, points.dtype)[:, None])
        self._error.update_state(tf.square(residual))
        return {"loss": self._error.result()}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self._error]

    def begin_stage(self) -> None:
        """Begins to collect the sums of the next stage; ``fit`` calls it."""
        folds = self.folds if self._crossed else 1
        self._stage = StageSums(NormalEquations(self.features[self.learned].width, self.size, folds))
        self.make_train_function(force=True)  # the cascade is one stage longer

    def end_stage(self, logs: dict[str, Any]) -> None:
        """Learns the stage from its sums, if that was not done yet; ``fit`` calls it.

        Args:
            logs: of the epoch; gets ``strength`` and ``expected``.
        """
        if self._stage is None:
            return
        sums, batches = self._stage.sums, self._stage.batches
        self._stage = None
        before = float(self._strength.numpy())
        allowed = [strength for strength in self.strengths if strength >= before * (1 - 1e-6)]
        fit = sums.choose(allowed) if self._crossed else sums.solve(self.strengths[0])
        self._strength.assign(fit.strength)
        _assign(self._steps[self.learned], (fit.weights, fit.bias))
        if fit.of_rest is not None and self.learned < self.stages - 1:  # no stage follows the last one
            _assign(self._steps_without_fold[self.learned], fit.of_rest)
        self._learned.assign_add(1)
        self._batches.assign_add(batches)
        logs.update(strength=fit.strength, expected=fit.error)
        self.make_test_function(force=True)
        self.make_predict_function(force=True)

    # Saving

    def get_compile_config(self) -> dict[str, Any]:
        return {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "feature": [keras.saving.serialize_keras_object(each) for each in self._own_features()],
            "size": self.size,
            "stages": self.stages,
            "strengths": self.strengths,
            "folds": self.folds,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SupervisedDescent":
        features = [keras.saving.deserialize_keras_object(each) for each in config.pop("feature")]
        return cls(features if len(features) > 1 else features[0], **config)

    def _own_features(self) -> list[Feature]:
        """The features of the stages; the only one, where all stages share it."""
        shared = all(each is self.features[0] for each in self.features)
        return self.features[:1] if shared else self.features


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _many(start: tf.Tensor) -> tf.Tensor:
    check(
        start.shape.rank in (2, 3),
        f"start has the shape {tuple(start.shape)}; expected [B, P], or [B, M, P] with M starts of each instance.",
    )
    return start[:, None] if start.shape.rank == 2 else start


def _examples(data: Any) -> tuple[Mapping[str, Any], tf.Tensor]:
    inputs, target, weight = keras.utils.unpack_x_y_sample_weight(data)
    check(target is not None, "There are no targets; give the optimum of each instance.")
    check(weight is None, "Sample weights are not supported; leave them out, or repeat rows.")
    return inputs, target
