import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact
from tfmeta.core.gate.replay import Call, run_without_python
from tfmeta.core.hub import load
from tfmeta.core.model.specs import InputError
from tfmeta.data.encoded import encode_drawings
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.servable import few_shot_servable
from tfmeta.networks import conv4

WAYS, SIDE = 3, 28
CARD = Card("Tells drawings apart — quickly.", git_hash="0123abc")


def random(*shape):
    return np.random.RandomState(0).rand(*shape).astype(np.float32)


def episode(tasks=1, ways=WAYS, shots=1, queries=2):
    labels = np.tile(np.repeat(np.arange(ways), shots), [tasks, 1])
    images = random(tasks, ways * shots + queries, SIDE, SIDE, 1)
    return {"support_x": images[:, : ways * shots], "support_y": labels, "query_x": images[:, ways * shots :]}


def flat(outputs, *shape):
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(outputs)])


def sinusoid(tasks=1, shots=4, queries=2):
    x = 10 * random(tasks, shots + queries, 1) - 5
    return {"support_x": x[:, :shots], "support_y": np.sin(x[:, :shots]), "query_x": x[:, shots:]}


LEARNERS = {
    "prototypical": (lambda: PrototypicalNetwork(conv4(filters=4)), episode()),
    "matching": (lambda: MatchingNetwork(flat(6, SIDE, SIDE, 1)), episode()),
    "maml": (lambda: MAML(flat(WAYS, SIDE, SIDE, 1), inner_rate=0.25), episode(tasks=2)),
    "regression": (lambda: MAML(flat(1, 1), inner_rate=0.01, task="regression"), sinusoid()),
}


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        name: export(few_shot_servable(build(), name, example_episode=example, card=CARD), root)
        for name, (build, example) in LEARNERS.items()
    }


@pytest.fixture(scope="module")
def models(artefacts):
    return {name: load(path) for name, path in artefacts.items()}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_passes_the_gate(artefacts, in_a_hurry, name):
    report = check_artefact(artefacts[name])
    assert report.ok, str(report)
    whole = "regress" if name == "regression" else "classify"
    png = () if name == "regression" else ("classify_png", "adapt_png", "predict_png")
    assert set(report.latency) == {"serving_default", whole, "adapt", "predict", "describe", *png}
    assert report.batching.startswith("may be switched on")
    assert ("same number of classes" in report.batching) == (name in ("prototypical", "matching"))


@pytest.mark.parametrize("name", ["prototypical", "matching", "maml"])
def test_adapt_then_predict_is_classify(models, name):
    model, request = models[name], episode(tasks=3, shots=2)
    whole = model.classify(**request)
    assert whole["probabilities"].shape == (3, 2, WAYS) and whole["labels"].dtype == np.int64
    np.testing.assert_allclose(whole["probabilities"].sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(whole["probabilities"].argmax(-1), whole["labels"])
    state = model.adapt(support_x=request["support_x"], support_y=request["support_y"])
    parts = model.predict(**state, query_x=request["query_x"])
    np.testing.assert_allclose(parts["probabilities"], whole["probabilities"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["prototypical", "maml"])
def test_encoded_images_are_answered_as_the_images_in_them(models, name):
    model, request = models[name], episode(tasks=2)
    paper = [[0, 0], [0, 0], [1, 1], [1, 1], [0, 0]]  # a border, by which the graph tells paper from ink
    whole, queries = (
        tf.pad(tf.cast(request[key][:, :, 1:-1, 1:-1] > 0.8, tf.float32), paper)
        for key in ("support_x", "query_x")
    )
    support_png, query_png = encode_drawings(whole).numpy(), encode_drawings(queries).numpy()
    expected = model.classify(support_x=whole, support_y=request["support_y"], query_x=queries)
    answer = model.classify_png(support_png=support_png, support_y=request["support_y"], query_png=query_png)
    np.testing.assert_allclose(answer["probabilities"], expected["probabilities"], rtol=1e-4, atol=1e-5)
    state = model.adapt_png(support_png=support_png, support_y=request["support_y"])
    answer = model.predict_png(**state, query_png=query_png)
    np.testing.assert_allclose(answer["probabilities"], expected["probabilities"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [np.asarray, list], ids=["array", "list of arrays"])
def test_bytes_of_pictures_are_scaled(models, form):
    request = episode()
    model = models["prototypical"].few_shot()
    support, query = (np.rint(255 * request[key][0]).astype(np.uint8) for key in ("support_x", "query_x"))
    for known, asked in ((support, query), (support / 255, query), (support, query / 255)):
        answer = model.adapt(form(known), list("abc")).predict(form(asked))
        expected = model.classify(support / 255, list("abc"), query / 255)
        np.testing.assert_allclose(answer["probabilities"], expected["probabilities"], rtol=1e-4)
    with pytest.raises(
        TfmetaError, match=r"numbers outside 0 to 1; expected ink 1, paper 0, so divide bytes by 255"
    ):
        model.adapt(support / 255, list("abc")).predict(query.astype(float))


@pytest.mark.parametrize("shape", [(28, 28, 3), (64, 64, 1)])
def test_pictures_of_another_size_or_in_colour_are_told_where_files_go(models, shape):
    """Resizing them would be wrong advice: a drawing is read from its file."""
    with pytest.raises(
        InputError, match=r"PNG and JPEG files of any size and colour go to adapt_png, as support_png"
    ):
        models["prototypical"].few_shot().adapt(np.zeros([3, *shape]), list("abc"))


def test_only_drawings_have_signatures_for_encoded_images():
    coloured = PrototypicalNetwork(flat(4, 8, 8, 3))
    images = {"support_x": random(1, 3, 8, 8, 3), "support_y": [[0, 1, 2]], "query_x": random(1, 1, 8, 8, 3)}
    servable = few_shot_servable(coloured, "x", example_episode=images, card=CARD)
    assert set(servable.signatures) == {"serving_default", "classify", "adapt", "predict", "describe"}


def test_regression_answers_with_values(models):
    request = sinusoid(tasks=2, shots=10, queries=5)
    whole = models["regression"].regress(**request)["predictions"]
    state = models["regression"].adapt(support_x=request["support_x"], support_y=request["support_y"])
    parts = models["regression"].predict(**state, query_x=request["query_x"])["predictions"]
    assert whole.shape == (2, 5, 1)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LEARNERS)
def test_describe_is_one_row_or_as_many_as_asked_for(models, name):
    facts = models[name].ask("describe", {})
    assert {key: value.shape[0] for key, value in facts.items()} == dict.fromkeys(facts, 1)
    regression = name == "regression"
    assert facts["task"][0] == (b"regression" if regression else b"classification")
    assert facts["ways"][0] == (WAYS if name == "maml" else 0)
    assert facts["input_shape"].tolist() == [[1] if regression else [SIDE, SIDE, 1]]
    assert facts["inner_rate"][0] == {"maml": 0.25, "regression": np.float32(0.01)}.get(name, 0.0)
    assert facts["git_hash"][0] == b"0123abc"
    card = json.loads(facts["card"][0])
    assert card["summary"] == CARD.summary
    drawing = {"shape": [SIDE, SIDE, 1], "reading": "drawing", "range": [0, 1], "polarity": "ink 1, paper 0"}
    assert card.get("items", {}) == ({} if regression else drawing)
    assert models[name].describe(rows=[7, 7, 7])["ways"].shape == (3,)


def test_without_queries_there_are_no_answers(models):
    request = episode() | {"query_x": np.zeros([1, 0, SIDE, SIDE, 1])}
    assert models["prototypical"].classify(**request)["labels"].shape == (1, 0)


def zeros(*shape):
    return np.zeros(shape)


def holding(value):
    images = episode()["support_x"].copy()
    images[0, 0, 0, 0] = value
    return images


S, Q = episode()["support_x"], episode()["query_x"]
PNG = encode_drawings(S).numpy()
BLANK = encode_drawings(zeros(28, 28, 1)).numpy()
BAD_REQUESTS = [  # learner, signature, what differs from a good request, what the client reads
    ("maml", "classify", {"support_y": [[0, 1, 3]]}, "support_y holds labels from 0 to 3; expected 0 to 2"),
    ("maml", "adapt", {"support_y": [[0, -1, 2]]}, "support_y holds labels from -1 to 2; expected 0 to 2"),
    ("prototypical", "adapt", {"support_y": [[0, 1, 2**40]]}, "labels from 0 to 1099511627776; expected cl"),
    ("prototypical", "adapt", {"support_y": [[0, -1, 2]]}, "labels from -1 to 2; expected classes numbered"),
    ("prototypical", "adapt", {"support_x": S[:, :0], "support_y": [[]]}, "the support set is empty"),
    ("maml", "classify", {"support_x": S[:, :0], "support_y": [[]]}, "the support set is empty"),
    ("maml", "adapt", {"support_y": [[0, 1]]}, "support_x holds 3 items but support_y 2 labels"),
    ("matching", "classify", {"support_y": [0, 1, 2]}, "support_y has the shape [3], expected [B, S]"),
    ("maml", "adapt", {"support_y": [[[0], [1], [2]]]}, "support_y has the shape [1, 3, 1], expected [B, S]"),
    ("maml", "classify", {"query_x": zeros(2, 1, 28, 28, 1)}, "query_x hold [1, 1, 2] tasks"),
    ("maml", "adapt", {"support_x": zeros(2, 3, 28, 28, 1)}, "support_x, support_y hold [2, 1] tasks"),
    ("maml", "adapt", {"support_x": S[:0], "support_y": zeros(0, 3)}, "hold [0, 0] tasks"),
    (
        "prototypical",
        "classify",
        {"query_x": zeros(1, 2, 32, 32, 1)},
        "; make each image 28x28 pixels, in grey, with",
    ),
    (
        "maml",
        "classify",
        {"query_x": zeros(1, 2, 32, 32, 1)},
        "[1, 2, 32, 32, 1], expected [B, Q, 28, 28, 1]",
    ),
    ("prototypical", "classify", {"query_x": Q[0]}, "query_x has the shape [2, 28, 28, 1], expected"),
    ("prototypical", "classify", {"support_x": 0.5}, "support_x has the shape [], expected"),
    ("maml", "adapt", {"support_x": holding(np.nan)}, "support_x holds 1 numbers that are NaN or infinite"),
    ("matching", "classify", {"support_x": holding(np.inf)}, "support_x holds 1 numbers that are NaN or"),
    ("prototypical", "predict", {"query_x": holding(-np.inf)}, "query_x holds 1 numbers that are NaN or"),
    (
        "maml",
        "adapt",
        {"support_x": 255 * S},
        " numbers outside 0 to 1; expected ink 1, paper 0, so divide bytes",
    ),
    ("prototypical", "predict", {"query_x": 2 * Q - 1}, " numbers outside 0 to 1; expected ink 1, paper 0"),
    (
        "matching",
        "classify",
        {"query_x": 1 - 0.2 * Q},
        "query_x holds 2 drawings that are dark on light; expected i",
    ),
    (
        "maml",
        "predict_png",
        {"query_png": [[BLANK]]},
        "query_png holds 1 images without a drawing, the first at [0",
    ),
    ("prototypical", "predict", {"task_state": zeros(1, 13)}, "task_state has 13 numbers a task, expected a"),
    ("prototypical", "predict", {"task_state": zeros(1, 0)}, "task_state has 0 numbers a task, expected a"),
    ("matching", "predict", {"task_state": zeros(1, 6)}, "task_state has 6 numbers a task, expected a mul"),
    ("maml", "predict", {"task_state": zeros(1, 9)}, "task_state has the shape [1, 9], expected [B, 2355]"),
    (
        "maml",
        "predict",
        {"task_state": zeros(1, 2355) + np.nan},
        "task_state holds 2355 numbers that are NaN",
    ),
    ("maml", "predict", {"task_state": zeros(4, 2355)}, "task_state, query_x hold [4, 1] tasks"),
    ("maml", "classify_png", {"query_png": [["letter.png"]]}, "query_png holds 1 items that are no PNG or"),
    ("maml", "adapt_png", {"support_png": [PNG[0, :2]]}, "support_png holds 2 items but support_y 3 labels"),
    ("maml", "adapt_png", {"support_png": PNG[0]}, "support_png has the shape [3], expected [B, S]"),
    ("maml", "adapt_png", {"support_y": [[0, 1, 7]]}, "support_y holds labels from 0 to 7; expected 0 to 2"),
    ("maml", "adapt_png", {"support_png": PNG[:, :0], "support_y": [[]]}, "the support set is empty"),
    ("maml", "predict_png", {"query_png": np.repeat(PNG, 4, 0)}, "task_state, query_png hold [1, 4] tasks"),
    (
        "regression",
        "regress",
        {"support_y": zeros(1, 4, 1) + np.nan},
        "support_y holds 4 numbers that are NaN",
    ),
    ("regression", "adapt", {"support_y": zeros(1, 4, 2)}, "[1, 4, 2], expected [B, S, 1]"),
    ("regression", "adapt", {"support_y": zeros(1, 3, 1)}, "support_x holds 4 items but support_y 3 labels"),
]


@pytest.fixture(scope="module")
def refusals(artefacts, models):
    """What the C library answers to the bad requests, where nothing but the graph looks at them."""
    answers = {}
    for name, path in artefacts.items():
        asked = [number for number, row in enumerate(BAD_REQUESTS) if row[0] == name]
        calls = [
            Call(BAD_REQUESTS[number][1], request(models[name], *BAD_REQUESTS[number][:3]))
            for number in asked
        ]
        answers |= dict(zip(asked, run_without_python(path, calls), strict=True))
    return answers


def request(model, name, signature, different):
    example = {key: value[:1] for key, value in LEARNERS[name][1].items()}
    inputs = {key: np.asarray(value, np.float32) for key, value in example.items()}
    if name != "regression":
        inputs["support_y"] = np.asarray(example["support_y"], np.int64)
        inputs |= {"support_png": PNG, "query_png": PNG}
    kind = "png" if signature.endswith("_png") else "x"
    names = [f"support_{kind}", "support_y", f"query_{kind}"]
    if signature.startswith("predict"):
        names = ["task_state", f"query_{kind}"]
        state = model.adapt(support_x=inputs["support_x"], support_y=inputs["support_y"])
        inputs["task_state"] = state["task_state"]
    elif signature.startswith("adapt"):
        names.pop()
    return {
        key: np.asarray(different.get(key, inputs[key]), "S" if key.endswith("_png") else inputs[key].dtype)
        for key in names
    }


@pytest.mark.parametrize("number", range(len(BAD_REQUESTS)))
def test_a_bad_request_is_refused_with_words(refusals, number):
    error = refusals[number].error
    assert error is not None and error.startswith("INVALID_ARGUMENT")
    assert BAD_REQUESTS[number][3] in error


def test_an_example_that_does_not_fit_is_refused():
    learner = PrototypicalNetwork(flat(4, 2))
    with pytest.raises(ValueError, match=r"example's query_x has the shape \(1, 1, 3\)"):
        few_shot_servable(
            learner,
            "x",
            example_episode={
                "support_x": random(1, 3, 2),
                "support_y": [[0, 1, 2]],
                "query_x": random(1, 1, 3),
            },
            card=CARD,
        )
