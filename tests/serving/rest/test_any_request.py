"""Whatever a client sends over REST is its own fault, and never more than that."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.rest.paths import MODEL

# Whatever a client sends is its own fault, and never more than that.
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just({"b64": "YQ=="})
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "n", "text", "b64"]), inner)
    ),
    max_leaves=8,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(["half", "upper", "scale", "classify", "regress", "zz"]) | SCALARS,
        "instances": st.lists(JSON, max_size=3) | JSON,
        "inputs": JSON,
        "examples": st.lists(st.dictionaries(st.sampled_from(["x", "weight"]), JSON), max_size=2) | JSON,
        "context": JSON,
    },
)
FUZZED = settings(max_examples=100, deadline=None)


@FUZZED
@given(verb=st.sampled_from(["predict", "classify", "regress"]), document=DOCUMENTS)
def test_any_document(api, verb, document):
    reply = api.answer("POST", f"{MODEL}:{verb}", json.dumps(document).encode())
    assert reply.status in (200, 400), reply.body
    assert ("error" in json.loads(reply.body)) == (reply.status != 200)


@FUZZED
@given(
    method=st.sampled_from(["GET", "POST"]),
    start=st.sampled_from(["/", "/v1/models/", MODEL + "/versions/", MODEL]),
    end=st.text(max_size=30),
    body=st.binary(max_size=30),
)
def test_any_path_and_body(api, method, start, end, body):
    assert api.answer(method, start + end, body).status in (200, 400, 404)
