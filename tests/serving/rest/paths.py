"""What tests of the REST API share."""

import os

import pytest

MODEL = "/v1/models/arithmetic"
X = [[1, 2], [3, 4]]


ours = pytest.mark.skipif(
    "TFMETA_TEST_REST_TARGET" in os.environ, reason="this is ours alone; TF Serving has another way"
)


def half(form):
    return {"signature_name": "half"} | form
