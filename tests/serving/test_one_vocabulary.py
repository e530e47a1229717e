"""The same questions to the same model in this process, over gRPC from threads, and from asyncio: one answer."""

import io
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from tests.serving.backends import BACKENDS, SHARED, Backend, public_methods
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.core.model import InputError, LoadedModel, Task
from tfmeta.serving.client import FewShotClient, ServedModel
from tfmeta.serving.client.aio import AsyncFewShotClient, AsyncServedModel, AsyncTask
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

SUPPORT_X = np.float32([[0, 0], [5, 5], [0, 9]])
SUPPORT_Y = np.int64([0, 1, 2])
WORDS = ["newt", "asp", "cat"]  # in the order of the alphabet 2, 0, 1
QUERY_X = np.float32([[0, 8], [1, 1], [4, 4], [6, 6]])
LABELS = [2, 0, 1, 1]
NAMED = ["cat", "newt", "asp", "asp"]


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request, model_folder, server):
    backend = Backend(request.param, model_folder, server.address)
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def model(backend):
    return backend.model("nearest_mean")


@pytest.fixture(scope="module")
def arithmetic(backend):
    return backend.model("arithmetic")


# Any model


def test_says_what_its_signatures_take_and_give(model, model_folder):
    assert list(model.signatures) == ["adapt", "describe", "predict", "serving_default"]
    assert model.signatures == load(model_folder / "nearest_mean").signatures
    assert str(model.signature("adapt").inputs["support_x"]) == "float32 [any, any, 2]"
    assert model.signature("describe").optional == {"rows"}
    assert model.name == "nearest_mean"


def test_a_signature_is_a_method(model, arithmetic):
    assert arithmetic.ask("half", {"x": [2, 4]})["y"].tolist() == [3, 4]
    assert arithmetic.half(x=np.float64([2, 4]))["y"].dtype == np.float32
    assert arithmetic(x=[[1, 2]], n=4)["s"].tolist() == [3]
    answer = arithmetic.upper(text=["ab", b"c"])
    assert answer["text"].tolist() == [b"AB", b"C"] and answer["length"].tolist() == [2, 1]
    whole = model(support_x=SUPPORT_X[None], support_y=SUPPORT_Y[None], query_x=QUERY_X[None])
    assert whole["labels"].tolist() == [LABELS]


def test_an_optional_input_may_be_left_out(arithmetic):
    assert arithmetic.scale(x=[2])["y"].tolist() == [6]
    assert arithmetic.scale(x=[2], factor=5)["y"].tolist() == [10]


@pytest.mark.parametrize(
    ("signature", "inputs", "told"),
    [
        ("hlaf", {}, r"^arithmetic has no signature 'hlaf'. Did you mean half\?"),
        ("half", {"y": [1]}, r"^half has no input 'y'. Known: x\.$"),
        ("scale", {"factor": 2}, r"^scale was asked without x; it takes factor, x\.$"),
        ("half", {"x": [[1]]}, r"^half: x has the shape \[1, 1\], expected \[any\]\.$"),
        ("serving_default", {"x": [[1, 2, 3]], "n": 1}, r"x has the shape \[1, 3\], expected \[any, 2\]"),
        ("serving_default", {"x": [[1, 2]], "n": 0.5}, r"n holds 0\.5, expected whole numbers \(int32\)"),
        ("serving_default", {"x": [[1, 2]], "n": 2**40}, r"n holds 1099511627776, expected whole numbers"),
        ("half", {"x": ["1"]}, r"x cannot be read as float32: it holds str\d* values"),
        ("half", {"x": [1e300]}, r"x holds 1e\+300, expected numbers within float32"),
        ("half", {"x": [[1], [2, 3]]}, r"x cannot be read as float32: "),
        ("upper", {"text": [1]}, r"text holds a int, expected strings \(str or bytes\)"),
    ],
)
def test_inputs_that_do_not_fit_are_told_alike(arithmetic, signature, inputs, told):
    with pytest.raises(InputError, match=told) as caught:
        arithmetic.ask(signature, inputs)
    assert isinstance(caught.value, ValueError) and "\n" not in str(caught.value)


def test_what_the_graph_refuses_is_a_tfmeta_error(arithmetic):
    with pytest.raises(TfmetaError, match=r"label value of 7"):
        arithmetic.loss(logits=np.zeros([1, 5]), labels=[7])


def test_describes_itself(model):
    assert model.describe() == {"task": "classification", "ways": 3}
    assert model.describe(rows=[0, 0])["ways"].tolist() == [3, 3]


# Tasks


def test_adapt_then_predict_equals_classify(model):
    task = model.adapt(SUPPORT_X, SUPPORT_Y)
    assert task.state.shape == (6,) and task.class_names is None
    answer = task.predict(QUERY_X)
    assert answer["labels"].tolist() == LABELS and answer["probabilities"].shape == (4, 3)
    assert set(answer) == {"labels", "probabilities"}
    at_once = model.classify(SUPPORT_X, SUPPORT_Y, QUERY_X)
    np.testing.assert_allclose(at_once["probabilities"], answer["probabilities"], rtol=1e-6, atol=1e-6)


def test_several_tasks_at_once(model):
    support_x, query_x = np.stack([SUPPORT_X, -SUPPORT_X]), np.stack([QUERY_X, -QUERY_X])
    task = model.adapt(support_x, np.stack([SUPPORT_Y] * 2))
    assert task.state.shape == (2, 6)
    assert task.predict(query_x)["labels"].tolist() == [LABELS, LABELS]
    at_once = model.classify(support_x, np.stack([SUPPORT_Y] * 2), query_x)
    assert at_once["labels"].tolist() == [LABELS, LABELS]


def test_one_item_gets_one_answer(model):
    task = model.adapt(SUPPORT_X, WORDS)
    answer = task.predict(QUERY_X[0])
    assert answer["labels"].shape == () and answer["probabilities"].shape == (3,)
    assert answer["names"] == "cat"
    assert model.classify(SUPPORT_X, SUPPORT_Y, [0, 8])["labels"] == 2


def test_labels_may_be_words(model):
    task = model.adapt(SUPPORT_X, WORDS)
    assert task.class_names == ("asp", "cat", "newt")
    answer = task.predict(QUERY_X)
    assert answer["names"].tolist() == NAMED
    assert answer["labels"].dtype == np.int64 and answer["labels"].tolist() == [1, 2, 0, 0]
    assert model.classify(SUPPORT_X, np.array(WORDS), QUERY_X)["names"].tolist() == NAMED
    assert model.classify(SUPPORT_X, np.array(WORDS, object), QUERY_X)["names"].tolist() == NAMED


def test_each_of_several_tasks_has_its_own_words(model):
    words = [WORDS, ["x", "yy", "zzz"]]
    task = model.adapt([SUPPORT_X, SUPPORT_X], words)
    assert task.class_names == (("asp", "cat", "newt"), ("x", "yy", "zzz"))
    answer = task.predict([QUERY_X, QUERY_X])
    assert answer["names"].tolist() == [NAMED, ["zzz", "x", "yy", "yy"]]


def test_words_out_of_place_are_told(backend, model):
    with pytest.raises(
        InputError, match="support_y holds words, and 3 beside them; expected all words, or none"
    ):
        model.adapt(SUPPORT_X, ["cat", 3, "dog"])
    with pytest.raises(InputError, match="support_y holds words, but the model predicts numbers"):
        backend.model("mean_regressor").adapt(np.zeros([2, 1]), ["cat", "dog"])


def test_arguments_are_converted(model):
    task = model.adapt(SUPPORT_X.tolist(), SUPPORT_Y.astype(np.int32).tolist())
    assert task.predict(QUERY_X.astype(np.float64))["labels"].tolist() == LABELS
    assert model.adapt(SUPPORT_X, [0.0, 1.0, 2.0]).predict(QUERY_X)["labels"].tolist() == LABELS


@pytest.mark.parametrize("label", [0.5, np.nan])
def test_fractional_labels_are_explained(model, label):
    with pytest.raises(InputError, match=rf"support_y holds {label}, expected whole numbers"):
        model.adapt(SUPPORT_X, [0, 1, label])


def test_regression(backend):
    model = backend.model("mean_regressor")
    x, y = np.zeros((4, 1)), np.float32([[1], [2], [3], [6]])
    assert model.adapt(x, y).predict(np.zeros((2, 1)))["predictions"].tolist() == [[3], [3]]
    assert model.adapt(x, y).predict([0.0])["predictions"].tolist() == [3]
    assert model.classify(x[None], y[None], x[None, :2])["predictions"].tolist() == [[[3], [3]]]


def test_shapes_that_do_not_fit_are_explained(model):
    task = model.adapt(SUPPORT_X, SUPPORT_Y)
    forms = r"\[Q,2\] of one task, \[2\] of a single item, or \[B,Q,2\] of several tasks"
    for query in (QUERY_X[None], QUERY_X[:, :1], [1, 2, 3]):
        shape = ", ".join(map(str, np.shape(query)))
        with pytest.raises(
            InputError,
            match=rf"query_x has the shape \[{shape}\], but nearest_mean's 'predict' takes {forms}",
        ):
            task.predict(query)
    with pytest.raises(
        InputError, match=r"support_x has the shape \[2\], .* \[S,2\] of one task, or \[B,S,2\]"
    ):
        model.adapt([1, 2], [0])


def test_a_model_of_another_kind_is_explained(arithmetic):
    with pytest.raises(InputError, match="arithmetic is no few-shot model: it has no signature 'adapt'"):
        arithmetic.adapt(SUPPORT_X, SUPPORT_Y)
    with pytest.raises(InputError, match=r"no few-shot model: .* its inputs are: n, x"):
        arithmetic.classify(SUPPORT_X, SUPPORT_Y, QUERY_X)


def test_a_model_without_images_is_explained(model):
    with pytest.raises(InputError, match="no signature 'adapt_png', so it takes no encoded images"):
        model.adapt_png([b"a"], [0])


# Kept tasks


def test_a_task_is_kept_and_taken_up_again(model, model_folder):
    kept = pickle.dumps(model.adapt(SUPPORT_X, WORDS))
    task = pickle.loads(kept)
    assert task.class_names == ("asp", "cat", "newt") and task.state.shape == (6,)
    assert model.task(task).predict(QUERY_X)["names"].tolist() == NAMED
    elsewhere = load(model_folder / "nearest_mean").few_shot()  # whoever holds the weights can answer
    assert elsewhere.task(task).predict(QUERY_X)["names"].tolist() == NAMED


def test_a_task_that_was_kept_says_what_it_lacks(model):
    task = pickle.loads(pickle.dumps(model.adapt(SUPPORT_X, SUPPORT_Y)))
    assert repr(task).endswith("Task(state=[6])")
    with pytest.raises(
        TfmetaError, match=r"kept apart from its model, .* model\.task\(task\) answers queries"
    ):
        getattr(task, "model")  # noqa: B009 (asked as `predict` does, which is awaited here and not there)


def test_a_bare_state_is_a_task(model):
    state = model.adapt(SUPPORT_X, WORDS).state
    assert model.task(state).predict(QUERY_X)["labels"].tolist() == [1, 2, 0, 0]
    named = model.task(state.tolist(), class_names=["asp", "cat", "newt"])
    assert named.predict(QUERY_X)["names"].tolist() == NAMED
    several = model.task(np.stack([state, state]), class_names=[["a", "b", "c"], ["d", "e", "f"]])
    answer = several.predict([QUERY_X, QUERY_X])
    assert answer["names"].tolist() == [list("bcaa"), list("efdd")]


@pytest.mark.parametrize("state", [np.zeros([1, 2, 6]), np.int64([1, 2]), 1.5, "state"])
def test_what_is_no_state_is_told(model, state):
    with pytest.raises(InputError, match=r"the state of a task is .*; expected the numbers \[D\]"):
        model.task(state)


def test_a_state_of_another_model_is_told(model):
    with pytest.raises(InputError, match=r"task_state has the shape \[5\], .* \[6\] of one task"):
        model.task(np.zeros(5)).predict(QUERY_X)


# Encoded images, and a card


@pytest.fixture(scope="module")
def drawings_folder(tmp_path_factory):
    """One tiny model of drawings, exported by our own means."""
    import keras

    from tfmeta.core.cards import Card
    from tfmeta.core.export import export
    from tfmeta.fewshot.prototypical import PrototypicalNetwork
    from tfmeta.fewshot.servable import few_shot_servable

    network = keras.Sequential([keras.Input([28, 28, 1]), keras.layers.Flatten(), keras.layers.Dense(8)])
    images = np.zeros([1, 2, 28, 28, 1])
    images[0, 0, 4:8, 4:-4] = images[0, 1, 20:24, 4:-4] = 1
    example = {"support_x": images, "support_y": [[0, 1]], "query_x": images}
    folder = tmp_path_factory.mktemp("drawings")
    learner = PrototypicalNetwork(network)
    export(few_shot_servable(learner, "drawings", example_episode=example, card=Card("Drawings.")), folder)
    return folder


@pytest.fixture(scope="module")
def drawings_server(drawings_folder):
    with Server(Models(drawings_folder)) as server:
        yield server


@pytest.fixture(scope="module")
def drawings(backend, drawings_folder, drawings_server):
    backend = Backend(backend.kind, drawings_folder, drawings_server.address)
    yield backend.model("drawings")
    backend.close()


def bar(place, paper=255, side=56, kind="PNG"):
    """An image file with a bar on plain paper, one of seven places down or, from the fourth, to the right."""
    image, unit = np.full((side, side), paper, np.uint8), side // 7
    (image if place < 4 else image.T)[place * unit : (place + 1) * unit, unit:-unit] = 255 - paper
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind)
    return content.getvalue()


def test_files_are_sent_as_they_are(drawings):
    task = drawings.adapt_png([bar(1), bar(5)], ["up", "down"])
    one = task.predict_png(bar(5))  # one file, one answer
    assert one["labels"] == 0 and one["names"] == "down" and one["probabilities"].shape == (2,)
    files = [bar(5), bar(1, paper=0), bar(5, side=112), bar(5, kind="JPEG")]
    answer = task.predict_png(files)
    assert answer["names"].tolist() == ["down", "up", "down", "down"] and answer["probabilities"].shape == (
        4,
        2,
    )
    at_once = drawings.classify_png([bar(1), bar(5)], [1, 0], files)
    np.testing.assert_allclose(at_once["probabilities"], answer["probabilities"], rtol=1e-5, atol=1e-6)
    batch = drawings.classify_png([[bar(1), bar(5)]] * 2, [[0, 1], [1, 0]], [files, files])
    assert batch["labels"].tolist() == [[1, 0, 1, 1], [0, 1, 0, 0]]
    with pytest.raises(TfmetaError, match="query_png holds 1 items that are no PNG or JPEG image"):
        task.predict_png([bar(1), b"letter.png"])
    with pytest.raises(InputError, match="query_png holds a str, expected the bytes of PNG"):
        task.predict_png(["letter.png"])


def test_the_card(drawings):
    assert drawings.card.summary == "Drawings."
    assert json.loads(drawings.describe()["card"])["summary"] == "Drawings."


# The vocabulary itself


@pytest.mark.parametrize(
    ("of", "own"),
    [
        (FewShotClient, {"close", "predict"}),
        (AsyncServedModel, set()),
        (AsyncFewShotClient, {"close"}),
    ],
)
def test_every_few_shot_model_has_the_same_methods(of, own):
    methods = public_methods(of)
    assert own <= set(methods)
    assert {name: arguments for name, arguments in methods.items() if name not in own} == SHARED


def test_every_task_has_the_same_methods():
    assert public_methods(AsyncTask) == public_methods(Task)


def test_every_model_has_the_same_methods():
    assert public_methods(ServedModel) == public_methods(LoadedModel)
