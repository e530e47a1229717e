"""Tiny SavedModels for the serving tests.

`python -m tests.serving.saved_models DIR` writes them, so that another server can be put to the same tests.
"""

import sys
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

WAYS = 3  # N of the few-shot classifier
FEATURES = 2  # D of its inputs


class Arithmetic(tf.Module):
    """Every kind of signature that the behaviour table asks about."""

    def __init__(self):
        super().__init__()
        self.one = tf.Variable(1.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec([], tf.int32)])
    def sum(self, x, n):
        """x [B,2], n [] -> s [B], n2 []."""
        return {"s": tf.reduce_sum(x, axis=1) * self.one, "n2": n * 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def half(self, x):
        """x [B] -> y [B]."""
        return {"y": x / 2.0 + 2.0 * self.one}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def upper(self, text):
        """text [B] -> text [B], length [B]."""
        return {"text": tf.strings.upper(text), "length": tf.cast(tf.strings.length(text), tf.int64)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32)])
    def scale(self, x, factor=tf.constant(3.0)):  # noqa: B008 (a Tensor default makes an optional input)
        """x [B], factor [] (3 unless given) -> y [B]."""
        return {"y": x * factor * self.one}

    @tf.function(input_signature=[tf.TensorSpec([None, 5], tf.float32), tf.TensorSpec([None], tf.int64)])
    def loss(self, logits, labels):
        """logits [B,5], labels [B] -> loss [B]."""
        return {"loss": tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits * self.one)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def examples(self, inputs):
        """inputs [B]: tf.Examples of x and a weight (1 unless given) -> classes and scores [B,2], outputs [B,1]."""
        features = {
            "x": tf.io.FixedLenFeature([1], tf.float32),
            "weight": tf.io.FixedLenFeature([1], tf.float32, default_value=[1.0]),
        }
        parsed = tf.io.parse_example(inputs, features)
        y = parsed["x"] * parsed["weight"] / 2.0 + 2.0 * self.one
        classes = tf.tile([["low", "high"]], [tf.shape(inputs)[0], 1])
        return {"classes": classes, "scores": tf.concat([-y, y], axis=1), "outputs": y}


# Signatures that read parts of what `examples` computes, from the same input: name, method and outputs.
PARTS = {
    "classify": ("tensorflow/serving/classify", {"classes", "scores"}),
    "only_scores": ("tensorflow/serving/classify", {"scores"}),
    "regress": ("tensorflow/serving/regress", {"outputs"}),
}


class NearestMean(tf.Module):
    """A few-shot classifier whose task state is the mean of each class, [B, N*D]."""

    def __init__(self):
        super().__init__()
        self.temperature = tf.Variable(1.0)

    SUPPORT_X = tf.TensorSpec([None, None, FEATURES], tf.float32, "support_x")
    SUPPORT_Y = tf.TensorSpec([None, None], tf.int64, "support_y")
    QUERY_X = tf.TensorSpec([None, None, FEATURES], tf.float32, "query_x")
    STATE = tf.TensorSpec([None, WAYS * FEATURES], tf.float32, "task_state")

    @tf.function(input_signature=[SUPPORT_X, SUPPORT_Y])
    def adapt(self, support_x, support_y):
        classes = tf.one_hot(support_y, WAYS)  # [B,S,N]
        means = tf.linalg.matmul(classes, support_x, transpose_a=True)  # [B,N,D]
        means /= tf.reduce_sum(classes, axis=1)[..., None]
        return {"task_state": tf.reshape(means, [-1, WAYS * FEATURES])}

    @tf.function(input_signature=[STATE, QUERY_X])
    def predict(self, task_state, query_x):
        means = tf.reshape(task_state, [-1, 1, WAYS, FEATURES])
        distances = tf.reduce_sum((query_x[:, :, None] - means) ** 2, axis=-1)  # [B,Q,N]
        probabilities = tf.nn.softmax(-distances / self.temperature)
        return {"probabilities": probabilities, "labels": tf.argmax(probabilities, axis=-1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def describe(self, rows=tf.constant([0], tf.int64)):  # noqa: B008 (an optional input)
        return {"task": tf.fill(tf.shape(rows), "classification"), "ways": tf.fill(tf.shape(rows), WAYS)}

    @tf.function(input_signature=[SUPPORT_X, SUPPORT_Y, QUERY_X])
    def classify(self, support_x, support_y, query_x):
        return self.predict(self.adapt(support_x, support_y)["task_state"], query_x)


class MeanRegressor(tf.Module):
    """A few-shot regressor that answers with the mean target, [B, D]."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(1.0)

    X = tf.TensorSpec([None, None, 1], tf.float32)

    @tf.function(input_signature=[X, X])
    def adapt(self, support_x, support_y):
        return {"task_state": tf.reduce_mean(support_y, axis=1) * self.scale}

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32), X])
    def predict(self, task_state, query_x):
        return {"predictions": task_state[:, None] + 0.0 * query_x}

    @tf.function(input_signature=[X, X, X])
    def regress(self, support_x, support_y, query_x):
        return self.predict(self.adapt(support_x, support_y)["task_state"], query_x)


def build(folder: str | Path) -> None:
    """Writes `arithmetic`, `nearest_mean` and `mean_regressor`, each as version 1."""
    folder = Path(folder)
    model = Arithmetic()
    signatures = {name: getattr(model, name) for name in ("half", "upper", "scale", "loss", "examples")}
    tf.saved_model.save(model, str(folder / "arithmetic" / "1"), {"serving_default": model.sum} | signatures)
    _add_parts(folder / "arithmetic" / "1" / "saved_model.pb")
    nearest_mean, regressor = NearestMean(), MeanRegressor()
    tf.saved_model.save(
        nearest_mean,
        str(folder / "nearest_mean" / "1"),
        {"serving_default": nearest_mean.classify}
        | {name: getattr(nearest_mean, name) for name in ("adapt", "predict", "describe")},
    )
    tf.saved_model.save(
        regressor,
        str(folder / "mean_regressor" / "1"),
        {"serving_default": regressor.regress}
        | {name: getattr(regressor, name) for name in ("adapt", "predict")},
    )


def _add_parts(file: Path) -> None:
    """TensorFlow 2 saves no two signatures of one input tensor; an Estimator of TensorFlow 1 did."""
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    signatures = model.meta_graphs[0].signature_def
    for name, (method, outputs) in PARTS.items():
        signatures[name].CopyFrom(signatures["examples"])
        signatures[name].method_name = method
        for other in set(signatures[name].outputs) - outputs:
            del signatures[name].outputs[other]
    file.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    build(sys.argv[1])
