"""What every test shares: quiet, reproducible numerics, the tiers, and skips where a data set is absent."""

import gc
import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

# Before anything imports TensorFlow. One thread a worker: the workers are what fills the cores.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if find_spec("tf_keras"):
    # What tf.keras is to be for TF-Agents; it is settled once in a process, by whoever touches it first.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

TIERS = ("unit", "recipe", "paper")


def dataset_folder(name: str) -> Path:
    """Where TensorFlow Datasets keeps `name` on this machine."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / name


@pytest.hookimpl(tryfirst=True)  # before -m chooses by tier
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker(pytest.mark.unit)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the garbage collector from what is imported, which stays: it took a third of the time of collecting."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(700, 10, 1000)  # old objects are looked through at the end of a file only, see below
        gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs_dataset"):
        for name in marker.args:
            folder = dataset_folder(name)
            if not any(folder.glob("*/dataset_info.json")):
                pytest.skip(
                    f"needs the data set {name!r}, which is not in {folder}:"
                    f" set TFDS_DATA_DIR to where it is, or fetch it with tfds.load({name!r})"
                )


@pytest.fixture(scope="module", autouse=True)
def forget_earlier_tests() -> Iterator[None]:
    """Keeps the garbage collector from looking through the graphs of all earlier tests again and again."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def in_a_hurry() -> Iterator[None]:
    """Lets the gate measure latencies for a moment only, and run graphs as they are written."""
    from tfmeta.core.gate import plan, replay  # not above: tests without TensorFlow stay light

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_MEASURED_SECONDS", 0.01)
        patch.setattr(replay, "_REWRITES", False)
        yield


@pytest.fixture(scope="session")
def exported_tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tests.tiny_models`, which are exported once for all workers; not to be written to."""
    from tests import tiny_models

    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "tiny_models"
    if not shared.exists():
        made = tiny_models.build(tmp_path_factory.mktemp("tiny"))
        with suppress(OSError):  # another worker was faster
            made.rename(shared)
    return shared


@pytest.fixture(scope="module")
def float64() -> Iterator[None]:
    """Lets Keras compute in double precision, for comparisons of numbers."""
    import keras  # not above: tests without TensorFlow stay light

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])
