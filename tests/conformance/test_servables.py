"""What every few-shot learner is asked for when it is served, and what only some are."""

import ast
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.learners import CASES, ITEM, WAYS, episode, is_regression, network
from tfmeta import fewshot
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import Signature
from tfmeta.fewshot.extras import extra_signatures
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.requests import Requests
from tfmeta.fewshot.servable import few_shot_servable
from tfmeta.fewshot.siamese import SiameseNetwork
from tfmeta.fewshot.state_size import StateSize

EXTRAS = {SiameseNetwork: {"verify"}, LifelongMemory: {"empty_memory", "remember", "recall"}}

# A case of each class, and one of regression: the other options of a learner change no signature.
SERVED = {
    **{case.kind: name for name, case in reversed(CASES.items())},
    "regression": "maml-regression",
}  # fmt: skip


@pytest.fixture(scope="module", params=SERVED.values())
def learner(request):
    return CASES[request.param].build()


@pytest.fixture(scope="module")
def servable(learner):
    example = episode(learner, tasks=2, shots=1, queries=2)
    return few_shot_servable(learner, "model", example_episode=example, card=Card("Answers."))


def ask(servable, name, **inputs):
    """Calls a signature's function on its example, or on other inputs."""
    signature = servable.signatures[name]
    values = {**signature.example, **inputs}
    tensors = {spec.name: tf.constant(values[spec.name], spec.dtype) for spec in signature.inputs}
    return {key: value.numpy() for key, value in signature.function(**tensors).items()}


def test_the_signatures_are_the_usual_ones_and_those_of_its_kind(learner, servable):
    whole = "regress" if is_regression(learner) else "classify"
    usual = {"serving_default", whole, "adapt", "predict", "describe"}
    assert set(servable.signatures) == usual | EXTRAS.get(type(learner), set())
    assert servable.signatures[whole] is servable.signatures["serving_default"]


def test_every_kind_with_signatures_of_its_own_is_tested():
    assert {kind for kind in extra_signatures.registry if kind.__module__.startswith("tfmeta.")} == set(
        EXTRAS
    )


def test_adapting_and_predicting_is_the_whole_and_tasks_are_apart(learner, servable):
    whole = ask(servable, "serving_default")
    state = ask(servable, "adapt")["task_state"]
    parts = ask(servable, "predict", task_state=state)
    example = servable.signatures["serving_default"].example
    second = ask(servable, "serving_default", **{name: value[1:] for name, value in example.items()})
    names = {"predictions"} if is_regression(learner) else {"probabilities", "labels"}
    assert set(whole) == set(parts) == names
    for name in names:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(second[name], whole[name][1:], rtol=1e-4, atol=1e-5)


def test_a_state_of_another_size_is_refused_with_words(servable):
    state = servable.signatures["predict"].example["task_state"]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"task_state has .*; send back what adapt returned"
    ):
        ask(servable, "predict", task_state=np.concatenate([state, state[:, :1]], axis=1))


def test_it_describes_itself(learner, servable):
    facts = ask(servable, "describe")
    assert facts["task"][0].decode() == learner.task and facts["ways"][0] == (learner.ways or 0)
    assert facts["input_shape"][0].tolist() == list(learner.network.input_shape[1:])
    options = next(CASES[name].options for kind, name in SERVED.items() if kind is type(learner))
    rate = options.get("inner_rate", options.get("rate", 0.0))
    assert facts["inner_rate"][0] == pytest.approx(0.05 if is_regression(learner) else rate)


def test_answering_changes_no_variable(learner, servable):
    before = [variable.numpy() for variable in learner.variables]
    for name in servable.signatures:
        ask(servable, name)
    for variable, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


class Embedder(PrototypicalNetwork):
    """A learner of somebody else's package, which is also asked for its embeddings."""


def made(learner):
    example = {
        "support_x": np.zeros([1, WAYS, *ITEM]),
        "support_y": [[0, 1, 2]],
        "query_x": np.ones([1, 2, *ITEM]),
    }
    return few_shot_servable(learner, "model", example_episode=example, card=Card("Embeds."))


def register(name):
    """Registers a signature of that name, in place of the one before."""

    @extra_signatures.register
    def _(learner: Embedder, requests: Requests):
        def embed(query_x):
            return {"embeddings": learner.embed(requests.items("query_x", query_x, "Q"))}

        example = {"query_x": requests.example["query_x"]}
        return {name: Signature(embed, (requests.specs["query_x"],), example)}


def test_a_package_adds_signatures_for_its_own_learner():
    register("embed")
    learner = Embedder(network(4))
    servable = made(learner)
    x = np.random.RandomState(0).rand(2, 5, *ITEM).astype(np.float32)
    np.testing.assert_allclose(
        ask(servable, "embed", query_x=x)["embeddings"], learner.embed(x), rtol=1e-5, atol=1e-6
    )
    assert "embed" not in made(PrototypicalNetwork(network(4))).signatures


def test_an_extra_signature_takes_no_usual_name():
    register("adapt")
    with pytest.raises(
        ValueError, match="extra signatures of Embedder are called adapt, as those of every learner"
    ):
        made(Embedder(network(4)))


class Counter(FewShotLearner):
    """A learner that remembers how many examples it was shown, and says nothing of the size of that."""

    def adapt(self, support_x, support_y, training=False):
        return tf.fill([len(support_x), 1], float(support_x.shape[1]))

    def respond(self, task_state, query_x, training=False):
        return tf.repeat(task_state[:, None], tf.shape(query_x)[1], axis=1)


class SizedCounter(Counter):
    @property
    def state_size(self):
        return StateSize(1)


def test_a_learner_must_declare_the_size_of_its_states():
    with pytest.raises(
        TfmetaError, match="Counter does not declare the size of its task states; give it a prop"
    ):
        made(Counter(network(4)))
    servable = made(SizedCounter(network(4)))
    assert ask(servable, "adapt")["task_state"].tolist() == [[WAYS]]
    assert servable.signatures["predict"].inputs[0].shape.as_list() == [None, 1]


def test_every_exported_name_is_tested():
    """Learners are held to the contract above; what else the room exports is used in a test of its own."""
    learners = {case.kind.__name__ for case in CASES.values()}
    used = set()
    for folder in (Path(__file__).parent, Path(__file__).parents[1] / "fewshot"):
        for path in folder.glob("test_*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            imported = {
                alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfmeta.fewshot")
                for alias in node.names
            }
            used |= called & imported
    missing = sorted(set(fewshot.__all__) - learners - used)
    assert not missing, f"exported from tfmeta.fewshot, but in no test: {', '.join(missing)}"
