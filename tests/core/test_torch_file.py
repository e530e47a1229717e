"""Files of weights that PyTorch saved: what is read, and what is refused before it can do anything."""

import io
import os
import pickle
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest

from tfmeta.core.checks import TfmetaError
from tfmeta.core.torch_file import read_torch_file

WEIGHTS = np.arange(6, dtype=np.float32).reshape(2, 3)
COUNTS = np.array([3, 1 << 40])


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Storage:
    def __init__(self, key, kind, numbers, announced=None):
        self.key, self.kind, self.numbers = key, kind, numbers
        self.announced = numbers.size if announced is None else announced


class Writer(pickle.Pickler):
    def persistent_id(self, found):
        if isinstance(found, Storage):
            return "storage", found.kind, found.key, "cpu", found.announced, None
        return None


@pytest.fixture
def torch(monkeypatch):
    """What a file may name, so that it can be pickled without PyTorch."""
    package, tools = ModuleType("torch"), ModuleType("torch._utils")
    for module in (package, tools):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("FloatStorage", "LongStorage", "ComplexStorage"):
        setattr(package, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2():
        raise AssertionError("only its name is written")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    package.rebuild = tools._rebuild_tensor_v2 = _rebuild_tensor_v2
    return package


@pytest.fixture
def write(tmp_path):
    def written(state, *storages, little_endian=True):
        file = io.BytesIO()
        machine = {"little_endian": little_endian}
        for part in (0x1950A86A20F9469CFC6C, 1001, machine, state, [storage.key for storage in storages]):
            Writer(file, protocol=2).dump(part)
        for storage in storages:
            file.write(storage.numbers.size.to_bytes(8, "little") + storage.numbers.tobytes())
        path = tmp_path / "weights.pth"
        path.write_bytes(file.getvalue())
        return path

    return written


def tensor(torch, storage, shape, strides, offset=0):
    return Call(torch.rebuild, storage, offset, shape, strides, False, OrderedDict())


@pytest.fixture
def good(torch, write):
    floats, longs = Storage("1", torch.FloatStorage, WEIGHTS), Storage("2", torch.LongStorage, COUNTS)
    state = OrderedDict(
        turned=tensor(torch, floats, (3, 2), (1, 3)),
        part=tensor(torch, floats, (2,), (3,), offset=1),
        count=tensor(torch, longs, (), (), offset=1),
        none=tensor(torch, floats, (0, 4), (4, 1)),
    )
    state._metadata = OrderedDict(version=1)  # as PyTorch leaves it
    return write(state, floats, longs)


def test_tensors_are_parts_of_storages(good):
    read = read_torch_file(good)
    assert list(read) == ["turned", "part", "count", "none"]
    np.testing.assert_array_equal(read["turned"], WEIGHTS.T)
    np.testing.assert_array_equal(read["part"], WEIGHTS[:, 1])
    assert read["turned"].dtype == np.float32 and read["count"].dtype == np.int64
    assert read["count"].shape == () and read["count"] == 1 << 40
    assert read["none"].shape == (0, 4)


def test_a_file_that_is_cut_short_anywhere_is_refused(good):
    whole = good.read_bytes()
    for end in range(len(whole)):
        good.write_bytes(whole[:end])
        with pytest.raises(TfmetaError, match=r"weights\.pth is not a file of weights .* download it again"):
            read_torch_file(good)


@pytest.mark.parametrize("place", ["first pickle", "state", "inside an allowed call"])
def test_a_file_that_calls_something_else_does_nothing(place, tmp_path, torch, write):
    done = tmp_path / "done"
    attack = Call(os.mkdir, str(done))
    if place == "first pickle":
        path = tmp_path / "weights.pth"
        path.write_bytes(pickle.dumps(attack))
    else:
        path = write({"a": attack if place == "state" else Call(OrderedDict, [("b", attack)])})
    with pytest.raises(
        TfmetaError, match=rf"it names {os.mkdir.__module__}\.mkdir; .*A pickle may run any code"
    ):
        read_torch_file(path)
    assert not done.exists()


def test_names_that_are_close_are_refused(torch, write):
    storage = Storage("1", torch.ComplexStorage, WEIGHTS)
    with pytest.raises(TfmetaError, match=r"it names torch\.ComplexStorage"):
        read_torch_file(write({"a": tensor(torch, storage, (2,), (1,))}, storage))


def test_a_dictionary_of_other_things_is_refused(write):
    with pytest.raises(TfmetaError, match="has more than tensors by their names"):
        read_torch_file(write({"epoch": 3}))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((7,), (1,), 0),
        ((2, 3), (4, 1), 0),
        ((1,), (1,), 6),
        ((2,), (-1,), 1),
        ((-1,), (1,), 0),
        ((1,), (1,), -1),
        ((2, 3), (1,), 0),
        ((1 << 20, 1 << 20), (0, 0), 0),
        (("a",), (1,), 0),
    ],
)
def test_tensors_stay_inside_their_storage(torch, write, shape, strides, offset):
    storage = Storage("1", torch.FloatStorage, WEIGHTS)
    with pytest.raises(TfmetaError, match=r"a tensor (has the offset|of shape)"):
        read_torch_file(write({"a": tensor(torch, storage, shape, strides, offset)}, storage))


def test_a_small_file_does_not_get_much_memory(torch, write):
    storage = Storage("1", torch.FloatStorage, WEIGHTS, announced=1 << 40)
    path = write({"a": tensor(torch, storage, (1 << 40,), (1,))}, storage)
    content = path.read_bytes()
    at = len(content) - WEIGHTS.nbytes - 8
    path.write_bytes(content[:at] + (1 << 40).to_bytes(8, "little") + content[at + 8 :])
    with pytest.raises(TfmetaError, match="1099511627776 numbers are announced, and 24 bytes follow"):
        read_torch_file(path)


def test_other_files_are_refused_with_a_way_on(tmp_path, torch, write):
    path = tmp_path / "new.pth"
    path.write_bytes(b"PK\x03\x04 a zip archive")
    with pytest.raises(TfmetaError, match=r"before PyTorch 1\.6.*_use_new_zipfile_serialization=False"):
        read_torch_file(path)
    with pytest.raises(TfmetaError, match="cannot be read: No such file"):
        read_torch_file(tmp_path / "none.pth")
    with pytest.raises(TfmetaError, match="another order of bytes"):
        read_torch_file(write({}, little_endian=False))
