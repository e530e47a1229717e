"""One graph runs any layout: it equals the composition by hand, its gradients too, and refuses what is no program."""

import numpy as np
import pytest
import tensorflow as tf

from tests.modules.worlds import ANSWERS, WORDS, B, D, K, R, random_layout, random_world
from tfmeta.modules.evaluator import evaluate
from tfmeta.modules.executor import execute
from tfmeta.modules.inventory import Inventory
from tfmeta.modules.layout import parse_layout
from tfmeta.modules.program import check_programs, pad_layouts, read_programs
from tfmeta.modules.standard import STANDARD
from tfmeta.modules.world import World

DEPTH = 4
KINDS = [("softmax", "perceptron"), ("sigmoid", "product")]


def build(attention="softmax", form="perceptron"):
    inventory = Inventory(
        WORDS, D, ANSWERS, pairs=R, positions=K, hidden=6, attention=attention, form=form, seed=0
    )
    random = np.random.RandomState(5)
    for weight in inventory.weights:
        weight.assign(random.randn(*weight.shape) / 2)
    return inventory


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def inventory(request):
    return build(*request.param)


def run_in_graph(inventory, unrolled):
    """The executor as one graph, for programs of any number and length, or of the length that is known."""
    steps = 11 if unrolled else None

    @tf.function(input_signature=[tf.TensorSpec([None, None, steps], tf.string)], autograph=False)
    def run(tokens):
        program = check_programs(
            read_programs(tokens, inventory.vocabulary),
            inventory.specs, there=inventory.modules, outputs=("attention", "labels"), depth=DEPTH, named=True,
        )  # fmt: skip
        return execute(inventory, program, random_world(), depth=DEPTH)

    return run


@pytest.fixture(scope="module", params=[True, False], ids=["unrolled", "loop"])
def run(inventory, request):
    return run_in_graph(inventory, request.param)


def draw(seed, candidates):
    random = np.random.RandomState(seed)
    return [[random_layout(random) for _ in range(candidates)] for _ in range(B)]


def row_of(world, row):
    return World(*(x[row : row + 1] for x in world))


def steps_of(evaluation):
    """The evaluations in the order of the program's steps, which are nested where an `and` has many inputs."""
    for number, below in enumerate(evaluation.inputs):
        yield from steps_of(below)
        if evaluation.layout.module == "and" and number > 0:
            parts = [below.value.numpy()[0] for below in evaluation.inputs[: number + 1]]
            yield np.prod(parts, axis=0)
    if evaluation.layout.module != "and":
        looks_at = evaluation.inputs[0] if evaluation.layout.output == "labels" else evaluation
        yield looks_at.value.numpy()[0]


def test_any_layouts_are_run_as_they_are_composed(inventory, run):
    world, outputs = random_world(), set()
    for seed in range(2):
        layouts = draw(seed, candidates=4)
        tokens = pad_layouts(layouts, 11)
        execution = run(tf.constant(tokens))
        for row, candidates in enumerate(layouts):
            for column, layout in enumerate(candidates):
                evaluation = evaluate(inventory, layout, row_of(world, row))
                labels, positions = (x[row, column].numpy() for x in execution[:2])
                answer, silent = (labels, positions) if layout.output == "labels" else (positions, labels)
                np.testing.assert_allclose(answer, evaluation.value[0], rtol=0, atol=1e-6)
                assert not silent.any()
                steps = np.array(list(steps_of(evaluation)))
                found = execution.attentions[row, column].numpy()
                np.testing.assert_allclose(found[: len(steps)], steps, rtol=0, atol=1e-6)
                assert not found[len(steps) :].any()
                outputs.add(layout.output)
    assert outputs == {"attention", "labels"}


def test_gradients_flow_as_through_the_composition(inventory, run):
    layouts, world = draw(7, candidates=4), random_world()
    variables = [variable.value for variable in inventory.trainable_variables]

    def loss(labels, positions):
        return tf.reduce_sum(labels[..., 0]) + tf.reduce_sum(positions**2)

    with tf.GradientTape() as tape:
        value = loss(*run(tf.constant(pad_layouts(layouts, 11)))[:2])
    gradients = tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    with tf.GradientTape() as tape:
        value = 0.0
        for row, candidates in enumerate(layouts):
            for layout in candidates:
                answer = evaluate(inventory, layout, row_of(world, row)).value
                value += loss(*((answer, 0.0) if layout.output == "labels" else (tf.zeros([1, 1]), answer)))
    expected = tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    for found, wanted, variable in zip(gradients, expected, variables, strict=True):
        found, wanted = tf.convert_to_tensor(found), tf.convert_to_tensor(wanted)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5, err_msg=variable.name)
    assert sum(bool(tf.reduce_any(tf.convert_to_tensor(x) != 0)) for x in gradients) > len(variables) // 2


@pytest.fixture(scope="module")
def machine():
    inventory = build()
    run = run_in_graph(inventory, unrolled=False)
    return lambda *programs: run(tf.constant([[list(tokens) for tokens in programs]] * B))


def test_a_layout_does_not_depend_on_its_neighbours(machine):
    alone = machine(["find[red]", "relate[above]", "exists", ""])
    among = machine(
        ["find[red]", "find[round]", "and", "describe[red]"], ["find[red]", "relate[above]", "exists", ""]
    )
    np.testing.assert_allclose(among.labels[:, 1], alone.labels[:, 0], atol=1e-6)


def test_padding_is_an_empty_answer(machine):
    execution = machine(["find[red]", "exists"], ["", ""])
    assert not any(x[:, 1].numpy().any() for x in execution)


WRONG = {
    "unknown": (["colour[red]", "exists"], r"\[0, 0, 0\] is colour\[red\], but a step is one of lookup\[word\], find"),
    "no word": (["find[]", "exists"], r"\[0, 0, 0\] is find\[\], but a step is one of"),
    "no bracket": (["find[red", "exists"], r"is find\[red, but a step is one of"),
    "word too many": (["find[red]", "exists[red]"], r"\[0, 0, 1\] is exists\[red\], but a step is one of"),
    "a gap": (["find[red]", "", "exists"], r"\[0, 0, 2\] is exists, but .* padding comes at the end"),
    "nothing below": (["relate[above]", "exists"], r"relate\[above\], but the stack holds fewer attentions"),
    "one below": (["find[red]", "and"], r"\[0, 0, 1\] is and, but the stack holds fewer attentions"),
    "goes on": (["find[red]", "exists", "relate[above]"], r"is exists, but a program ends with it"),
    "left over": (["find[red]", "find[red]", "exists"], r"is exists, but it leaves attentions"),
    "unfinished": (["find[red]", "find[round]"], r"\[0, 0, 1\] is find\[round\], but the program leaves more"),
    "too deep": (["find[red]"] * 5 + ["and"] * 4, r"\[0, 0, 4\] is find\[red\], but the stack holds no more than 4"),
    "nothing": ([""], r"layouts\[0\] has no candidate; expected a program at least"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_program_is_told(machine, name):
    tokens, message = WRONG[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        machine(tokens)


def check(tokens, **changes):
    settings = {
        "there": ["lookup", "find", "and", "exists"],
        "outputs": ["labels"],
        "depth": 4,
        "named": True,
    }
    program = read_programs(tf.constant([[tokens]]), build().vocabulary)
    return check_programs(program, STANDARD, **(settings | changes))


def test_what_a_model_cannot_do_is_told():
    for tokens, changes, message in (
        (["find[a]", "relate[b]", "exists"], {}, r"is relate\[b\], but a step is one of lookup\[word\], find"),
        (["find[a]"], {}, "answers with labels; expected one of exists at the end"),
        (["find[a]", "exists"], {"outputs": ["attention"]}, "answers with positions; expected a program without it"),
        (["lookup[a]", "exists"], {"named": False}, "the positions of this world have no names"),
    ):  # fmt: skip
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            check(tokens, **changes)


def test_programs_are_padded():
    layouts = [[parse_layout("find[a]")], [parse_layout("find[a]"), parse_layout("(exists find[a])")]]
    assert pad_layouts(layouts, 3).tolist() == [
        [["find[a]", "", ""], ["", "", ""]],
        [["find[a]", "", ""], ["find[a]", "exists", ""]],
    ]
    with pytest.raises(ValueError, match="a program has 2 steps; expected at most steps=1"):
        pad_layouts(layouts, 1)
    with pytest.raises(ValueError, match="there is no layout"):
        pad_layouts([[]])


def test_words_are_the_same_however_they_are_spelt():
    tokens = tf.constant([[["relate[left-of]", "relate[Left_Of]", "relate[right-of]"]]])
    program = read_programs(tokens, Inventory(["left_of"], D).vocabulary)
    assert program.words.numpy().tolist() == [[[0, 0, 1]]]
