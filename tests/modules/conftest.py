"""What tests of several parts of the modules share."""

import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.modules import SpacyParser


@pytest.fixture(scope="session")
def spacy_parser():
    """The parser that reads English; tests that need it skip where it is not installed."""
    try:
        return SpacyParser()
    except TfmetaError as error:
        pytest.skip(str(error))
