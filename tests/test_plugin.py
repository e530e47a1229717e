"""A package with a learner and tasks of its own: after `pip install`, the command line uses it like ours."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfmeta.cli import main
from tfmeta.core.cards import Card
from tfmeta.recipes.plugins import GROUPS
from tfmeta.recipes.registry import METHODS, RECIPES, TASKS

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "examples/plugin"
SHORT = "--steps 1 --epoch-steps 1"
MINE = "@frozen\nclass Mine(Cosine):\n  name = 'mine'\n  "
NUMBERS = itertools.count()  # a module that was imported once is not imported again

# Several verbs in one process: each process starts TensorFlow, which takes longer than the verb.
VERBS = """\
import shlex, sys
from tfmeta.cli import main
from tfmeta.core.gate import plan

plan._MEASURED_SECONDS = 0.01
for command in sys.argv[1:]:
    print(f"$ {command}", flush=True)
    code = main(shlex.split(command))
    if code:
        sys.exit(code)
"""


def package(site, name, code, **groups):
    """Writes a package as pip installs it: a module, and its entry points by group."""
    (site / f"{name}.py").write_text(code)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    sections = [
        "\n".join([f"[tfmeta.{group}]", *(f"{entry} = {name}:{place}" for entry, place in entries.items())])
        for group, entries in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The package, installed by pip without a network."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(PLUGIN, folder / "source")  # pip builds beside the source
    command = "-m pip install --quiet --no-index --no-deps --no-build-isolation --disable-pip-version-check"
    subprocess.run(
        [sys.executable, *command.split(), "--target", folder / "site", folder / "source"], check=True
    )
    return folder / "site"


@pytest.fixture(scope="module")
def place(tmp_path_factory, site):
    """A folder of somebody who has that package, another one that is broken, and some pictures."""
    place = tmp_path_factory.mktemp("walk")
    (place / "broken").mkdir()
    package(place / "broken", "unfinished", "import no_such_module\n", methods={"unfinished": "Method"})
    sys.path.insert(0, str(site))
    try:
        from cosine_gratings import GratingTasks
    finally:
        sys.path.remove(str(site))
    classes = GratingTasks().classes("test")
    for name, items in zip(classes.names[::2], classes.items[::2], strict=True):  # 30 degrees apart
        (place / "pictures" / name).mkdir(parents=True)
        for number, item in enumerate(items[:6]):
            picture = Image.fromarray((255 * item[..., 0]).astype(np.uint8)).resize([48, 48])
            folder = place / "pictures" / name if number < 5 else place
            picture.save(folder / (f"{number}.png" if number < 5 else f"new {name}.png"))
    return place


def environment(site, place):
    path = os.pathsep.join(map(str, (site, place / "broken", ROOT)))
    return {**os.environ, "PYTHONPATH": path, "TFMETA_MODELS": str(place / "models")}


def in_a_process(site, place, *words):
    found = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=place, env=environment(site, place)
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def said(site, place):
    """What the verbs say, from training to a checked model."""
    commands = [
        "train cosine-gratings --steps 120 --epoch-steps 40 --noise 0.1",
        "evaluate cosine-gratings --count 200",
        "export cosine-gratings --to models",
        "check models/cosine_gratings/1",
        "evaluate cosine_gratings --count 20",
        f"train cosine --tasks pictures --features 8 {SHORT}",
        f"train prototypical --tasks gratings {SHORT}",
        "list",
    ]
    out = in_a_process(site, place, "-c", VERBS, *commands)
    return dict(zip(commands, out.split("$ ")[1:], strict=True))


def of(said, begin):
    (found,) = [out for command, out in said.items() if command.startswith(begin)]
    return found


@pytest.mark.recipe
def test_its_recipe_is_trained_measured_exported_and_checked(said, place):
    assert "in runs/cosine-gratings" in of(said, "train cosine-gratings")
    result = of(said, "evaluate cosine-gratings").splitlines()[-1]
    assert result.endswith("(200 tasks), 5-way 1-shot")
    assert float(result.split()[1]) > 0.6  # by chance 0.2
    assert "may be served" in of(said, "check")
    assert "(20 tasks), 5-way 1-shot" in of(said, "evaluate cosine_gratings")
    card = Card.read(place / "models/cosine_gratings/1")
    assert card.summary.startswith("Tells gratings apart by the angle") and "CVPR 2018" in card.summary
    assert card.items["shape"] == [16, 16, 1] and card.items["reading"] == "grey"
    assert "10 degrees" in card.items["classes"]["test"]
    assert card.recipe["method"] == "cosine" and card.recipe["tasks"] == "gratings"
    assert card.command.startswith("tfmeta train cosine-gratings --noise 0.1")
    assert f"accuracy {card.results[0].value:.4f}" in result


@pytest.mark.recipe
def test_its_method_learns_from_a_folder_and_ours_from_its_tasks(said, place):
    assert "in runs/cosine-pictures" in of(said, "train cosine --tasks")
    settings = json.loads((place / "runs/cosine-pictures/settings.json").read_text())
    assert settings["path"] == str(place / "pictures") and settings["features"] == 8
    assert (place / "runs/cosine-pictures/learner.keras").exists()
    assert "in runs/prototypical-gratings" in of(said, "train prototypical")
    assert (place / "runs/prototypical-gratings/learner.keras").exists()


@pytest.mark.recipe
def test_it_is_listed_and_a_broken_package_as_broken(said):
    rows = of(said, "list").splitlines()
    assert any(row.split()[:3] == ["cosine-gratings", "Tells", "gratings"] for row in rows)
    assert any(row.split()[:3] == ["cosine", "Cosine", "classifier,"] for row in rows)
    assert any(row.split()[:2] == ["gratings", "Gratings"] for row in rows)
    (broken,) = [row for row in rows if row.split()[:2] == ["unfinished", "broken:"]]
    assert "No module named 'no_such_module'. Mend or uninstall that package." in broken


@pytest.mark.recipe
def test_its_model_is_served_and_answers_with_the_names_of_classes(said, site, place):
    command = [
        "-m",
        "tfmeta.cli",
        "serve",
        "--model_base_path",
        "models",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, cwd=place, env=environment(site, place),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job begins deaf to it
    ) as server:  # fmt: skip
        try:
            words = server.stdout.readline()
            assert words.startswith("Serving cosine_gratings at 127.0.0.1:"), words
            address = words.split(" at ")[1].partition(";")[0]
            queries = sorted(place.glob("new *.png"))
            ask = [
                "predict",
                "cosine_gratings",
                "--server",
                address,
                "--support",
                "pictures",
                "--json",
                "--query",
            ]
            answers = json.loads(in_a_process(site, place, "-m", "tfmeta.cli", *ask, *map(str, queries)))
        finally:
            server.send_signal(signal.SIGINT)
    assert set(answers[0]["probabilities"]) == {f"{degrees} degrees" for degrees in range(10, 180, 30)}
    right = [f"new {answer['label']}.png" == Path(answer["query"]).name for answer in answers]
    assert len(right) == 6 and sum(right) >= 5


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes


@pytest.fixture
def installed(site, tmp_path, monkeypatch):
    """Installs packages in this process, beside the one above."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()

    def install(name, code="", **groups):
        package(tmp_path / "site", name, code, **groups)
        for folder in (site, tmp_path / "site"):
            monkeypatch.syspath_prepend(folder)
        for kind, group in zip(GROUPS, (RECIPES, METHODS, TASKS), strict=True):
            monkeypatch.setitem(vars(group), "_entries", type(group)(kind, "")._entries)

    return install


def fails(capsys, command):
    """Runs a command that must fail with one line and leave nothing behind."""
    try:
        code = main(command.split())
    except SystemExit as ended:
        code = ended.code
    err = capsys.readouterr().err
    assert code == 2 and err.startswith("tfmeta: ") and err.count("\n") == 1, err
    assert {path.name for path in Path.cwd().iterdir()} == {"site"}
    return err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module", "cannot be imported from {}:Mine: ModuleNotFoundError: No module named 'no_such"),
        ("raise SystemExit(1)", "cannot be imported from {}:Mine: SystemExit: 1"),
        ("Mines = 1", "cannot be imported from {}:Mine: AttributeError: module '{}' has no attribute 'Mine'"),
        ("def (", "SyntaxError: invalid syntax ({}.py, line 5). Mend or uninstall that package."),
        ("Mine = 1", "cannot be used: expected a class of Method, came an object of int"),
        ("from cosine_gratings import GratingTasks as Mine", "expected a class of Method, came the class GratingT"),
        ("from cosine_gratings import Cosine as Mine", "Cosine is named 'cosine'; give its entry point that name"),
        ("from tfmeta.fewshot.methods import FewShotMethod as Mine", "FewShotMethod does not define learner, training"),
        ("class Mine(Cosine): name, title, depth = 'mine', None, setting(1, '')", "Mine does not define title"),
        ("class Mine(Cosine): name, takes = 'mine', CosineLearner", "Mine.takes: expected a class of Tasks, came the"),
        ("class Mine(Cosine): name, depth = 'mine', setting(1, '')", "Mine has the settings depth, but is no datacl"),
        (MINE + "depth: list = setting((), '')", "must be a bool, int, float"),
        (MINE + "depth: int = setting('1', '')", "int, but its default is '1'"),
        (MINE + "out: str = setting('', '')", "Mine cannot be called out, wh"),
        (MINE + "d: int = field(kw_only=True)", "give d a default"),
        (MINE + "noise: int = setting(1, '')", "noise is a setting of two of"),
        (MINE + "steps: int = setting(1, '')", "steps is a setting of two of"),
    ],
)  # fmt: skip
def test_a_broken_method_is_told_and_does_no_harm(code, words, installed, capsys):
    name = f"broken_{next(NUMBERS)}"
    begin = "import dataclasses\nfrom dataclasses import field\nfrom cosine_gratings import *\n"
    frozen = "frozen = dataclasses.dataclass(frozen=True)\n"
    installed(name, f"{begin}{frozen}{code}\n", methods={"mine": "Mine"})
    err = fails(capsys, f"train mine --tasks gratings {SHORT}")
    assert words.replace("{}", name) in err
    with pytest.raises(SystemExit) as ended:  # another method is not touched
        main(["train", "cosine", "--tasks", "gratings", "--help"])
    assert ended.value.code == 0 and "--features" in capsys.readouterr().out


def test_broken_tasks_and_recipes_are_told(installed, capsys):
    code = "from cosine_gratings import *\nclass Bare(ClassTasks): name = 'bare'\n"
    installed(
        "broken_things",
        code,
        tasks={"bare": "Bare", "made": "COSINE_GRATINGS", "method": "Cosine"},
        recipes={"class": "Cosine", "other": "COSINE_GRATINGS"},
    )
    for command, words in {
        "train cosine --tasks bare": "Bare does not define classes, item_shape, source, items",
        "train cosine --tasks made": "expected a class of Tasks, came an object of Recipe",
        "train cosine --tasks method": "expected a class of Tasks, came the class Cosine",
        "train class": "expected a Recipe, came the class Cosine",
        "export other": "it is named 'cosine-gratings'; give its entry point that name",
    }.items():
        assert words in fails(capsys, command)


def test_a_name_of_ours_cannot_be_taken(installed, capsys):
    installed(
        "greedy",
        "from cosine_gratings import *",
        methods={"maml": "Cosine"},
        tasks={"omniglot": "GratingTasks"},
        recipes={"maml-sinusoid": "COSINE_GRATINGS"},
    )
    for command, what in {
        "train maml --tasks gratings": "The method 'maml'",
        "train cosine --tasks omniglot": "The tasks 'omniglot'",
        "evaluate maml-sinusoid": "The recipe 'maml-sinusoid'",
    }.items():
        err = fails(capsys, command)
        assert what in err and "registered by greedy and by tfmeta; a plug-in must not take a name" in err
    assert RECIPES["cosine-gratings"].method.name == "cosine"


def test_what_does_not_fit_is_told(installed, capsys):
    installed("nothing")
    for command, words in {
        "train cosine --tasks sinusoid": "cosine learns from ClassTasks, but sinusoid are SinusoidTasks",
        "train rl2 --tasks gratings": "rl2 learns from EnvironmentTasks, but gratings are GratingTasks",
        "train cosine-gratings --set featurs=3": "no setting 'featurs'. Did you mean features?",
        "train cosine-gratings --featurs 3": "unrecognized arguments: --featurs 3. Did you mean --features?",
        "train cosine-gratings --features 0": "features=0: expected at least 1",
        "train cosine-gratings --tasks gratings": "a recipe with tasks of its own; leave --tasks out",
        "train cosine-gratings --ways 13": "ways=13, but there are only 12 classes",
        "train cosine": "cosine is a method; say what it learns from: --tasks DIR",
    }.items():
        assert words in fails(capsys, command)
