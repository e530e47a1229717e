"""Face alignment beside what a user would pick instead, on the same faces and boxes, in one run.

    python benchmarks/descent.py --run runs/sdm-faces --model sdm_faces

measures on the test faces of the run, with the boxes that `tfmeta evaluate` draws:

* ours, by the learner of the run, and as the model is served: in this process and over gRPC, at batches of 1 and of 32;
* a ridge regression in one step, which is the first stage of ours, and the mean shape alone;
* with `--descriptors`, ours once more with each descriptor, trained here with `--initialisations` of each face;
* dlib's ensemble of regression trees, trained here on the same training faces (`pip install dlib-bin`);
* menpofit's supervised descent, trained here on a part of them (`pip install menpofit`).

What is not installed is passed over. Training dlib takes some minutes, and menpofit some more; `--train-faces` bounds
the faces that menpofit learns from, which keeps all of them in memory several times.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.hub import load
from tfmeta.data.faces import Faces
from tfmeta.descent.alignment_errors import face_errors
from tfmeta.descent.alignment_examples import jittered
from tfmeta.descent.method import TEST_SEED, boxes_of_test
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.run import Run

REPEATS = 60


def errors_of(found: np.ndarray, faces: Faces, units: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found - faces.landmarks, axis=-1).mean(axis=1) / units


def shown(name: str, errors: np.ndarray, seconds: str, note: str = "") -> None:
    half = 1.96 * errors.std(ddof=1) / np.sqrt(len(errors))
    print(
        f"| {name} | {100 * errors.mean():.2f} ± {100 * half:.2f} | {100 * np.median(errors):.2f}"
        f" | {100 * (errors > 0.08).mean():.1f} | {seconds} | {note} |",
        flush=True,
    )


def median_ms(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    for _ in range(5):
        call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))


def by_dlib(
    train: Faces, test: Faces, boxes: np.ndarray, jitter: dict[str, float], threads: int
) -> tuple[np.ndarray, float, float]:
    """Trains dlib's shape predictor; returns its landmarks, the seconds of the training, and ms a face."""
    import dlib

    def rectangle(box: np.ndarray) -> Any:
        left, top, width, height = box
        return dlib.rectangle(round(left), round(top), round(left + width), round(top + height))

    random = np.random.default_rng(0)
    images, marked = [], []
    for index, image in enumerate(train.images):
        points = dlib.points([dlib.point(round(x), round(y)) for x, y in train.landmarks[index]])
        some = [
            dlib.full_object_detection(rectangle(jittered(train.boxes[index], random, **jitter)), points)
            for _ in range(10)
        ]
        images.append(image)
        marked.append(some)
    options = dlib.shape_predictor_training_options()
    options.tree_depth, options.nu, options.cascade_depth = 4, 0.1, 12
    options.oversampling_amount, options.num_threads, options.be_verbose = 2, threads, False
    began = time.perf_counter()
    predictor = dlib.train_shape_predictor(images, marked, options)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    shapes = [predictor(image, rectangle(box)) for image, box in zip(test.images, boxes, strict=True)]
    each = 1000 * (time.perf_counter() - began) / len(shapes)
    return (
        np.array([[(part.x, part.y) for part in shape.parts()] for shape in shapes], np.float32),
        seconds,
        each,
    )


def by_menpofit(train: Faces, test: Faces, boxes: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Trains menpofit's supervised descent on dense SIFT-like features; as `by_dlib`."""
    import scipy.integrate

    if not hasattr(scipy.integrate, "simps"):  # what menpofit 0.7 still calls it
        scipy.integrate.simps = scipy.integrate.simpson
    from menpo.feature import igo
    from menpo.image import Image
    from menpo.shape import PointCloud, bounding_box
    from menpofit.sdm import RegularizedSDM

    def image_of(faces: Faces, index: int) -> Any:
        image = Image(faces.images[index][None].astype(np.float64) / 255.0)
        image.landmarks["PTS"] = PointCloud(faces.landmarks[index][:, ::-1].astype(np.float64))
        return image

    def cloud_of(box: np.ndarray) -> Any:
        left, top, width, height = map(float, box)
        return bounding_box((top, left), (top + height, left + width))

    images = [image_of(train, index) for index in range(len(train))]
    began = time.perf_counter()
    fitter = RegularizedSDM(
        images, group="PTS", holistic_features=igo, diagonal=120, n_iterations=4, n_perturbations=10,
        patch_shape=(7, 7), alpha=100, verbose=False,  # larger ones end in the solver, for want of memory
    )  # fmt: skip
    seconds = time.perf_counter() - began
    asked = [image_of(test, index) for index in range(len(test))]
    began = time.perf_counter()
    found = [
        fitter.fit_from_bb(image, cloud_of(box)).final_shape.points[:, ::-1]
        for image, box in zip(asked, boxes, strict=True)
    ]
    return np.array(found, np.float32), seconds, 1000 * (time.perf_counter() - began) / len(found)


def by_descriptor(
    recipe: Recipe, name: str, initialisations: int, test: Faces, boxes: np.ndarray
) -> tuple[np.ndarray, float]:
    """Trains the recipe with a descriptor; returns the errors, and the seconds of the training."""
    recipe = recipe.configure(descriptor=name, initialisations=initialisations)
    method, tasks, training = recipe.method, recipe.tasks, recipe.training
    learner = method.learner(tasks, training)
    began = time.perf_counter()
    method.compile(learner, tasks, training)
    learner.fit(method.batches(tasks, training, "train"), steps_per_epoch=training.epoch_steps, verbose=0)
    seconds = time.perf_counter() - began
    return face_errors(learner, test, boxes, tasks.layout.units(test.landmarks)).final, seconds


def served(model: Any, faces: Faces, boxes: np.ndarray, size: int) -> Callable[[], Any]:
    image = np.stack(faces.images[:size])[..., None].astype(np.float32)
    return lambda: model.align(image=image, box=boxes[:size])


def latencies(name: str, faces: Faces, boxes: np.ndarray) -> dict[str, float]:
    """Milliseconds a face of the exported model, in this process and over gRPC, at batches of 1 and 32."""
    from tfmeta.serving.client import Client
    from tfmeta.serving.lifecycle.models import Models
    from tfmeta.serving.server import Server

    model = load(name)
    found = {
        f"in this process, {size} at once": median_ms(served(model, faces, boxes, size)) / size
        for size in (1, 32)
    }
    folder = model.path.parent
    models = Models(folder.parent, names=[folder.name])
    with Server(models) as server, Client(server.address) as client:
        for size in (1, 32):
            call = served(client.model(folder.name), faces, boxes, size)
            found[f"over gRPC, {size} at once"] = median_ms(call) / size
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=Path("runs/sdm-faces"))
    parser.add_argument("--model", default="sdm_faces")
    parser.add_argument("--train-faces", type=int, default=600, help="faces that menpofit learns from")
    parser.add_argument("--descriptors", nargs="*", default=[], choices=["sift", "hog", "patches"])
    parser.add_argument("--initialisations", type=int, default=3, help="of each face, for --descriptors")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    run = Run(args.run)
    recipe, learner = run.recipe(), run.learner()
    train, test = (recipe.tasks.faces(part) for part in ("train", "test"))
    boxes, units = boxes_of_test(test, recipe.training, TEST_SEED), recipe.tasks.layout.units(test.landmarks)
    jitter = {"shift": recipe.training.jitter_shift, "size": recipe.training.jitter_size}

    print("| method | error, % | median, % | failures, % | ms a face | note |")
    print("|---|---|---|---|---|---|")
    errors = face_errors(learner, test, boxes, units)
    shown("mean shape", errors.by_stage[0], "")
    shown("one ridge regression", errors.by_stage[1], "")
    own = latencies(args.model, test, boxes)
    one = own["in this process, 1 at once"]
    shown(
        "supervised descent, ours",
        errors.final,
        f"{one:.2f}",
        f"{run.training()}; all {len(train)} training faces",
    )
    for name in args.descriptors:
        found, seconds = by_descriptor(recipe, name, args.initialisations, test, boxes)
        note = f"trained with {args.initialisations} initialisations of each face in {seconds:.0f} s"
        shown(f"supervised descent, ours, {name}", found, "", note)
    some = train.of(np.linspace(0, len(train) - 1, min(args.train_faces, len(train))).astype(int))
    others: dict[str, tuple[Faces, Callable[[], tuple[np.ndarray, float, float]]]] = {
        "dlib": (train, lambda: by_dlib(train, test, boxes, jitter, args.threads)),
        "menpofit": (some, lambda: by_menpofit(some, test, boxes)),
    }
    for name, (faces, measure) in others.items():
        try:
            found, seconds, each = measure()
        except ImportError as error:
            print(f"{name} is passed over: {error}", file=sys.stderr)
            continue
        note = f"trained on {len(faces)} faces in {seconds:.0f} s; {each / one:.2f} times our time"
        shown(name, errors_of(found, test, units), f"{each:.2f}", note)
    print()
    for what, each in own.items():
        print(f"{what}: {each:.2f} ms a face")


if __name__ == "__main__":
    main()
