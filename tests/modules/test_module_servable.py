"""A served module network: what the gate says of it, that it answers as the network, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from tests.modules.test_module_network import LAYOUTS, SETS, build, inputs_of, without
from tests.modules.worlds import ANSWERS, WORDS, B, K
from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact
from tfmeta.modules.cells import cell_network
from tfmeta.modules.layout import parse_layout
from tfmeta.modules.module_network import ModuleNetwork
from tfmeta.modules.program import pad_layouts
from tfmeta.modules.servable import module_servable


def arrays(inputs):
    return {name: np.asarray(value) for name, value in inputs.items()}


def of_images():
    front = cell_network((8, 12, 3), cells=(2, 3), features=4, filters=2, seed=0)
    network = ModuleNetwork(
        WORDS, ["is", "red"], ["no", "yes"], features=4, pairs=9, positions=6, front=front, hidden=6, units=5, seed=0
    )  # fmt: skip
    layouts = pad_layouts(
        [[parse_layout("(exists (relate[above] find[red]))"), parse_layout("(measure[red] find[red])")]]
    )
    image = np.random.RandomState(0).rand(1, 8, 12, 3).astype(np.float32)
    return network, {"question": np.array(["is it red"]), "layouts": layouts, "image": image}


NETWORKS = {
    "tiny_labels": lambda: (build(), arrays(inputs_of(LAYOUTS))),
    "tiny_sets": lambda: (build(sets=True, attention="sigmoid", form="product"), arrays(inputs_of(SETS))),
    "tiny_images": of_images,
}


@pytest.fixture(scope="module")
def made():
    return {name: make() for name, make in NETWORKS.items()}


@pytest.fixture(scope="module")
def folders(made, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        name: export(module_servable(network, name, example=example, card=Card("Answers questions.")), root)
        for name, (network, example) in made.items()
    }


@pytest.fixture(scope="module")
def ask(folders):
    models = {name: tf.saved_model.load(str(folder)).signatures["answer"] for name, folder in folders.items()}
    return lambda name, inputs: {
        key: value.numpy()
        for key, value in models[name](**{key: tf.constant(x) for key, x in inputs.items()}).items()
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_it_passes_the_gate(folders, name, in_a_hurry):
    report = check_artefact(folders[name])
    assert report.ok, str(report)
    assert report.batching.startswith("may be switched on")
    assert set(report.latency) == {"answer", "describe", "serving_default"}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_answers_as_the_network(made, ask, name):
    network, example = made[name]
    served, output = ask(name, example), network(example)
    np.testing.assert_allclose(served["scores"], output["scores"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(served["layout"], output["choice"])
    parts = [served["probabilities"], *([served["positions"]] if network.sets else [])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), output["answers"], atol=1e-6)
    best = [network.answers[i] if p.any() else "" for i, p in zip(parts[0].argmax(1), parts[0], strict=True)]
    assert [answer.decode() for answer in served["answer"]] == best
    assert served["attentions"].shape == (*example["layouts"].shape, 6 if name == "tiny_images" else K)


def test_attentions_are_of_every_step(made, ask):
    _, example = made["tiny_labels"]
    attentions = ask("tiny_labels", example)["attentions"]
    there = example["layouts"] != b""
    looked_up = attentions[0, 1, 0]  # lookup[place-1]
    np.testing.assert_array_equal(looked_up, np.eye(K)[1])
    np.testing.assert_array_equal(attentions.any(axis=-1), there)


def test_words_that_were_not_learnt_are_told(made, ask):
    _, example = made["tiny_labels"]
    layouts = [[parse_layout("(exists (and find[red] (relate[beyond] lookup[place-1])))")]] * B
    unknown = ask("tiny_labels", example | {"layouts": pad_layouts(layouts)})["unknown"]
    np.testing.assert_array_equal(unknown, [[[False, False, True, False, False]]] * B)


def refused(ask, name, inputs):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        ask(name, inputs)
    return str(error.value)


def test_what_does_not_fit_is_told(made, ask):
    example = made["tiny_labels"][1]

    def with_(**changes):
        return refused(ask, "tiny_labels", example | changes)

    asked = np.array(["is it red", " ?! ", "red"])
    assert "question[1] holds no word; expected a question such as" in with_(question=asked)
    programs = example["layouts"].copy()
    programs[2, 0, 0] = "colour[red]"
    assert "layouts[2, 0, 0] is colour[red], but a step is one of lookup[word]" in with_(layouts=programs)
    programs[2, 0, 0] = "lookup[atlantis]"
    assert (
        "layouts[2, 0, 0] looks up atlantis, but the positions of this world are called place-0, place-1"
        in with_(layouts=programs)
    )
    assert "layouts has the shape [3, 0, 4]" in with_(layouts=programs[:, :0])
    assert "layouts[0] has no candidate" in with_(layouts=np.full([B, 1, 1], "", object))
    odd = example["features"].copy()
    odd[0, 0, 0] = np.nan
    assert "mask holds numbers other than 0 and 1" in with_(mask=example["mask"] * -5)
    assert "features holds 1 numbers that are NaN" in with_(features=odd)
    assert "question, layouts, features" in with_(question=asked[:1])
    image = made["tiny_images"][1]
    wrong = {**image, "image": np.zeros([1, 10, 12, 3], np.float32)}
    assert "image has the shape [1, 10, 12, 3], expected [B, 8, 12, 3]; resize the images to 8x12" in refused(
        ask, "tiny_images", wrong
    )


def test_an_unknown_word_is_answered(made, ask):
    example = made["tiny_images"][1]
    layouts = np.array([[["find[purple]", "exists", ""]]], object)
    served = ask("tiny_images", {**example, "layouts": layouts, "question": np.array(["Is anything purple"])})
    np.testing.assert_allclose(served["probabilities"].sum(), 1.0, rtol=1e-5)


def test_an_example_that_does_not_fit_is_told(made):
    network, example = made["tiny_labels"]
    for wrong in (without(example, "mask"), example | {"image": example["features"]}):
        with pytest.raises(ValueError, match="expected features, layouts, mask, pairs, question, and names"):
            module_servable(network, "x", example=wrong, card=Card("x"))


def test_labels_are_as_many_as_answers(made, ask):
    assert ask("tiny_labels", made["tiny_labels"][1])["probabilities"].shape == (B, len(ANSWERS))
