import multiprocessing
import os

import pytest

from tfmeta.core.atomic import locked, new_folder, write_text
from tfmeta.core.checks import TfmetaError


def test_a_folder_appears_when_it_is_whole(tmp_path):
    place = tmp_path / "model" / "1"
    with new_folder(place) as temporary:
        (temporary / "a").write_text("1")
        assert not place.exists() and not temporary.name.isdecimal()
    assert [path.name for path in place.parent.iterdir()] == ["1"]
    assert (place / "a").read_text() == "1"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failure(tmp_path, error):
    with pytest.raises(error), new_folder(tmp_path / "model" / "1") as temporary:
        (temporary / "a").write_text("1")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_survives_a_failure(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "a").write_text("old")
    with pytest.raises(OSError), new_folder(tmp_path / "1", overwrite=True):
        raise OSError
    assert (tmp_path / "1" / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_replaced_only_when_asked(tmp_path):
    for text in ("old", "new"):
        with new_folder(tmp_path / "1", overwrite=text == "new") as temporary:
            (temporary / "a").write_text(text)
    assert (tmp_path / "1" / "a").read_text() == "new" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(TfmetaError, match="exists already"), new_folder(tmp_path / "1"):
        pass


def test_others_may_read_the_folder(tmp_path):
    with new_folder(tmp_path / "1"):
        pass
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "1").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    write_text(tmp_path / "a", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a", "new \ud800")
    assert (tmp_path / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def _hold(folder, held, enough):
    with locked(folder, "training"):
        held.set()
        enough.wait(60)
        os._exit(9)  # as a kill does: nothing is tidied


def test_a_lock_keeps_others_out_and_ends_with_its_process(tmp_path):
    context = multiprocessing.get_context("fork")
    held, enough = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, enough))
    other.start()
    assert held.wait(60)
    with (
        pytest.raises(TfmetaError, match=f"Process {other.pid} is training in .*with --out"),
        locked(tmp_path, "training"),
    ):
        pass
    enough.set()
    other.join(60)
    with locked(tmp_path, "training"):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_needs_no_lock(tmp_path):
    with locked(tmp_path / "not there", "training"):
        pass
