import pytest
import tensorflow as tf

from tests.core import toys
from tfmeta.core.export import export
from tfmeta.core.gate.ops import forbidden
from tfmeta.core.saved_model import read_graph


def found(servable, tmp_path):
    return forbidden(read_graph(export(servable, tmp_path)))


def test_reading_variables_and_control_flow_are_pure(tmp_path):
    scale = tf.Variable(2.0)

    def function(x):
        x = tf.while_loop(lambda x: tf.reduce_max(x) < 100, lambda x: [x * scale], [x])[0]
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x)}

    assert found(toys.single(function), tmp_path) == []


def test_assignments_are_found_inside_nested_functions(tmp_path):
    count = tf.Variable(0.0)

    def function(x):
        def body(x):
            return [x + tf.cond(x[0, 0] > 0, lambda: count.assign_add(1.0), lambda: count.assign(0.0))]

        return {"y": tf.while_loop(lambda x: x[0, 0] < 3, body, [x])[0]}

    sentences = found(toys.single(function), tmp_path)
    assert [sentence.split()[1] for sentence in sentences] == ["AssignAddVariableOp", "AssignVariableOp"]
    assert all("take state as an input" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("function", "op", "reason"),
    [
        (lambda x: x + tf.random.uniform([2]), "RandomUniform", "take a seed as an input"),
        (lambda x: x + tf.random.normal([2], seed=1), "RandomStandardNormal", "take a seed as an input"),
        (
            lambda x: x + tf.strings.to_number(tf.io.read_file(__file__ + ".number")),
            "ReadFile",
            "touches files",
        ),
        (
            lambda x: x + tf.cast(tf.timestamp(), tf.float32),
            "Timestamp",
            "is stateful, and not known to be harmless",
        ),
    ],
)
def test_other_impurities_are_found(tmp_path, function, op, reason):
    module = tf.Module()
    saved = tf.function(lambda x: {"y": function(x)}, input_signature=[toys.X])
    tf.saved_model.save(module, str(tmp_path), signatures=saved)
    (sentence,) = forbidden(read_graph(tmp_path))
    assert sentence.startswith(f"serving_default: {op} (") and reason in sentence


def test_what_no_signature_reaches_does_not_count(tmp_path):
    module = tf.Module()
    module.count = tf.Variable(0.0)
    module.step = tf.function(lambda: module.count.assign_add(1.0), input_signature=[])
    served = tf.function(lambda x: {"y": x + module.count}, input_signature=[toys.X])
    tf.saved_model.save(module, str(tmp_path), signatures=served)
    assert forbidden(read_graph(tmp_path)) == []


def test_an_op_that_stock_tensorflow_lacks_is_found(tmp_path):
    graph = read_graph(export(toys.single(lambda x: {"y": x + 1}), tmp_path))
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.op == "AddV2":
                node.op = "MyFusedAdd"
    (sentence,) = forbidden(graph)
    assert "MyFusedAdd" in sentence and "is no op of stock TensorFlow" in sentence
