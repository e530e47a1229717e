"""The numpy client, the few-shot client on top of it, and their twins for asyncio."""

import asyncio
import io
import itertools
import socket
import subprocess
import sys
import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from PIL import Image

from tfmeta import wire
from tfmeta.serving.client import NO_RETRIES, Client, FewShotClient, Retries, ServingError
from tfmeta.serving.client.aio import AsyncClient, AsyncFewShotClient
from tfmeta.serving.client.retries import Attempts
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

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
        Client("127.0.0.1:1", retries=NO_RETRIES) as client,
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


def test_fifty_tasks_from_eight_threads_equal_the_isolated_answers(few_shot):
    """Each thread has several tasks in hand, and asks now of one, now of another."""
    rng = np.random.default_rng(0)
    support = SUPPORT_X + rng.normal(size=(50, 3, 2)).astype(np.float32)
    orders = [rng.permutation(3) for _ in range(50)]
    alone = [few_shot.classify(x, y, QUERY_X)["probabilities"] for x, y in zip(support, orders, strict=True)]

    def ask(thread):
        mine = range(thread, 50, 8)
        tasks = {number: few_shot.adapt(support[number], orders[number]) for number in mine}
        return [
            (number, tasks[number].predict(QUERY_X)["probabilities"]) for _ in range(3) for number in mine
        ]

    with ThreadPoolExecutor(8) as pool:
        answers = list(itertools.chain.from_iterable(pool.map(ask, range(8))))
    assert len(answers) == 150
    for number, answer in answers:
        np.testing.assert_allclose(answer, alone[number], rtol=1e-6)


# Retries and timeouts


class Flaky:
    """A server that answers with the given statuses one after another, and then properly."""

    def __init__(self, *codes, pause=0.0):
        self.codes, self.pause, self.asked = list(codes), pause, 0
        handler = grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService",
            {"Predict": grpc.unary_unary_rpc_method_handler(self._answer)},
        )
        self._server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[handler])
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def _answer(self, body, context):
        self.asked += 1
        time.sleep(self.pause)
        if self.codes:
            context.abort(self.codes.pop(0), "not now")
        return wire.PredictResponse().SerializeToString()

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()


UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
QUICK = Retries(attempts=4, first=0.01)


def test_unavailable_is_tried_again():
    with Flaky(UNAVAILABLE, UNAVAILABLE) as flaky, Client(flaky.target, retries=QUICK) as client:
        assert client.predict("m", {}) == {}
        assert flaky.asked == 3


def test_attempts_come_to_an_end():
    with Flaky(*[UNAVAILABLE] * 9) as flaky, Client(flaky.target, retries=QUICK) as client:
        with pytest.raises(ServingError, match=r"^UNAVAILABLE: no server answers at .*\(not now\)") as error:
            client.predict("m", {})
        assert flaky.asked == 4
        assert error.value.__context__ is None


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED", "NOT_FOUND", "UNKNOWN"])
def test_any_other_status_is_an_answer(code):
    with (
        Flaky(grpc.StatusCode[code]) as flaky,
        Client(flaky.target, retries=QUICK) as client,
        pytest.raises(ServingError, match="not now"),
    ):
        client.predict("m", {})
    assert flaky.asked == 1


def test_retries_stay_inside_the_timeout():
    retries = Retries(attempts=100, first=0.05, longest=0.05)
    with Flaky(*[UNAVAILABLE] * 99) as flaky, Client(flaky.target, retries=retries) as client:
        began = time.monotonic()
        with pytest.raises(ServingError):
            client.predict("m", {}, timeout=0.4)
        assert time.monotonic() - began < 1.5
        assert 2 <= flaky.asked <= 16


def test_a_call_has_a_timeout_of_its_own():
    with Flaky(pause=0.5) as flaky, Client(flaky.target) as client:
        with pytest.raises(ServingError, match=r"gave no answer within 0\.1 s"):
            client.predict("m", {}, timeout=0.1)
        assert client.predict("m", {}) == {}


def test_pauses_grow_and_are_drawn():
    retries = Retries(first=1.0, longest=5.0)
    assert [retries.pause(number, lambda: 1.0) for number in range(4)] == [1, 2, 4, 5]
    assert [retries.pause(number, lambda: 0.0) for number in range(4)] == [0.5, 1, 2, 2.5]
    attempts = Attempts(retries, 1.2, clock=iter([0.0, 0.1, 1.0]).__next__)
    assert 0.5 <= attempts.pause("UNAVAILABLE") <= 1
    assert attempts.pause("UNAVAILABLE") is None  # the second would end after the timeout
    assert Attempts(retries, None).left is None
    with pytest.raises(ValueError, match="at least 1 attempt"):
        Retries(attempts=0)


# asyncio


def test_the_twins_for_asyncio_answer_alike(target, few_shot):
    async def ask():
        async with AsyncFewShotClient(target, "nearest_mean") as client:
            task = await client.adapt(SUPPORT_X, SUPPORT_Y)
            answers = await asyncio.gather(*[task.predict(QUERY_X) for _ in range(20)])
            return (
                answers,
                await client.classify(SUPPORT_X, SUPPORT_Y, QUERY_X),
                await client.describe(),
                task.state,
            )

    answers, at_once, facts, state = asyncio.run(ask())
    expected = few_shot.adapt(SUPPORT_X, SUPPORT_Y)
    np.testing.assert_array_equal(state, expected.state)
    for answer in (*answers, at_once):
        np.testing.assert_allclose(
            answer["probabilities"], expected.predict(QUERY_X)["probabilities"], rtol=1e-6
        )
    assert facts == few_shot.describe()


def test_the_numpy_twin_for_asyncio(target, client):
    async def ask():
        async with AsyncClient(target) as twin:
            outputs = await twin.predict("arithmetic", {"x": np.float32([2])}, signature="half")
            with pytest.raises(ServingError, match="NOT_FOUND"):
                await twin.predict("zz", {})
            return outputs, await twin.status("arithmetic"), await twin.metadata("arithmetic")

    outputs, status, metadata = asyncio.run(ask())
    assert outputs["y"].tolist() == [3]
    assert status == client.status("arithmetic")
    assert metadata == client.metadata("arithmetic")


def test_the_twin_tries_again_too():
    async def ask(target):
        async with AsyncClient(target, retries=QUICK) as client:
            return await client.predict("m", {})

    with Flaky(UNAVAILABLE) as flaky:
        assert asyncio.run(ask(flaky.target)) == {}
        assert flaky.asked == 2


# Encoded images


def test_a_model_without_images_is_explained(few_shot):
    with pytest.raises(ValueError, match=r"no signature 'adapt_png', so it takes no encoded images"):
        few_shot.adapt_png([b"a"], [0])


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """A server of one tiny model of drawings, exported by our own means; gives its address."""
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
    with Server(Models(folder)) as server:
        yield server.address


def bar(place, paper=255, side=56, kind="PNG"):
    """An image file with a horizontal bar, one of seven places down, on plain paper."""
    image, unit = np.full((side, side), paper, np.uint8), side // 7
    image[place * unit : (place + 1) * unit, unit:-unit] = 255 - paper
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind)
    return content.getvalue()


def test_files_are_sent_as_they_are(drawings):
    with FewShotClient(drawings, "drawings") as client:
        task = client.adapt_png([bar(1), bar(5)], [0, 1])
        assert task.predict_png(bar(5))["labels"] == 1  # one file, one answer
        assert task.predict_png(bar(1))["probabilities"].shape == (2,)
        files = [bar(5), bar(1, paper=0), bar(5, side=112), bar(5, kind="JPEG")]
        answers = task.predict_png(files)
        assert answers["labels"].tolist() == [1, 0, 1, 1] and answers["probabilities"].shape == (4, 2)
        at_once = client.classify_png([bar(1), bar(5)], [0, 1], files)
        np.testing.assert_allclose(at_once["probabilities"], answers["probabilities"], rtol=1e-5)
        batch = client.classify_png([[bar(1), bar(5)]] * 2, [[0, 1], [1, 0]], [files, files])
        assert batch["labels"].tolist() == [[1, 0, 1, 1], [0, 1, 0, 0]]

        with pytest.raises(ServingError, match="query_png holds 1 items that are no PNG or JPEG image"):
            task.predict_png([bar(1), b"letter.png"])
        with pytest.raises(ValueError, match="query_png holds a str; expected the bytes of PNG"):
            task.predict_png(["letter.png"])

    async def ask():
        async with AsyncFewShotClient(drawings, "drawings") as client:
            return await (await client.adapt_png([bar(1), bar(5)], [0, 1])).predict_png(bar(5))

    assert asyncio.run(ask())["labels"] == 1


def test_the_clients_load_no_tensorflow():
    code = "import sys, tfmeta.serving.client, tfmeta.serving.client.aio; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
