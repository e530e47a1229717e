"""The numpy client, and the few-shot client on top of it."""

import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tfmeta.serving.client import Client, FewShotClient, ServingError

SUPPORT_X = np.float32([[0, 0], [5, 5], [0, 9]])
SUPPORT_Y = np.int64([0, 1, 2])
QUERY_X = np.float32([[0, 8], [1, 1], [4, 4], [6, 6]])
LABELS = [2, 0, 1, 1]


@pytest.fixture(scope="module")
def few_shot(target):
    with FewShotClient(target, "nearest_mean") as client:
        yield client


def test_predict(client):
    outputs = client.predict("arithmetic", {"x": np.float32([[1, 2]]), "n": np.int32(4)})
    assert outputs["s"].tolist() == [3.0] and outputs["s"].dtype == np.float32
    assert outputs["n2"] == 8 and outputs["n2"].shape == ()


def test_predict_takes_signature_version_and_filter(client):
    assert client.predict("arithmetic", {"x": np.float32([2])}, signature="half", version=1)[
        "y"
    ].tolist() == [3]
    inputs = {"x": np.float32([[1, 2]]), "n": np.int32(4)}
    assert list(client.predict("arithmetic", inputs, output_filter=["n2"])) == ["n2"]


def test_strings(client):
    outputs = client.predict("arithmetic", {"text": ["ab", "c"]}, signature="upper")
    assert outputs["text"].tolist() == [b"AB", b"C"]


def test_metadata_and_status(client):
    assert set(client.metadata("nearest_mean")["adapt"].inputs) == {"support_x", "support_y"}
    assert client.status("nearest_mean") == {1: "AVAILABLE"}


def test_error_carries_status_and_words(client):
    with pytest.raises(ServingError) as error:
        client.predict("zz", {})
    assert (error.value.code, error.value.message) == (
        "NOT_FOUND",
        "Servable not found for request: Latest(zz)",
    )
    assert str(error.value) == "NOT_FOUND: Servable not found for request: Latest(zz)"
    assert error.value.__cause__ is None and error.value.__context__ is None


def test_label_goes_out(client):
    with pytest.raises(ServingError, match="Unrecognized servable version label: stable"):
        client.status("nearest_mean")
        client.predict("nearest_mean", {}, label="stable")
    with pytest.raises(ValueError, match="names one of them"):
        client.predict("nearest_mean", {}, label="stable", version=1)


def test_no_server():
    with (
        Client("127.0.0.1:1") as client,
        pytest.raises(ServingError, match=r"no server answers at 127\.0\.0\.1:1;"),
    ):
        client.predict("m", {})


def test_timeout():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with Client(address, timeout=0.2) as client, pytest.raises(ServingError) as error:
            client.status("nearest_mean")
    assert str(error.value).startswith(f"DEADLINE_EXCEEDED: {address} gave no answer within 0.2 s")


def test_large_message(client):
    x = np.ones(2_000_000, np.float32)  # 8 MB, and gRPC's own limit is 4
    np.testing.assert_array_equal(client.predict("arithmetic", {"x": x}, signature="half")["y"], x / 2 + 2)


def test_adapt_then_predict_equals_classify(few_shot):
    task = few_shot.adapt(SUPPORT_X, SUPPORT_Y)
    assert task.state.shape == (6,)
    outputs = task.predict(QUERY_X)
    assert outputs["labels"].tolist() == LABELS
    assert outputs["probabilities"].shape == (4, 3)
    at_once = few_shot.classify(SUPPORT_X, SUPPORT_Y, QUERY_X)
    np.testing.assert_allclose(at_once["probabilities"], outputs["probabilities"], rtol=1e-6)


def test_several_tasks_at_once(few_shot):
    support_x, query_x = np.stack([SUPPORT_X, -SUPPORT_X]), np.stack([QUERY_X, -QUERY_X])
    task = few_shot.adapt(support_x, np.stack([SUPPORT_Y] * 2))
    assert task.state.shape == (2, 6)
    assert task.predict(query_x)["labels"].tolist() == [LABELS, LABELS]
    at_once = few_shot.classify(support_x, np.stack([SUPPORT_Y] * 2), query_x)
    assert at_once["labels"].tolist() == [LABELS, LABELS]


def test_arguments_are_converted(few_shot):
    task = few_shot.adapt(SUPPORT_X.tolist(), SUPPORT_Y.astype(np.int32).tolist())
    assert task.predict(QUERY_X.astype(np.float64))["labels"].tolist() == LABELS


def test_fractional_labels_are_explained(few_shot):
    assert few_shot.adapt(SUPPORT_X, [0.0, 1.0, 2.0]).predict(QUERY_X)["labels"].tolist() == LABELS
    for label in (0.5, np.nan):
        with pytest.raises(ValueError, match="support_y holds fractions or NaN"):
            few_shot.adapt(SUPPORT_X, [0, 1, label])


def test_regression(target):
    with FewShotClient(target, "mean_regressor") as client:
        x, y = np.zeros((4, 1)), np.float32([[1], [2], [3], [6]])
        assert client.adapt(x, y).predict(np.zeros((2, 1)))["predictions"].tolist() == [[3], [3]]
        assert client.classify(x[None], y[None], x[None, :2])["predictions"].tolist() == [[[3], [3]]]


def test_describe(few_shot):
    assert few_shot.describe() == {"task": "classification", "ways": 3}


def test_mixed_task_dimension_is_explained(few_shot):
    task = few_shot.adapt(SUPPORT_X, SUPPORT_Y)
    with pytest.raises(ValueError, match=r"query_x has shape \(1, 4, 2\), but .* wants 2 dimensions"):
        task.predict(QUERY_X[None])


def test_a_model_of_another_kind_is_explained(target):
    with FewShotClient(target, "arithmetic") as client, pytest.raises(ValueError, match="no few-shot model"):
        client.adapt(SUPPORT_X, SUPPORT_Y)
    with (
        FewShotClient(target, "arithmetic") as client,
        pytest.raises(ValueError, match="its inputs are: n, x"),
    ):
        client.classify(SUPPORT_X, SUPPORT_Y, QUERY_X)


def test_interleaved_tasks_get_their_own_answers(few_shot):
    """Eight threads, each with tasks of its own, adapt and ask in between one another."""

    def ask(seed):
        rng = np.random.default_rng(seed)
        order = rng.permutation(3)
        task = few_shot.adapt(SUPPORT_X, order)
        return all(task.predict(QUERY_X)["labels"].tolist() == order[LABELS].tolist() for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))
