"""What all tasks of landmarks promise, held for each that is registered; and folders of faces."""

import dataclasses
import inspect
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfmeta.core.checks import TfmetaError
from tfmeta.core.tasks import PARTS
from tfmeta.data.drawn_faces import drawn_faces
from tfmeta.descent import (
    DrawnFaceTasks,
    FaceFolderTasks,
    FaceTasks,
    LandmarkTasks,
    drawn_face_tasks,
    face_folder_tasks,
)
from tfmeta.descent.landmark_tasks import divide_people
from tfmeta.recipes.registry import TASKS, command_of, describe, find_recipe, find_tasks, recipe_of

needs_faces = pytest.mark.skipif(
    not Path(os.environ.get("TFMETA_FACES", "nowhere")).is_dir(),
    reason="needs photographs of faces: set TFMETA_FACES to the folder of youtube_faces_96.npz",
)
CASES = ["drawn-faces", "face-folder", pytest.param("faces", marks=needs_faces)]


def write_faces(folder: Path, names, landmarks=68) -> Path:
    faces = drawn_faces(len(names), seed=5)
    for name, image, points in zip(names, faces.images, faces.landmarks, strict=True):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file.with_name(f"{file.name}.png"))
        lines = "".join(f"{x + 1:.4f} {y + 1:.4f}\n" for x, y in points[:landmarks])
        file.with_name(f"{file.name}.pts").write_text(f"version: 1\nn_points: {landmarks}\n{{\n{lines}}}\n")
    return folder


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Two faces each of twelve people."""
    names = [f"person {person}/{number}" for person in range(12) for number in range(2)]
    return write_faces(tmp_path_factory.mktemp("data") / "My album", names)


@pytest.fixture(scope="module", autouse=True)
def few_drawings():
    """Draws fewer faces for validation and test, since that takes its time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drawn_face_tasks, "_HELD_OUT", {"validation": 4, "test": 8})
        yield


@pytest.fixture(scope="module", params=CASES)
def tasks(request, album):
    settings = {"face-folder": {"path": str(album)}, "drawn-faces": {"drawn": 20}}
    return TASKS[request.param]().replaced(**settings.get(request.param, {}))


# What all promise


def test_all_tasks_are_registered_and_held_to_the_contract():
    kinds = {kind for kind in TASKS.values() if issubclass(kind, LandmarkTasks)}
    assert kinds == {DrawnFaceTasks, FaceFolderTasks, FaceTasks}
    assert not any(inspect.isabstract(kind) for kind in kinds)
    for kind in kinds:
        assert dataclasses.is_dataclass(kind) and TASKS[kind().registered] is kind


def test_no_person_is_in_two_parts(tasks):
    people = [{*tasks.faces(part).people.tolist()} for part in PARTS]
    assert all(people) and sum(map(len, people)) == len(set.union(*people))
    assert len(people[0]) > len(people[1])


def test_parts_have_faces_with_the_landmarks_that_the_tasks_name(tasks):
    for part in PARTS:
        tasks.load(part)
        faces = tasks.faces(part)
        assert faces.landmarks.shape[1] == tasks.landmarks == 68
        assert tasks.layout.units(faces.landmarks).min() > 5
        assert tasks.faces(part).landmarks.tobytes() == faces.landmarks.tobytes()


def test_cards_get_what_they_need(tasks):
    assert tasks.facts() == {"landmarks": 68, "normalised_by": "inter-ocular distance"}
    assert tasks.items and tasks.source and "/" not in tasks.name
    assert bool(tasks.fingerprint()) != tasks.fresh and tasks.fingerprint() == tasks.fingerprint()
    assert bool(tasks.licence) != tasks.fresh  # what is drawn is copied from nobody


# People


def test_a_third_of_the_people_are_for_the_test():
    people = np.repeat(np.arange(300), 4)
    parts = divide_people(people, 0, "The album")
    assert {part: len(np.unique(people[rows])) for part, rows in parts.items()} == {
        "train": 195, "validation": 15, "test": 90
    }  # fmt: skip
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1200))
    other = divide_people(people, 1, "The album")
    assert not np.array_equal(other["test"], parts["test"])


def test_few_people_are_enough_or_refused():
    assert {part: len(rows) for part, rows in divide_people(np.arange(3), 0, "It").items()} == {
        "train": 1, "validation": 1, "test": 1
    }  # fmt: skip
    with pytest.raises(
        TfmetaError, match="The album shows 2 people, each in a subfolder; expected three at least"
    ):
        divide_people(np.array([0, 1, 1]), 0, "The album")


# Folders


def test_a_folder_says_what_it_holds(album):
    tasks = find_tasks(str(album))
    assert isinstance(tasks, FaceFolderTasks)
    assert (tasks.name, tasks.items, tasks.variant) == ("my-album", "faces of My album", "")
    assert tasks.source == (
        "24 faces of 12 people, divided by the seed 0, with 68 landmarks, in the folder My album"
    )
    assert tasks.replaced(split_seed=2).variant == "seed2"
    assert {part: len(tasks.faces(part)) for part in PARTS} == {"train": 14, "validation": 2, "test": 8}


def test_faces_are_read_as_they_were_written(album):
    faces, drawn = FaceFolderTasks(str(album)).faces("test"), drawn_faces(24, seed=5)
    for image, points in zip(faces.images, faces.landmarks, strict=True):
        same = np.abs(drawn.landmarks - points).max((1, 2)).argmin()
        np.testing.assert_allclose(points, drawn.landmarks[same], atol=1e-3)
        np.testing.assert_array_equal(image, drawn.images[same])


def test_parts_that_are_given_are_kept(tmp_path):
    names = [f"{part}/{i}" for part, count in (("train", 8), ("Val", 1), ("test", 3)) for i in range(count)]
    tasks = FaceFolderTasks(str(write_faces(tmp_path, names)))
    assert {part: len(tasks.faces(part)) for part in PARTS} == {"train": 8, "validation": 1, "test": 3}
    assert len(np.unique(tasks.faces("train").people)) == 8 and "divided" not in tasks.source


def test_any_number_of_landmarks_will_do(tmp_path):
    tasks = FaceFolderTasks(str(write_faces(tmp_path, map_names(10), landmarks=5)))
    assert tasks.facts() == {"landmarks": 5, "normalised_by": "diagonal of the box"}


def test_images_are_read_once_as_long_as_they_do_not_change(album, tmp_path, monkeypatch):
    folder, calls = shutil.copytree(album, tmp_path / "copy"), []
    read = face_folder_tasks.read_faces
    monkeypatch.setattr(face_folder_tasks, "read_faces", lambda *asked: calls.append(asked) or read(*asked))
    tasks = FaceFolderTasks(str(folder))
    for part in PARTS:
        tasks.faces(part)
    before = tasks.fingerprint()
    assert len(calls) == 1
    for file in folder.rglob("*.png"):
        Image.new("L", (96, 96)).save(file)
    assert tasks.fingerprint() != before and len(calls) == 2


def test_too_little_is_explained_in_one_line(tmp_path):
    with pytest.raises(TfmetaError, match="There is no folder of faces; say which: path=DIR, or --tasks DIR"):
        FaceFolderTasks().load("train")
    with pytest.raises(TfmetaError, match=r"There is no folder .*nowhere"):
        FaceFolderTasks(str(tmp_path / "nowhere")).load("train")
    write_faces(tmp_path / "few", map_names(9))
    with pytest.raises(TfmetaError, match=r"few has landmarks of 9 faces; expected 10 at least"):
        FaceFolderTasks(str(tmp_path / "few")).load("train")
    write_faces(tmp_path / "two", [f"{part}/{i}" for part in ("train", "test") for i in range(5)])
    with pytest.raises(TfmetaError, match=r"two holds test, train; expected train, validation and test"):
        FaceFolderTasks(str(tmp_path / "two")).load("train")
    write_faces(tmp_path / "pair", [f"{person}/{i}" for person in "ab" for i in range(5)])
    with pytest.raises(TfmetaError, match=re.escape("pair shows 2 people")) as caught:
        FaceFolderTasks(str(tmp_path / "pair")).load("train")
    assert str(caught.value).isprintable()


def test_a_folder_without_landmarks_is_one_of_classes(tmp_path):
    (tmp_path / "signs").mkdir()
    assert find_tasks(str(tmp_path / "signs")).registered == "folder"
    write_faces(tmp_path / "signs" / "deeper", ["a"])
    assert find_tasks(str(tmp_path / "signs")).registered == "face-folder"


def map_names(count):
    return [f"face {number}" for number in range(count)]


# Drawings


def test_as_many_faces_are_drawn_as_are_asked_for():
    tasks = DrawnFaceTasks(drawn=12)
    assert [len(tasks.faces(part)) for part in PARTS] == [12, 4, 8]
    more = tasks.replaced(drawn=13).faces("train")
    np.testing.assert_array_equal(more.of(range(12)).landmarks, tasks.faces("train").landmarks)


# Recipes


def test_a_recipe_on_a_folder_of_faces_is_found_again(album):
    recipe = find_recipe("sdm", tasks=str(album)).configure(split_seed=1)
    assert recipe.name == "sdm-my-album"
    assert recipe_of(describe(recipe)) == recipe
    assert shlex.split(command_of(recipe)) == [
        "tfmeta", "train", "sdm", "--tasks", str(album.resolve()), "--split-seed", "1"
    ]  # fmt: skip


def test_few_shot_methods_refuse_faces(album):
    with pytest.raises(
        TfmetaError, match="prototypical learns from ClassTasks, but my-album are FaceFolderTasks"
    ):
        find_recipe("prototypical", tasks=str(album))
