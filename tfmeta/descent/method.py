"""Supervised descent on faces: how it is trained, measured and served."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import estimate
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.core.method import Method
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.data.faces import Faces
from tfmeta.descent.aligner import LandmarkAligner
from tfmeta.descent.alignment_errors import FAILURE, AlignmentErrors, face_errors
from tfmeta.descent.alignment_examples import alignment_examples, crops_of, jittered, padded
from tfmeta.descent.landmark_tasks import LandmarkTasks
from tfmeta.descent.servable import alignment_servable
from tfmeta.descent.training import DescentTraining

__all__ = ["ERRORS_FILE", "SupervisedDescentMethod", "boxes_of_test"]

ERRORS_FILE = "errors.npz"
"""Where a run keeps the errors of its test, for curves."""

TEST_SEED, VALIDATION_SEED = 3_000_002, 3_000_001
_FOLDS = 8  # so many that a regressor without a fold is nearly as good as one of all faces
_ADAPTED_TO = 512  # faces that the mean shape and the components are learned from, at most


@dataclasses.dataclass(frozen=True)
class SupervisedDescentMethod(Method[LandmarkTasks, DescentTraining]):
    """A cascade of regressions on descriptors around landmarks.

    Example:
        >>> from tfmeta.descent.drawn_face_tasks import DrawnFaceTasks
        >>> method, tasks = SupervisedDescentMethod(), DrawnFaceTasks()
        >>> method.artefact(tasks, method.training(tasks))
        'sdm_drawn_faces'

    Reference:
        Xiong & De la Torre. "Supervised Descent Method and its Applications to Face Alignment." CVPR 2013.
    """

    name = "sdm"
    title = "Supervised Descent Method"
    paper = "Xiong & De la Torre, CVPR 2013"
    takes = LandmarkTasks
    learner_file = "learner.keras"
    test_tasks = 100_000  # all faces of the part
    of_a_step = "face"

    descriptor: str = setting("sift", "what is seen around a landmark", choices=("sift", "hog", "patches"))
    components: int = setting(32, "principal components of a descriptor that are kept; 0 for all", least=0)
    side: int = setting(112, "side of the square that a face is cut out as, in pixels", least=16)
    share: float = setting(0.55, "part of that side that the box of the landmarks has")
    first_cell: int = setting(5, "side of a descriptor's cells in the first stage, in pixels; odd", least=1)
    last_cell: int = setting(5, "side of a descriptor's cells in the last stage, in pixels; odd", least=1)
    starts: int = setting(
        3, "where a cascade begins in a test, 1 to 7; the median of the ends is the answer", least=1
    )
    spread: float = setting(0.05, "how far these lie apart, in parts of the box")

    def training(self, tasks: LandmarkTasks) -> DescentTraining:
        faces = len(tasks.faces("train"))
        batch_size = max(
            1, min(25, faces // (2 * _FOLDS))
        )  # two batches for each fold, if there are as many faces
        return DescentTraining(batch_size=batch_size, epoch_steps=-(-faces // batch_size))

    def summary(self, tasks: LandmarkTasks) -> str:
        return f"Finds the {tasks.landmarks} landmarks of {tasks.items}, given a box around each."

    def tested_as(self, tasks: LandmarkTasks, training: DescentTraining) -> str:
        moved = (
            f"boxes moved by up to {training.jitter_shift:.0%} and scaled by up to {training.jitter_size:.0%}"
        )
        return f"{tasks.name}, {moved}"

    def protocol(self, tasks: LandmarkTasks, training: DescentTraining) -> str:
        mirror = ", half of them in a mirror" if self._mirror(tasks, training) is not None else ""
        return (
            f"{counted(training.stages, 'stage')}, each learned from a pass over the training faces with"
            f" {training.initialisations} boxes and starts for each{mirror}; errors are the mean distance of a face's"
            f" landmarks, divided by its {tasks.layout.normalised_by}; a failure has more than {FAILURE}; of a test"
            " face one box is drawn; no person of the test is seen in training"
        )

    def check(self, tasks: LandmarkTasks, training: DescentTraining) -> None:
        for name in ("first_cell", "last_cell"):
            if getattr(self, name) % 2 == 0:
                raise TfmetaError(f"{name}={getattr(self, name)}: expected an odd number of pixels.")
        if not 0 < self.share <= 1:
            raise TfmetaError(f"share={self.share}: expected more than 0, and at most 1.")

    # What it learns

    def learner(self, tasks: LandmarkTasks, training: DescentTraining) -> LandmarkAligner:
        return LandmarkAligner(
            tasks.landmarks,
            training.stages,
            self.descriptor,  # type: ignore[arg-type]
            self.components,
            self.side,
            self.share,
            (self.first_cell, self.last_cell),
            self.starts,
            self.spread,
            folds=max(2, min(_FOLDS, training.epoch_steps)),
        )

    def compile(self, learner: LandmarkAligner, tasks: LandmarkTasks, training: DescentTraining) -> None:
        learner.compile()
        faces = tasks.faces("train")
        chosen = faces.of(np.linspace(0, len(faces) - 1, min(len(faces), _ADAPTED_TO)).astype(int))
        images, sizes = padded(chosen.images)
        boxes = chosen.boxes[:, None]
        learner.adapt(*crops_of(images, sizes, tf.constant(chosen.landmarks), boxes, self.side, self.share))

    def batches(
        self, tasks: LandmarkTasks, training: DescentTraining, part: Part, start: int = 0
    ) -> tf.data.Dataset:
        return alignment_examples(
            tasks.faces(part),
            side=self.side,
            share=self.share,
            batch_size=training.batch_size,
            initialisations=training.initialisations,
            shift=training.jitter_shift,
            size=training.jitter_size,
            seed=training.seed if part == "train" else VALIDATION_SEED,
            start=start,
            pass_batches=training.epoch_steps if part == "train" else None,
            mirror=self._mirror(tasks, training),
        )

    def _mirror(self, tasks: LandmarkTasks, training: DescentTraining) -> np.ndarray | None:
        return tasks.layout.mirrored if training.mirror else None

    def done(self, learner: LandmarkAligner) -> int:
        return learner.batches

    def fit_options(self, tasks: LandmarkTasks, training: DescentTraining, folder: Path) -> dict[str, Any]:
        faces = tasks.faces("validation")
        steps = -(-len(faces) // training.batch_size)
        return {
            "validation_data": self.batches(tasks, training, "validation"),
            "validation_steps": steps,
            "callbacks": [_Calibrated(faces, boxes_of_test(faces, training, VALIDATION_SEED))],
        }

    # How it is measured and served

    def measure(
        self,
        learner: LandmarkAligner,
        tasks: LandmarkTasks,
        training: DescentTraining,
        part: Part,
        *,
        count: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        """Measures all faces of a part, and keeps the errors of the test in the folder; see `ERRORS_FILE`."""
        faces = _first(tasks.faces(part), count)
        boxes = boxes_of_test(faces, training, TEST_SEED if part == "test" else VALIDATION_SEED)
        errors = face_errors(learner, faces, boxes, tasks.layout.units(faces.landmarks))
        if part == "test":
            np.savez_compressed(folder / ERRORS_FILE, **dataclasses.asdict(errors))
        return self._results(errors, tasks, training)

    def measure_model(
        self,
        model: LoadedModel,
        tasks: LandmarkTasks,
        training: DescentTraining,
        *,
        count: int,
        verbose: int | str,
    ) -> list[Result]:
        """Measures an artefact on the faces and boxes of the test, as it is served: without its stages."""
        faces = _first(tasks.faces("test"), count)
        boxes = boxes_of_test(faces, training, TEST_SEED)
        units = tasks.layout.units(faces.landmarks)
        final = []
        for number, image in enumerate(faces.images):
            found = model.align(
                image=image[None, :, :, None].astype(np.float32), box=boxes[number : number + 1]
            )
            distance = np.linalg.norm(found["landmarks"][0] - faces.landmarks[number], axis=-1)
            final.append(distance.mean() / units[number])
        return [_row("error", np.array(final), self.tested_as(tasks, training))]

    def _results(
        self, errors: AlignmentErrors, tasks: LandmarkTasks, training: DescentTraining
    ) -> list[Result]:
        tested = self.tested_as(tasks, training)
        names = ["the mean shape alone", "one regression"]
        names += [f"after {stage} stages" for stage in range(2, len(errors.by_stage))]
        return [
            _row("error", errors.final, tested),
            _row("failure rate", errors.failures, tested),
            *(
                _row("error", row, f"{tested}, {name}")
                for name, row in zip(names, errors.by_stage, strict=False)
            ),
        ]

    def servable(
        self, learner: LandmarkAligner, tasks: LandmarkTasks, training: DescentTraining, card: Card
    ) -> Servable:
        return alignment_servable(learner, self.artefact(tasks, training), card=card)


def boxes_of_test(faces: Faces, training: DescentTraining, seed: int) -> np.ndarray:
    """Returns the box that each face is found by in a test, ``[N, 4]``: the right one, moved and scaled."""
    random = np.random.default_rng(seed)
    return jittered(faces.boxes, random, shift=training.jitter_shift, size=training.jitter_size)


class _Calibrated(keras.callbacks.Callback):
    """Calibrates the confidence on faces of validation when all stages have been learned."""

    def __init__(self, faces: Faces, boxes: np.ndarray):
        super().__init__()
        self._faces, self._boxes = faces, boxes

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        images, sizes = padded(self._faces.images)
        boxes = tf.constant(self._boxes)
        ends = self.model.ends(tf.cast(images, tf.float32) / 255.0, boxes, tf.constant(sizes))[-1]
        self.model.calibrate(ends, boxes, tf.constant(self._faces.landmarks))


def _first(faces: Faces, count: int) -> Faces:
    return faces if count >= len(faces) else faces.of(np.arange(count))


def _row(metric: str, values: np.ndarray, tested: str) -> Result:
    found = estimate(values)
    return Result(metric, found.mean, found.ci95, found.tasks, tested)
