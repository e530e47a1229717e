"""A module of one's own, in a file of its own: it is parsed, run, learnt, saved, served and drawn like ours."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.modules.worlds import NAMES, B, D, K, random_world
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact
from tfmeta.modules import (
    MODULES,
    STANDARD,
    DependencyParse,
    Layout,
    LayoutError,
    ModuleLayer,
    ModuleNetwork,
    ModuleSpec,
    ModuleType,
    evaluate,
    layout_candidates,
    module_servable,
    pad_layouts,
    parse_layout,
)
from tfmeta.modules.reading import CANDIDATES_FILE, QuestionReading

# ---------------------------------------------------------------------------------------------------------------------
# All that there is to a module.


@keras.saving.register_keras_serializable("tests")
class Not(ModuleLayer):
    """Attends to what is not attended to."""

    def call(self, argument, world, h):
        return (1.0 - h) * world.mask[:, None]


NOT = ModuleSpec("not", takes=1, layer=Not, cues=("not",))

# ---------------------------------------------------------------------------------------------------------------------
# Of every other kind: without an input, with two that are not joined by `and`, and one that answers from two.


@keras.saving.register_keras_serializable("tests")
class All(ModuleLayer):
    def call(self, argument, world):
        return world.mask[:, None]


@keras.saving.register_keras_serializable("tests")
class Less(ModuleLayer):
    """What the one weighs more than the other; how much more is learnt for each word."""

    def __init__(self, settings, **kwargs):
        super().__init__(settings, **kwargs)
        self.scale = self.weight("scale", [settings.words], "normal")

    def call(self, words, world, first, second):
        return tf.nn.relu(first - second) * tf.sigmoid(tf.gather(self.scale, words))[..., None]


@keras.saving.register_keras_serializable("tests")
class Same(ModuleLayer):
    """Whether two attentions hold as much; and whether they hold a position of that name."""

    def call(self, names, world, first, second):
        here = tf.cast(names[..., None] == world.names[:, None], first.dtype) * (first + second)
        same = tf.reduce_sum(first - second, axis=-1) + tf.reduce_sum(here, axis=-1)
        return tf.stack([same, -same], axis=-1)


ALL = ModuleSpec("all", layer=All)
LESS = ModuleSpec("less", takes=2, argument="word", layer=Less)
SAME = ModuleSpec("same", takes=2, gives="labels", argument="name", layer=Same)
MINE = (*STANDARD, NOT, ALL, LESS, SAME)

WORDS, ANSWERS = ["red", "round"], ["yes", "no"]
LAYOUTS = [
    ["(exists (not find[red]))", "(same[place-1] (less[red] all find[red]) (not find[round]))"],
    ["(exists (and find[red] (not (not find[round])) all))"],
    ["(exists (less[round] (less[red] all find[red]) find[round]))"],
]


def inputs_of(texts, modules=MINE):
    world = random_world()
    return {
        "question": tf.constant(["is there a shape that is not red"] * B),
        "layouts": tf.constant(pad_layouts([[parse_layout(text, modules) for text in row] for row in texts])),
        "features": world.features, "mask": world.mask, "names": tf.constant(NAMES),
    }  # fmt: skip


def build(modules=MINE, **changes):
    settings = {"features": D, "hidden": 6, "units": 5, "seed": 0, "choice": "first"}
    return ModuleNetwork(WORDS, ["is", "red"], ANSWERS, modules=modules, **(settings | changes))


@pytest.fixture(scope="module")
def network():
    return build()


def test_it_is_parsed_by_its_type():
    layout = parse_layout("(exists (and find[red] (not find[round])))", MINE)
    assert layout.tokens() == ["find[red]", "find[round]", "not", "and", "exists"]
    assert Layout.from_tokens(layout.tokens(), MINE) == layout
    assert layout.children[0].children[1] == Layout(NOT, children=(Layout("find", "round"),))
    two = parse_layout("(less[red] all find[red])", MINE)
    assert two.tokens() == ["all", "find[red]", "less[red]"] and Layout.from_tokens(two.tokens(), MINE) == two
    for text, message, modules in (
        ("(exists (not find[red]))", "Unknown module 'not'", STANDARD),
        ("(not find[red] find[round])", "not takes one attention, 2 came", MINE),
        ("(not (exists find[red]))", "not takes attentions, but exists gives labels", MINE),
        ("(less[red] all all all)", "less takes two attentions, 3 came", MINE),
        ("(less all all)", "less needs a word", MINE),
    ):
        with pytest.raises(LayoutError, match=message):
            parse_layout(text, modules)


def test_the_machine_runs_it_as_the_evaluator_composes_it(network):
    given, world = inputs_of(LAYOUTS), random_world(pairs=False)
    reading = network.read(given)
    answers, attentions = (x.numpy() for x in network.run(reading.program, reading.world))
    for row, texts in enumerate(LAYOUTS):
        for column, text in enumerate(texts):
            found = evaluate(network.inventory, parse_layout(text, MINE), reading.world)
            np.testing.assert_allclose(answers[row, column], found.value[row], atol=1e-6, err_msg=text)
            for below in found.inputs[:1]:  # what the last step looks at, or the first of two
                steps = len(parse_layout(text, MINE).tokens())
                looked_at = attentions[row, column, :steps]
                gaps = np.abs(looked_at - below.value[row].numpy()).max(axis=-1)
                assert gaps.min() < 1e-6, text
    np.testing.assert_array_equal(attentions[0, 0, 1], (1 - attentions[0, 0, 0]) * world.mask[0])


def test_not_is_not(network):
    """The question of its answer, written out: exists of what find leaves over."""
    given = inputs_of([["(exists (not find[red]))"]] * B)
    red = evaluate(network.inventory, parse_layout("find[red]"), random_world(pairs=False)).value.numpy()
    exists = network.inventory.exists
    left = ((1 - red) * given["mask"].numpy()).max(axis=-1, keepdims=True)
    scores = left * exists.a.numpy() + exists.b.numpy()
    wanted = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(network(given)["answers"], wanted, rtol=1e-5, atol=1e-6)


def test_what_is_no_program_of_it_is_told(network):
    for tokens, message in (
        (["find[red]", "not[red]", "exists"], r"is not\[red\], but a step is one of .*, not, all, less\[word\], same"),
        (["not", "exists", ""], "is not, but the stack holds fewer attentions"),
        (["all", "less[red]", "exists"], r"is less\[red\], but the stack holds fewer attentions"),
        (["all", "all", "exists"], r"it leaves attentions that nothing takes; expected and or less\[word\] before it"),
    ):  # fmt: skip
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            network({**inputs_of(LAYOUTS), "layouts": tf.constant([[tokens]] * B)})
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not, but a step is one of"):
        build(STANDARD)(
            {**inputs_of(LAYOUTS), "layouts": tf.constant([[["find[red]", "not", "exists"]]] * B)}
        )


def test_other_modules_stay_as_they_are():
    plain = {weight.path: weight.numpy() for weight in build(STANDARD).inventory.weights}
    mine = {weight.path: weight.numpy() for weight in build().inventory.weights}
    assert {*mine} - {*plain} == {"less/scale"}
    for path, value in plain.items():
        np.testing.assert_array_equal(mine[path], value)


def test_it_learns(tmp_path):
    """Whether any is red, and whether any is not: without `not`, one word cannot be both."""
    random = np.random.default_rng(0)
    red = random.integers(2, size=[32, K]).astype(np.float32)
    red[::3], red[1::3] = 1.0, 0.0
    negated = np.arange(32) % 2 == 0
    y = tf.constant(np.where(np.where(negated, red.min(axis=1) < 1, red.max(axis=1) > 0), 0, 1))
    x = {
        "question": tf.constant(["?"] * 32),
        "features": tf.constant(np.stack([red, *[random.random([32, K])] * (D - 1)], axis=-1), tf.float32),
        "pairs": tf.zeros([32, K, K, 2]),
    }

    def learnt(*texts):
        network = build((*STANDARD, NOT), attention="sigmoid", form="product", pairs=2)
        network.compile(keras.optimizers.Adam(0.05))
        layouts = [[parse_layout(texts[int(no)], network.modules)] for no in negated]
        given = {**x, "layouts": tf.constant(pad_layouts(layouts))}
        network.fit(tf.data.Dataset.from_tensors((given, y)).repeat(150), shuffle=False, verbose=0)
        right = tf.argmax(network(given)["answers"], -1, tf.int32).numpy() == y.numpy()
        return network, given, right.mean()

    assert learnt("(exists find[red])", "(exists find[red])")[2] < 0.8
    network, x, accuracy = learnt("(exists find[red])", "(exists (not find[red]))")
    assert accuracy > 0.95

    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert again.modules == (*STANDARD, NOT)
    np.testing.assert_allclose(again(x)["answers"], network(x)["answers"], atol=1e-6)


def test_a_layer_that_cannot_be_loaded_is_told(network):
    class Unheard(ModuleLayer):
        def call(self, argument, world, h):
            return h

    unregistered = build((*STANDARD, ModuleSpec("same-again", takes=1, layer=Unheard)))
    with pytest.raises(TfmetaError, match="The layer Unheard of the module 'same-again' is not registered"):
        unregistered.get_config()
    config = network.get_config()
    assert ModuleNetwork.from_config(config).get_config() == config
    config["modules"][7] = {**config["modules"][7], "layer": "tests>Elsewhere"}
    with pytest.raises(
        TfmetaError, match="a module 'not', whose layer tests>Elsewhere is not known here: import"
    ):
        ModuleNetwork.from_config(config)


def test_specs_that_do_not_fit_are_told():
    for made, message in (
        (lambda: build((*STANDARD, NOT, NOT)), "these modules come twice: not"),
        (lambda: build((*STANDARD, ModuleSpec("weights", takes=1, layer=Not))), "a module cannot be called weights"),
        (lambda: ModuleSpec("Not", takes=1, layer=Not), "'Not': expected a name of lower-case letters"),
        (lambda: ModuleSpec("not", takes=3, layer=Not), "takes=3; expected 0, 1 or 2"),
        (lambda: ModuleSpec("not", takes=1, gives="label", layer=Not), "gives='label'; expected 'attention'"),
        (lambda: ModuleSpec("not", takes=1, argument="text", layer=Not), "argument='text'; expected '', 'word'"),
        (lambda: ModuleSpec("not", gives="labels", layer=Not), "it gives labels and takes nothing"),
        (lambda: ModuleSpec("not", takes=1, many=True, layer=Not), "many=True; expected a module that takes two"),
        (lambda: ModuleSpec("not", takes=2, cues=("not",), layer=Not), "cues=.* expected a module without argument"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            made()
    with pytest.raises(ValueError, match="The inventory has no module 'not'"):
        evaluate(build(STANDARD).inventory, parse_layout("(not find[red])", MINE), random_world())


QUESTIONS = {
    "is there a shape that is not red": "(exists (and find[shape] (not find[red])))",
    "is there a red shape that is not above a circle": "(exists (and find[red] (not (relate[above] find[circle]))))",
    "is there a circle that is not a square": "(exists (and find[circle] (not find[square])))",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_candidates_heed_its_cues(question, spacy_parser):
    settings = {"tops": ["exists"], "entities": (), "anything": ["shape"], "nested": True}
    parse = spacy_parser(question)
    assert str(layout_candidates(parse, **settings, modules=MINE)[0]) == QUESTIONS[question]
    assert "not" not in str(layout_candidates(parse, **settings)[0])


def test_what_answers_may_stand_on_top():
    parse = DependencyParse.from_json([["circles", "circle", "NNS", 0, "ROOT"]])
    how_many = ModuleType("how-many", takes=1, gives="labels", argument="word")
    layouts = layout_candidates(parse, tops=["how-many"], modules=(*MODULES.values(), how_many))
    assert [str(layout) for layout in layouts] == ["(how-many[circle] find[circle])"]
    with pytest.raises(ValueError, match=r"tops=.*expected some of set, describe, measure, exists"):
        layout_candidates(parse, tops=["how-many"])


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    example = {name: value.numpy() for name, value in inputs_of(LAYOUTS).items()}
    servable = module_servable(
        network,
        "negating",
        example=example,
        card=Card("Says no."),
        reading={"tops": ["exists"], "nested": True},
    )
    return export(servable, tmp_path_factory.mktemp("models"))


def test_it_is_served(network, folder, in_a_hurry):
    report = check_artefact(folder)
    assert report.ok, str(report)
    given = inputs_of([["(exists (not find[red]))"]] * B)
    served = tf.saved_model.load(str(folder)).signatures["answer"](**given)
    np.testing.assert_allclose(served["probabilities"], network(given)["answers"], atol=1e-6)


def test_an_artefact_says_how_it_is_asked(folder, tmp_path):
    file = folder / "assets.extra" / CANDIDATES_FILE
    reading = QuestionReading.from_json(file.read_text(), str(file))
    assert reading.settings == {"tops": ["exists"], "nested": True}
    assert [module.name for module in reading.modules] == [module.name for module in MINE]
    assert reading.parse_layout("(exists (not find[red]))") == parse_layout("(exists (not find[red]))", MINE)
    described = tf.saved_model.load(str(folder)).signatures["describe"](rows=tf.constant([0], tf.int64))
    assert described["candidates"].numpy() == [file.read_bytes()]
    assert Card.from_json(described["card"].numpy()[0].decode()).summary == "Says no."
    for text, message in (
        ("{", "here is damaged: "),
        ('{"top": []}', "here is damaged: it says 'top'. Did you mean tops"),
    ):
        with pytest.raises(TfmetaError, match=message):
            QuestionReading.from_json(text, "here")
