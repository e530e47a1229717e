import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from tests.core import toys
from tfmeta.core.export import export
from tfmeta.core.gate.allowed_ops import KEPT, PURE
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


def judged(function, tmp_path):
    """What is said of a model whose signature is a TensorFlow function of x."""
    saved = tf.function(lambda x: {"y": function(x)}, input_signature=[toys.X])
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures=saved)
    return forbidden(read_graph(tmp_path))


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (lambda x: tf.raw_ops.DebugIdentityV2(input=x, debug_urls=["file:///nowhere"]), "DebugIdentityV2"),
        (
            lambda x: x + tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[2], memory_region_name="/etc/hostname"),
            "ImmutableConst",
        ),
        (
            lambda x: x + tf.cast(tf.strings.length(tf.raw_ops.EncodeProto(
                sizes=tf.ones([1, 1], tf.int32), values=[tf.ones([1, 1])], field_names=["f"], message_type="M",
                descriptor_source="/etc/hostname",
            )), tf.float32),
            "EncodeProto",
        ),
        (lambda x: tf.raw_ops.InplaceAdd(x=x, i=[0], v=x[:1]), "InplaceAdd"),
        (
            lambda x: x + tf.cast(tf.raw_ops.GenerateVocabRemapping(
                new_vocab_file="/etc/hostname", old_vocab_file="/etc/hostname", new_vocab_offset=0, num_new_vocab=1,
            )[1], tf.float32),
            "GenerateVocabRemapping",
        ),
        (
            lambda x: x + tf.raw_ops.LoadAndRemapMatrix(
                ckpt_path="/etc/hostname", old_tensor_name="w", row_remapping=[0], col_remapping=[0],
                initializing_values=[0.0], num_rows=1, num_cols=1,
            ),
            "LoadAndRemapMatrix",
        ),
        (lambda x: tf.raw_ops.ExtractGlimpse(
            input=x[:, :, None, None], size=[1, 1], offsets=tf.zeros([1, 2]))[:, :, 0, 0], "ExtractGlimpse"),
    ],
)  # fmt: skip
def test_ops_that_look_pure_and_are_not_are_found(tmp_path, function, op):
    (sentence,) = judged(function, tmp_path)
    assert sentence.startswith(f"serving_default: {op} (")


def test_what_runs_at_loading_is_judged(tmp_path):
    graph = read_graph(export(toys.single(lambda x: {"y": x + 1}), tmp_path))
    contents = graph.graph_def.node.add(name="text", op="Const")
    write = graph.graph_def.node.add(name="write", op="WriteFile", input=[contents.name, contents.name])
    graph.collection_def["saved_model_main_op"].node_list.value[:] = [write.name]
    (sentence,) = forbidden(graph)
    assert sentence == "at loading: WriteFile (write) touches files or the server's output"


def test_a_vocabulary_in_the_graph_may_be_filled_and_one_in_a_file_may_not(tmp_path):
    (tmp_path / "words.txt").write_text("red\ngreen\n")
    for name, initializer in {
        "graph": tf.lookup.KeyValueTensorInitializer(["red", "green"], tf.constant([0, 1], tf.int64)),
        "file": tf.lookup.TextFileInitializer(
            str(tmp_path / "words.txt"), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
    }.items():  # fmt: skip
        module = tf.Module()
        module.table = tf.lookup.StaticHashTable(initializer, -1)
        spec = tf.TensorSpec([None], tf.string, "x")
        look = tf.function(lambda x, table=module.table: {"y": table.lookup(x)}, input_signature=[spec])
        tf.saved_model.save(module, str(tmp_path / name), signatures=look)
    assert forbidden(read_graph(tmp_path / "graph")) == []
    sentences = forbidden(read_graph(tmp_path / "file"))
    assert any("keep the vocabulary in the graph" in sentence for sentence in sentences)


def test_only_the_variables_of_the_model_are_restored(tmp_path):
    graph = read_graph(export(toys.recurrent(), tmp_path))
    assert forbidden(graph) == []
    restoring = next(node for node in graph.graph_def.node if node.name == graph.saver_def.restore_op_name)
    other = graph.graph_def.node.add(name="other", op="Const")
    restoring.input[0] = other.name
    (sentence,) = forbidden(graph)
    assert sentence.startswith("at restoring: RestoreV2 (") and "another file" in sentence


def test_a_function_that_is_called_by_its_name_is_judged(tmp_path):
    graph = read_graph(export(toys.single(lambda x: {"y": x + 1}), tmp_path))
    hidden = graph.graph_def.library.function.add()
    hidden.signature.name = "hidden"
    hidden.node_def.add(name="abort", op="Abort")
    wrapper = next(f for f in graph.graph_def.library.function if "signature_wrapper" in f.signature.name)
    wrapper.node_def.add(name="call", op="hidden")
    (sentence,) = forbidden(graph)
    assert sentence == "serving_default: Abort (abort) is not among the ops that may be served"


def test_an_asset_outside_of_the_model_is_found(tmp_path):
    graph = read_graph(export(toys.single(lambda x: {"y": x + 1}), tmp_path))
    graph.asset_file_def.add(filename="../../secret")
    assert forbidden(graph) == ["assets: '../../secret' lies outside of the model"]


def test_every_allowed_op_is_one_of_tensorflow_that_changes_nothing():
    definitions = {name: op_def_registry.get(name) for name in PURE | KEPT}
    assert [name for name, definition in definitions.items() if definition is None] == []
    assert [name for name in PURE if definitions[name].is_stateful and name != "StatelessRandomGetAlg"] == []
    words = {
        name: "_".join(attribute.name for attribute in definitions[name].attr).split("_") for name in PURE
    }
    outside = {"file", "path", "url", "urls", "descriptor", "memory", "device"}
    assert [name for name in PURE if outside & {*words[name]}] == []
    references = [name for name in PURE if any(arg.is_ref for arg in definitions[name].input_arg)]
    assert references == []
