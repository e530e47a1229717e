"""The engine without a transport: strict shapes, and any kind of request for a warm-up."""

import numpy as np
import pytest

from tests.serving.requests import ONE, classify, multi, predict, regress
from tfmeta import wire
from tfmeta.serving.engine import inference
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.errors import ServingError
from tfmeta.wire import tensors

X, N = np.float32([[1, 2]]), np.array(5, np.int32)


@pytest.fixture(scope="module")
def engine(model_folder):
    engine = Engine(model_folder / "arithmetic" / "1")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def strict(model_folder):
    engine = Engine(model_folder / "arithmetic" / "1", strict_shapes=True)
    yield engine
    engine.close()


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (
            {"x": X[:, :1], "n": N},
            "input x has shape [1,1], but the signature wants [?,2], where ? is any size",
        ),
        ({"x": X[0], "n": N}, "input x has shape [2], but the signature wants [?,2], where ? is any size"),
        ({"x": X, "n": N[None]}, "input n has shape [1], but the signature wants [], where ? is any size"),
    ],
)
def test_strict_shapes_are_explained(strict, inputs, reason):
    with pytest.raises(ServingError) as error:
        strict.run("", inputs)
    assert (error.value.code, error.value.message) == ("INVALID_ARGUMENT", reason)


def test_strict_shapes_take_what_fits(strict):
    assert strict.run("", {"x": X, "n": N})["s"] == 3
    assert strict.run("", {"x": X[:0], "n": N})["s"].shape == (0,)
    assert strict.run("scale", {"x": X[0]})["y"].tolist() == [3, 6]


def test_shapes_are_not_looked_at_unless_asked(engine):
    assert engine.run("", {"x": X[:, :1], "n": N})["s"].tolist() == [1]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (predict(), "outputs"),
        (classify(ONE), "result"),
        (regress(ONE), "result"),
        (multi(("classify", "classify"), ("regress", "regress")), "results"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_request_is_answered_without_a_server(engine, request_, field):
    assert getattr(inference.infer(engine, request_), field)


def test_inputs_are_not_written_to(engine):
    request = predict({"x": np.ones(4, np.float32)}, signature="half")
    before = request.SerializeToString()
    inference.infer(engine, request)
    assert request.SerializeToString() == before


def test_half_a_complex_number_is_none():
    proto = wire.TensorProto(dtype=wire.DataType["DT_COMPLEX64"], scomplex_val=[1.0, 2.0, 3.0])
    proto.tensor_shape.dim.add(size=1)
    assert tensors.to_array(proto).tolist() == [1 + 2j]
