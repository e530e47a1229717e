import copy
import shutil

import numpy as np
import pytest

import tfmeta
from tests.core import toys
from tfmeta.core import hub
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for version in (2, 10):
        export(toys.recurrent(), root, version=version)
    (root / "recurrent" / "temp-11-x").mkdir()
    (root / "notes").mkdir()
    for name in ("__MACOSX", ".cache"):  # what archives and editors add
        (root / name / "1").mkdir(parents=True)
    (root / "recurrent" / "\u0663").mkdir()  # a three, but none that a server knows
    return root


@pytest.fixture
def models(root, monkeypatch):
    monkeypatch.setenv("TFMETA_MODELS", str(root))
    return root


def test_models_are_listed_by_name_with_their_versions(models):
    listed = hub.list_models()
    assert [path.name for path in listed["recurrent"]] == ["2", "10"]
    assert not {"notes", "__MACOSX", ".cache"} & {*listed}


def test_a_model_is_found_by_name_and_by_folder(models):
    newest = models / "recurrent" / "10"
    assert hub.find_model("recurrent") == newest
    assert hub.find_model("recurrent", 2) == models / "recurrent" / "2"
    assert hub.find_model(models / "recurrent") == hub.find_model(str(newest)) == newest


def test_the_first_folder_of_the_search_path_counts(models, tmp_path, monkeypatch):
    shutil.copytree(models / "recurrent" / "2", tmp_path / "recurrent" / "1")
    monkeypatch.setenv("TFMETA_MODELS", f"{tmp_path}:{models}")
    assert hub.find_model("recurrent") == tmp_path / "recurrent" / "1"


def test_signatures_are_methods(models):
    model = tfmeta.load("recurrent")
    assert model.card.summary == "A recurrent cell."
    assert model.name == "recurrent" and list(model.signatures) == ["act", "initial_state", "serving_default"]
    assert {"act", "card"} <= set(dir(model)) and "act" in repr(model)
    state = model.initial_state(rows=[0, 0])
    answer = model.act(x=np.ones([2, 2]), **state)  # float64, as numpy makes it
    assert answer["state"].shape == (2, 3) and isinstance(answer["action"], np.ndarray)
    np.testing.assert_allclose(
        answer["state"], model(rows=[0, 0], x=np.ones([2, 2]))["state"], rtol=1e-6, atol=1e-6
    )
    assert copy.copy(model).signatures == model.signatures


def one_line(caught):
    assert "\n" not in str(caught.value)
    return True


def test_an_unknown_model_is_told_with_the_nearest(models):
    with pytest.raises(TfmetaError, match=r"no model 'recurent'. Did you mean recurrent\?") as caught:
        hub.load("recurent")
    assert str(models) in str(caught.value) and one_line(caught)
    with pytest.raises(TfmetaError, match=r"no version 3; it has 2, 10"):
        hub.load("recurrent", 3)
    with pytest.raises(TfmetaError, match="There is no folder"):
        hub.load(models / "other")
    with pytest.raises(TfmetaError, match=r"neither saved_model\.pb nor numbered versions"):
        hub.load(models / "notes")


def test_a_wrong_request_is_told(models):
    model = hub.load("recurrent")
    with pytest.raises(AttributeError, match=r"no signature 'akt'. Did you mean act\?"):
        _ = model.akt
    with pytest.raises(TfmetaError, match=r"act has no input 'stat'. Did you mean state\?"):
        model.act(x=np.ones([1, 2]), stat=np.ones([1, 3]))
    with pytest.raises(TfmetaError, match="act was asked without state; it takes state, x"):
        model.act(x=np.ones([1, 2]))
    with pytest.raises(TfmetaError, match=r"x has the shape \[1, 4\], expected \[any, 2\]"):
        model(rows=[0], x=np.ones([1, 4]))
    with pytest.raises(TfmetaError, match="x cannot be read as float32"):
        model(rows=[0], x=[["a", "b"]])


@pytest.mark.parametrize("damage", ["empty", "half", "noise", "no graph", "no weights", "half the weights"])
def test_a_damaged_model_is_told_in_one_line(root, tmp_path, damage):
    path = tmp_path / "model"
    shutil.copytree(root / "recurrent" / "2", path)
    graph, weights = path / "saved_model.pb", next(path.glob("variables/*.data*"))
    match damage:
        case "empty":
            graph.write_bytes(b"")
        case "half":
            graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
        case "noise":
            graph.write_bytes(np.random.RandomState(0).bytes(5000))
        case "no graph":
            graph.unlink()
        case "no weights":
            shutil.rmtree(path / "variables")
        case "half the weights":
            weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(TfmetaError, match="SavedModel") as caught:
        hub.load(path)
    assert one_line(caught) and str(path) in str(caught.value)
