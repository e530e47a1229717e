"""Ten thousand requests that nobody would send: each is answered or refused, and none is called our own fault.

They go to the handlers in this process, which are all that lies between gRPC and a model.
"""

import math

import grpc
import pytest
from google.protobuf import message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.requests import half, loss, metadata, predict, status
from tfmeta import wire
from tfmeta.serving.call import Call
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.handlers import Method
from tfmeta.serving.services.table import services

CHANGES_THE_SERVER = "HandleReloadConfigRequest"
OUR_FAULT = {"UNKNOWN", "INTERNAL"}


def cases(number):
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def ask(model_folder):
    """Sends bytes to an RPC by its name; returns the name of the status that comes back."""
    models = Models(model_folder)
    models.load()
    rpcs = {name: rpc for methods in services(models).values() for name, rpc in methods.items()}
    methods = {name: Method(rpc, name) for name, rpc in rpcs.items()}

    def ask(name, body):
        outcome = methods[name].outcome(body, Call(10.0))
        assert outcome.code not in OUR_FAULT, (
            name,
            outcome.message,
            rpcs[name].request_type.FromString(body),
        )
        assert outcome.code in grpc.StatusCode.__members__ and isinstance(outcome.reply, bytes)
        assert len(outcome.message) <= 1024 + len("...TRUNCATED")
        return outcome.code

    ask.requests = {name: rpc.request_type for name, rpc in rpcs.items() if name != CHANGES_THE_SERVER}
    yield ask
    models.unload()


# Any message of the API, by its descriptor, with words in it that lead somewhere

WORDS = {
    "name": ["arithmetic", "nearest_mean", "mean_regressor", "", "zz", "é"],
    "signature_name": ["", "serving_default", "half", "upper", "scale", "loss", "adapt", "describe", "zz",
                       "__saved_model_init_op"],
    "version_label": ["", "stable"],
    "metadata_field": ["signature_def", "", "zz"],
    "output_filter": ["s", "n2", "y", "labels", "", "zz"],
    "method_name": ["tensorflow/serving/classify", "tensorflow/serving/regress", "zz"],
    "inputs": ["x", "n", "text", "logits", "labels", "support_x", "support_y", "query_x", "rows", "zz"],
    "feature": ["x", "y", "zz"],
}  # fmt: skip
SIZES = [0, 1, 2, 3, 5, -1, 2**31, 2**40, 2**62]
NUMBERS = [0.0, -1.5, 1e30, math.inf, math.nan]
SCALARS = {
    "double": NUMBERS, "float": NUMBERS, "bool": [False, True],
    "int32": [0, 1, 2, -1, 70000, 2**31 - 1, -(2**31)], "int64": [0, 1, 2, 9, -1, 2**63 - 1, -(2**63)],
    "uint32": [0, 1, 2**32 - 1], "uint64": [0, 1, 2**64 - 1],
    "string": ["", "a", "é"], "bytes": [b"", b"a", bytes(4), bytes(8), b"\xff" * 12],
}  # fmt: skip
TYPED_FIELDS = [field for field in wire.TensorProto.DESCRIPTOR.fields if field.name.endswith("_val")]
MESSAGES = st.randoms(
    use_true_random=True
)  # one draw a message: a draw for each field takes ten times as long


def message(random, descriptor):
    """Any message of a type, by its descriptor."""
    made = message_factory.GetMessageClass(descriptor)()
    fields = tuple(descriptor.fields)
    for field in random.sample(fields, random.randint(0, min(len(fields), 5))):
        options = field.message_type and field.message_type.GetOptions()
        if options and options.map_entry:
            key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
            for _ in range(random.randint(0, 3)):
                word = scalar(random, key, field.name)
                if value.message_type:
                    getattr(made, field.name)[word].CopyFrom(message(random, value.message_type))
                else:
                    getattr(made, field.name)[word] = scalar(random, value, value.name)
        elif field.message_type and field.is_repeated:
            for _ in range(random.randint(0, 3)):
                getattr(made, field.name).append(message(random, field.message_type))
        elif field.message_type:
            getattr(made, field.name).CopyFrom(message(random, field.message_type))
        elif field.is_repeated:
            values = [scalar(random, field, field.name) for _ in range(random.randint(0, 4))]
            getattr(made, field.name).extend(values)
        else:
            setattr(made, field.name, scalar(random, field, field.name))
    return made


def tensor(random):
    """A tensor of some type with values in the field of that type, mostly, of some shape."""
    made = message(random, wire.TensorProto.DESCRIPTOR)
    made.dtype = random.choice(list(wire.DataType.values()))
    for field in random.sample(TYPED_FIELDS, 4):
        getattr(made, field.name).extend(scalar(random, field, "") for _ in range(random.randint(0, 5)))
    if random.random() < 0.7:
        del made.tensor_shape.dim[:]
        made.tensor_content = b""
        for _ in range(random.randint(0, 2)):
            made.tensor_shape.dim.add(size=random.randint(0, 3))
    return made


def scalar(random, field, words):
    if field.enum_type:
        return random.choice([*field.enum_type.values_by_number, 99])
    if field.name == "size":
        return random.choice(SIZES)
    if words in WORDS:
        return random.choice(WORDS[words])
    names = {getattr(field, f"TYPE_{name.upper()}"): name for name in SCALARS}
    return random.choice(SCALARS[names[field.type]])


@pytest.mark.parametrize(
    "name", ["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata", "GetModelStatus"]
)
def test_any_message(ask, name):
    seen = set()

    @cases(800)
    @given(MESSAGES)
    def send(random):
        seen.add(ask(name, message(random, ask.requests[name].DESCRIPTOR).SerializeToString()))

    send()
    assert {"INVALID_ARGUMENT", "NOT_FOUND"} <= seen


def test_tensors_of_every_kind_for_an_input(ask):
    """Requests in which everything is right but the tensor, so that it reaches the conversion and the graph."""
    seen = set()

    @cases(2500)
    @given(MESSAGES)
    def send(random):
        signature, alias = random.choice(
            [("half", "x"), ("upper", "text"), ("scale", "x"), ("describe", "rows")]
        )
        name = "nearest_mean" if signature == "describe" else "arithmetic"
        request = wire.PredictRequest(model_spec=wire.ModelSpec(name=name, signature_name=signature))
        request.inputs[alias].CopyFrom(tensor(random))
        seen.add(ask("Predict", request.SerializeToString()))

    send()
    assert {"OK", "INVALID_ARGUMENT"} <= seen


GOOD = [
    ("Predict", predict().SerializeToString()),
    ("Predict", loss(2).SerializeToString()),
    ("Predict", half(wire.TensorProto(dtype=1, float_val=[1.0, 2.0])).SerializeToString()),
    ("GetModelMetadata", metadata("signature_def").SerializeToString()),
    ("GetModelStatus", status().SerializeToString()),
]


def test_a_good_request_with_bytes_changed(ask):
    seen = set()

    @cases(1700)
    @given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=2)), max_size=4))
    def send(request, changes):
        name, body = request
        for place, change in changes:
            place %= len(body) + 1
            body = body[:place] + change + body[place + 1 :]
        seen.add(ask(name, body))

    send()
    assert {"OK", "INVALID_ARGUMENT"} <= seen


def test_any_bytes(ask):
    seen = set()

    @cases(1000)
    @given(st.sampled_from(sorted(ask.requests)), st.binary(max_size=64))
    def send(name, body):
        seen.add(ask(name, body))

    send()
    assert seen and "OK" not in seen
