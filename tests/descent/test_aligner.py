"""Face alignment: it learns, its confidence means something, and it is served."""

import functools
import io
import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfmeta.cli import main
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact
from tfmeta.core.hub import load
from tfmeta.core.model.landmarks import find_landmarks
from tfmeta.data.drawn_faces import drawn_faces
from tfmeta.data.face_pictures import detect_faces
from tfmeta.data.faces import Faces
from tfmeta.data.landmark_layout import LandmarkLayout
from tfmeta.descent.aligner import LandmarkAligner
from tfmeta.descent.alignment_errors import cumulative, face_errors
from tfmeta.descent.alignment_examples import alignment_examples, crops_of, jittered, padded
from tfmeta.descent.crops import frames_of
from tfmeta.descent.servable import alignment_servable

SIDE, SHARE = 64, 0.55
STILL = {"shift": 0.0, "size": 0.0}
JITTER = {"shift": 0.1, "size": 0.1}
OPTIONS = {"side": SIDE, "share": SHARE, "batch_size": 20, "initialisations": 3, "seed": 0, **JITTER}


@pytest.fixture(scope="module")
def faces():
    return drawn_faces(160, start=0)


@pytest.fixture(scope="module")
def others():
    return drawn_faces(40, start=10_000)


@pytest.fixture(scope="module")
def boxes(others):
    return jittered(others.boxes, np.random.default_rng(5), **JITTER)


@pytest.fixture(scope="module")
def aligner(faces, others, boxes):
    aligner = LandmarkAligner(
        68,
        stages=3,
        components=12,
        side=SIDE,
        share=SHARE,
        cells=(5, 3),
        starts=5,
        strengths=(0.1, 1.0, 10.0),
    )
    aligner.compile()
    images, sizes = padded(faces.images)
    aligner.adapt(*crops_of(images, sizes, faces.landmarks, faces.boxes[:, None], SIDE, SHARE))
    examples = alignment_examples(faces, mirror=LandmarkLayout(68).mirrored, **OPTIONS)
    aligner.fit(examples, steps_per_epoch=8, verbose=0)
    images, _ = padded(others.images)
    ends = aligner.ends(images / np.float32(255), tf.constant(boxes))[-1]
    aligner.calibrate(ends, tf.constant(boxes), tf.constant(others.landmarks))
    return aligner


@pytest.fixture(scope="module")
def model(aligner, tmp_path_factory):
    servable = alignment_servable(aligner, "sdm_tiny", card=Card("Finds landmarks."))
    return load(export(servable, tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def errors(aligner, others, boxes):
    return face_errors(aligner, others, boxes, LandmarkLayout(68).units(others.landmarks))


def test_errors_fall_from_stage_to_stage_on_faces_that_were_not_seen(errors):
    means = errors.by_stage.mean(axis=1)
    assert (np.diff(means) < 0).all() and means[-1] < 0.35 * means[0]
    assert errors.final.mean() <= 1.02 * means[-1]  # the median over starts is no worse than one start
    assert errors.by_landmark.shape == errors.confidence.shape == (40, 68)


def test_landmarks_that_are_sure_are_better(errors):
    assert ((errors.confidence > 0) & (errors.confidence < 1)).all()
    sure = errors.confidence > np.median(errors.confidence)
    assert errors.by_landmark[sure].mean() < 0.8 * errors.by_landmark[~sure].mean()


def test_confidence_is_a_share_of_landmarks(aligner, others, boxes):
    """On the faces of the calibration its mean is the share of landmarks that are right."""
    images, _ = padded(others.images)
    found, sure = aligner.align(images / np.float32(255), tf.constant(boxes))
    distance = np.linalg.norm(found - others.landmarks, axis=-1) / boxes[:, 2:].max(axis=1)[:, None]
    assert float(tf.reduce_mean(sure)) == pytest.approx((distance <= 0.025).mean(), abs=0.03)


def test_it_comes_back_from_a_file(aligner, others, boxes, tmp_path):
    aligner.save(tmp_path / "aligner.keras")
    copy = keras.saving.load_model(tmp_path / "aligner.keras")
    images = padded(others.images[:2])[0] / np.float32(255)
    for one, other in zip(
        *(each.align(images, tf.constant(boxes[:2])) for each in (aligner, copy)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_an_image_may_be_larger_and_the_face_anywhere(aligner, others, boxes):
    image, box = others.images[0], boxes[0]
    large = np.asarray(Image.fromarray(image).resize((288, 288), Image.Resampling.BICUBIC))
    moved = np.pad(large, ((40, 0), (0, 70)), mode="edge")
    scale = lambda points: (points + 0.5) * 3 - 0.5 + np.array([0, 40])  # noqa: E731
    own = np.concatenate([scale(box[:2]), 3 * box[2:]]).astype(np.float32)
    one = aligner.align(image[None] / np.float32(255), box[None])[0][0].numpy()
    other = aligner.align(moved[None] / np.float32(255), own[None])[0][0].numpy()
    assert np.abs(other - scale(one)).max() / own[2] < 0.02


def test_a_step_leads_where_it_was_measured(aligner):
    random = np.random.default_rng(0)
    points, optimum = random.uniform(10, 50, [2, 4, 3, 136]).astype(np.float32)
    steps = aligner.remaining(tf.constant(points), tf.constant(optimum))
    np.testing.assert_allclose(aligner.moved(tf.constant(points), steps), optimum, atol=1e-3)


def test_an_outlier_among_the_ends_does_not_move_the_answer(aligner):
    ends = np.tile(np.random.default_rng(0).uniform(10, 50, [1, 1, 68, 2]).astype(np.float32), [1, 5, 1, 1])
    box = tf.constant([[10.0, 10.0, 40.0, 40.0]])
    landmarks, sure = aligner.answer(tf.constant(ends), box)
    np.testing.assert_allclose(landmarks, ends[:, 0], rtol=1e-6)
    ends[0, 3] += 30.0
    moved, less_sure = aligner.answer(tf.constant(ends), box)
    np.testing.assert_allclose(moved, landmarks)
    assert (less_sure.numpy() < sure.numpy()).all()


# Examples


ten_faces = functools.cache(lambda: drawn_faces(10, start=0))


def take(count, **changes):
    examples = alignment_examples(ten_faces(), **{**OPTIONS, "batch_size": 4, **changes})
    return list(examples.take(count).as_numpy_iterator())


def test_a_batch_is_a_function_of_the_seed_and_its_number():
    for (inputs, target), (same, same_target) in zip(take(3)[1:], take(2, start=1), strict=True):
        np.testing.assert_array_equal(inputs["instance"], same["instance"])
        np.testing.assert_array_equal(inputs["moves"], same["moves"])
        np.testing.assert_array_equal(target, same_target)
    assert not np.array_equal(take(1)[0][1], take(1, seed=1)[0][1])


def test_a_pass_sees_all_faces_and_the_next_one_other_boxes():
    rows = [len(target) for _, target in take(6)]
    assert rows == [12, 12, 6] * 2
    first, second = take(1)[0][1], take(1, start=3)[0][1]
    assert first.shape == second.shape and not np.array_equal(first, second)


@pytest.mark.parametrize("length", [2, 5])
def test_passes_of_any_length_have_the_same_faces_in_the_same_batches(length):
    """A face would be in another fold of the next stage else, and so have been learned from."""
    batches = take(2 * length, pass_batches=length, shift=0.0, size=0.0)
    assert len(batches[0][1]) == 12
    for (first, target), (second, other) in zip(batches[:length], batches[length:], strict=True):
        np.testing.assert_array_equal(first["instance"], second["instance"])
        np.testing.assert_array_equal(target, other)


@pytest.mark.parametrize("counts", [[1, 3, 2, 4, 3], [3, 3, 1, 1, 3, 3], [2, 9, 2]])
def test_a_person_is_in_one_batch(counts):
    """Else a person is in two folds, and later stages learn from errors that are too small."""
    people = np.repeat(np.arange(len(counts)), counts)
    plain = drawn_faces(len(people), start=0)
    faces = Faces(plain.images, plain.landmarks, people)
    batches = -(-len(people) // 4)
    examples = alignment_examples(faces, **{**OPTIONS, "batch_size": 4, "initialisations": 1, **STILL})
    seen = [
        [number_of(shape, plain) for shape in target]
        for _, target in examples.take(batches).as_numpy_iterator()
    ]
    assert sorted(itertools.chain(*seen)) == list(range(len(people))) and all(seen)
    for person, count in enumerate(counts):
        within = sum(any(people[face] == person for face in batch) for batch in seen)
        assert within == 1 or count >= 4 or person == len(counts) - 1


def number_of(target, faces):
    frames = frames_of(tf.constant(faces.boxes[:, None]), SIDE, SHARE)
    shapes = frames.into(tf.constant(faces.landmarks)[:, None])[:, 0]
    return int(np.abs(target.reshape(-1, 2) - shapes).max((1, 2)).argmin())


def test_the_mirror_shows_the_other_side():
    plain, mirrored = take(1)[0], take(1, mirror=LandmarkLayout(68).mirrored)[0]
    np.testing.assert_array_equal(mirrored[0]["instance"][1], plain[0]["instance"][1][:, ::-1])
    one, other = (target.reshape(-1, 68, 2) for target in (plain[1], mirrored[1]))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_allclose(other[1, 36], [SIDE - 1 - one[1, 45, 0], one[1, 45, 1]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(other[1, 48], [SIDE - 1 - one[1, 54, 0], one[1, 54, 1]], rtol=1e-5, atol=1e-6)


def test_jitter_is_as_large_as_it_is_said():
    boxes = np.tile(np.float32([10, 20, 40, 60]), (2000, 1))
    moved = jittered(boxes, np.random.default_rng(0), shift=0.1, size=0.2)
    middle = moved[:, :2] + moved[:, 2:] / 2 - [30, 50]
    assert np.abs(middle / [40, 60]).max() == pytest.approx(0.1, abs=0.001)
    assert np.abs(moved[:, 2:] / [40, 60] - 1).max() == pytest.approx(0.2, abs=0.001)


def test_the_cumulative_curve_counts_faces():
    assert cumulative(np.array([0.1, 0.3]), np.array([0.0, 0.1, 0.2, 0.5])).tolist() == [0, 0.5, 0.5, 1]


# Served


def test_it_passes_the_gate(model, in_a_hurry):
    report = check_artefact(model.path)
    assert report.ok, str(report)


def test_served_answers_are_those_of_the_aligner(aligner, model, others, boxes):
    images = padded(others.images[:3])[0]
    found = model.align(image=images[..., None].astype(np.float32), box=boxes[:3])
    landmarks, confidence = aligner.align(images / np.float32(255), boxes[:3])
    np.testing.assert_allclose(found["landmarks"], landmarks, atol=1e-3)
    np.testing.assert_allclose(found["confidence"], confidence, atol=1e-3)


def test_the_range_of_the_pixels_does_not_matter(model, others, boxes):
    image = others.images[0][None, ..., None].astype(np.float32)
    one, other = (model.align(image=image / top, box=boxes[:1])["landmarks"] for top in (1.0, 255.0))
    np.testing.assert_allclose(one, other, atol=0.01)


def file_of(image, kind="PNG", **options):
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind, **options)
    return content.getvalue()


def test_a_file_is_answered_as_its_pixels(model, others, boxes):
    images = others.images[:2]
    arrays = model.align(image=np.stack(images)[..., None].astype(np.float32), box=boxes[:2])
    files = model.align_png(image_png=[file_of(image) for image in images], box=boxes[:2])
    np.testing.assert_allclose(files["landmarks"], arrays["landmarks"], atol=1e-3)


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_a_file_is_turned_as_its_tag_says(model, others, boxes, turn):
    image = others.images[0]
    stored = np.rot90(image, {3: 2, 6: 1, 8: -1}[turn])  # what a camera writes that was held so
    tags = Image.Exif()
    tags[0x0112] = turn
    upright, turned = (
        find_landmarks(model, content, boxes[0]).points
        for content in (file_of(image), file_of(stored, exif=tags))
    )
    np.testing.assert_allclose(turned, upright, atol=1e-3)


def test_one_call_takes_paths_bytes_and_pixels(model, others, boxes, tmp_path):
    image = others.images[0]
    (tmp_path / "face.png").write_bytes(file_of(image))
    found = [
        find_landmarks(model, each, boxes[0])
        for each in (tmp_path / "face.png", str(tmp_path / "face.png"), file_of(image), image)
    ]
    for each in found[1:]:
        np.testing.assert_allclose(each.points, found[0].points, atol=1e-3)
    assert found[0].points.shape == (68, 2) and found[0].confidence.shape == (68,)


IMAGE, BOX = np.full([1, 40, 40, 1], 100.0, np.float32), np.float32([[5, 5, 20, 20]])
BAD = {
    "a box to the right of the image": (
        {"box": np.float32([[55, 5, 20, 20]])},
        "1 boxes outside of their images, the first at .0.;",
    ),
    "a box above the image": ({"box": BOX - [[0, 60, 0, 0]]}, "boxes outside of their images"),
    "a box without width": ({"box": BOX * [[1, 1, 0, 1]]}, "less than a pixel wide or high"),
    "a negative height": ({"box": BOX * [[1, 1, 1, -1]]}, "less than a pixel wide or high"),
    "a box of three numbers": ({"box": BOX[:, :3]}, r"box"),
    "NaN in the box": ({"box": BOX * np.nan}, "box holds 4 numbers that are NaN"),
    "NaN in the image": ({"image": IMAGE * np.nan}, "image holds 1600 numbers that are NaN"),
    "an empty image": (
        {"image": IMAGE[:, :0]},
        "An image is 0 to 40 pixels high or wide; expected 2 to 4096",
    ),
    "an image of one pixel": ({"image": IMAGE[:, :1, :1]}, "An image is 1 to 1 pixels high or wide"),
    "colours": ({"image": np.repeat(IMAGE, 3, axis=3)}, "image"),
    "two images for one box": ({"image": np.repeat(IMAGE, 2, axis=0)}, "image"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_refused_with_words(model, case):
    changes, message = BAD[case]
    with pytest.raises(TfmetaError, match=message):
        model.align(**{"image": IMAGE, "box": BOX, **{k: v.astype(np.float32) for k, v in changes.items()}})


BAD_CALLS = {
    "no such file": (
        lambda model: find_landmarks(model, "nowhere.png", BOX[0]),
        "nowhere.png cannot be read: No such",
    ),
    "no image": (lambda model: find_landmarks(model, b"text", BOX[0]), "no PNG or JPEG image"),
    "three numbers": (
        lambda model: find_landmarks(model, IMAGE[0], BOX[0, :3]),
        "box has the shape .3.; expected left",
    ),
    "colours": (
        lambda model: find_landmarks(model, np.zeros([9, 9, 3]), BOX[0]),
        "shape .9, 9, 3.; expected grey",
    ),
    "a file of one pixel": (
        lambda model: find_landmarks(model, file_of(np.zeros([1, 1], np.uint8)), BOX[0]),
        "An image is 1 to 1 pixels",
    ),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_bad_call_says_what_is_expected(model, case):
    act, message = BAD_CALLS[case]
    with pytest.raises(TfmetaError, match=message):
        act(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"landmarks": 0}, "landmarks=0; expected at least 1"),
        ({"share": 0.0}, "share=0.0; expected more than 0"),
        ({"starts": 9}, "starts=9; expected 1 to 7"),
        ({"descriptor": "surf"}, "descriptor='surf'; expected sift, hog or patches"),
        ({"cells": (6, 3)}, "cell=6; expected an odd number"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        LandmarkAligner(**{"landmarks": 5, **options})


# The command line


@pytest.fixture
def photograph(others, tmp_path):
    Image.fromarray(others.images[0]).resize((192, 192)).convert("RGB").save(
        tmp_path / "photo.jpg", quality=95
    )
    return tmp_path / "photo.jpg"


def test_the_command_line_draws_and_prints_landmarks(model, others, boxes, photograph, capsys):
    box = ",".join(str(2 * number) for number in boxes[0])
    assert main(["align", str(photograph), "--box", box, "--model", str(model.path)]) == 0
    out = capsys.readouterr().out
    drawn = photograph.with_name("photo-landmarks.png")
    assert "68 landmarks, mean confidence 0." in out and str(drawn) in out
    before, after = (np.asarray(Image.open(file).convert("RGB")).astype(int) for file in (photograph, drawn))
    changed = (np.abs(before - after).max(axis=2) > 60).mean()
    assert after.shape == (192, 192, 3) and 0.01 < changed < 0.3

    out_file = photograph.with_name("other.png")
    arguments = ["--box", box, "--model", str(model.path), "--json", "--out", str(out_file)]
    assert main(["align", str(photograph), *arguments]) == 0
    (face,) = json.loads(capsys.readouterr().out)
    right = 2 * (others.landmarks[0] + 0.5) - 0.5
    error = np.linalg.norm(np.array(face["landmarks"]) - right, axis=1).mean()
    assert error < 0.1 * 2 * boxes[0, 2] and len(face["confidence"]) == 68 and out_file.is_file()


MISTAKES = {
    "no box": ([], "one of the arguments --box --detect is required"),
    "three numbers": (["--box", "1,2,3"], "'1,2,3': expected left, top, width and height in pixels"),
    "no width": (["--box", "1,2,0,3"], "expected left, top, width and height in pixels"),
    "a box outside": (["--box", "500,500,20,20"], "boxes outside of their images"),
    "no such model": (["--box", "1,2,30,30", "--model", "nowhere"], "nowhere"),
    "a folder that is not there": (["--box", "10,10,90,90", "--out", "/nowhere/x.png"], "/nowhere"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_on_the_command_line_is_told_in_one_line(model, photograph, capsys, case):
    arguments, message = MISTAKES[case]
    asked = arguments if "--model" in arguments else [*arguments, "--model", str(model.path)]
    try:
        code = main(["align", str(photograph), *asked])
    except SystemExit as ended:
        code = ended.code
    err = capsys.readouterr().err
    assert code == 2 and message in err and "Traceback" not in err
    assert not photograph.with_name("photo-landmarks.png").exists()


def test_a_photograph_without_a_face_is_told(model, tmp_path, capsys):
    pytest.importorskip("cv2")
    Image.new("L", (200, 200), 128).save(tmp_path / "wall.png")
    assert main(["align", str(tmp_path / "wall.png"), "--detect", "--model", str(model.path)]) == 2
    assert "OpenCV finds no face in" in capsys.readouterr().err


def test_a_face_is_detected_about_where_its_landmarks_are():
    """On a photograph that Matplotlib ships; the eyes and the chin were read off it."""
    pytest.importorskip("cv2")
    from matplotlib import cbook

    with cbook.get_sample_data("grace_hopper.jpg") as opened:
        boxes = detect_faces(Image.open(opened).convert("RGB"))
    left, top, width, height = boxes[0]
    assert left < 220 < 300 < left + width and top < 170 < 260 < top + height
    assert 90 < width < 220
