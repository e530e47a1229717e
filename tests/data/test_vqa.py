import json

import keras
import numpy as np
import pytest
from PIL import Image

from tfmeta.core.checks import TfmetaError
from tfmeta.data.vqa import (
    VqaQuestion,
    answer_vocabulary,
    consensus_accuracy,
    load_vqa,
    plain_answer,
    vqa_batches,
)
from tfmeta.data.vqa_features import FeatureFile, find_images, image_features

# image, question, what ten people said
ASKED = [
    (9, "What color is the cup?", ["red"] * 7 + ["Dark red."] * 3),
    (9, "How many cups are there?", ["two"] * 5 + ["2"] * 4 + ["3"]),
    (25, "Is there a giraffe?", ["yes"] * 10),
    (30, "What is on the table?", ["a vase", "vase", "flowers", "flower"] * 2 + ["vase", "no idea"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files as visualqa.org offers them, of four questions about three images."""
    place = tmp_path_factory.mktemp("vqa")
    common = {
        "info": {"version": "2.0"},
        "license": {"name": "a licence"},
        "data_type": "mscoco",
        "data_subtype": "train2014",
    }
    questions, annotations = [], []
    for number, (image, question, said) in enumerate(ASKED):
        ids = {"image_id": image, "question_id": image * 1000 + number}
        questions.append({**ids, "question": question})
        answers = [
            {"answer": answer, "answer_confidence": "yes", "answer_id": person}
            for person, answer in enumerate(said, 1)
        ]
        annotations.append(
            {
                **ids,
                "question_type": "what",
                "answer_type": "other",
                "multiple_choice_answer": said[0],
                "answers": answers,
            }
        )
    (place / "questions.json").write_text(
        json.dumps({**common, "task_type": "Open-Ended", "questions": questions}), encoding="utf-8"
    )
    (place / "annotations.json").write_text(
        json.dumps({**common, "annotations": annotations}), encoding="utf-8"
    )
    (place / "images").mkdir()
    for image in (9, 25, 30):
        shade = Image.new("RGB", (40, 30), (image, 2 * image, 255))
        shade.save(place / "images" / f"COCO_train2014_{image:012d}.png")
    return place


@pytest.fixture(scope="module")
def questions(folder):
    return load_vqa(folder / "questions.json", folder / "annotations.json")


@pytest.fixture(scope="module")
def network():
    """A stand-in for an application: the mean colour of each of 2 x 2 quarters."""
    image = keras.Input([16, 16, 3])
    return keras.Model(image, keras.layers.AveragePooling2D(8)(image))


def test_questions_have_their_answers(questions):
    assert [question.question for question in questions] == [asked for _, asked, _ in ASKED]
    assert questions[0].question_id == 9000 and questions[3].image_id == 30
    assert questions[1].answers == ("2",) * 9 + ("3",)
    assert [question.answer for question in questions] == ["red", "2", "yes", "vase"]


def test_a_test_split_has_no_answers(folder):
    assert load_vqa(folder / "questions.json")[0].answers == ()
    assert load_vqa(folder / "questions.json")[0].answer == ""


def test_the_vocabulary_holds_the_most_frequent(questions):
    again = [VqaQuestion(number, 1, "?", ("yes",) * 10) for number in range(3)]
    assert answer_vocabulary(questions + again, 2) == ("yes", "2")
    assert answer_vocabulary(questions) == ("2", "red", "vase", "yes")


@pytest.mark.parametrize(
    ("answer", "accuracy"), [("red", 1.0), ("Red!", 1.0), ("dark red", 1.0), ("blue", 0.0)]
)
def test_three_people_make_an_answer_right(questions, answer, accuracy):
    assert consensus_accuracy(answer, questions[0].answers) == accuracy


def test_fewer_make_it_right_in_part(questions):
    assert consensus_accuracy("flower", questions[3].answers) == pytest.approx(2 / 3)
    assert consensus_accuracy("3", questions[1].answers) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ("The  Cat", "cat"),
        ("2,", "2"),
        ("1.5", "1.5"),
        ("don't know.", "don't know"),
        ("ten", "10"),
        ("", ""),
    ],
)
def test_answers_are_compared_plain(answer, plain):
    assert plain_answer(answer) == plain


def test_features_are_computed_once_and_kept(folder, network, tmp_path):
    images = find_images(folder / "images", [25, 9, 30])
    cache = tmp_path / "kept" / "tiny.npy"
    features = image_features(images, network, cache, preprocess=lambda pixels: pixels / 255, size=2)
    assert list(features) == [9, 25, 30] and features.shape == (4, 3)
    np.testing.assert_allclose(features[25], np.tile([25 / 255, 50 / 255, 1], [4, 1]), atol=1e-3)
    for file in images.values():
        assert file.is_file()
    written = cache.stat().st_mtime_ns
    again = image_features({9: folder / "gone.png"}, network, cache)  # read, not computed
    np.testing.assert_array_equal(again[9], features[9])
    assert cache.stat().st_mtime_ns == written
    assert [path.name for path in cache.parent.iterdir()] == ["tiny.npy"]


def test_a_file_that_is_not_completed_does_not_appear(folder, network, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    images = {**find_images(folder / "images", [9]), 99: tmp_path / "broken.png"}
    with pytest.raises(TfmetaError, match=r"broken.png cannot be read as an image"):
        image_features(images, network, tmp_path / "tiny.npy", size=1)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.png"]


def test_features_of_something_else_are_refused(folder, network, tmp_path):
    cache = tmp_path / "tiny.npy"
    image_features(find_images(folder / "images", [9]), network, cache)
    with pytest.raises(TfmetaError, match=r"lacks 2 of 3 images"):
        image_features(find_images(folder / "images", [9, 25, 30]), network, cache)
    image = keras.Input([16, 16, 3])
    other = keras.Model(image, keras.layers.AveragePooling2D(4)(image))
    with pytest.raises(TfmetaError, match=r"holds features \[4, 3\].*expected features \[16, 3\]"):
        image_features(find_images(folder / "images", [9]), other, cache)
    np.save(cache, np.zeros(3))
    with pytest.raises(TfmetaError, match="holds no features of images"):
        FeatureFile(cache)
    flat = keras.Model(image, keras.layers.Flatten()(image))
    with pytest.raises(ValueError, match=r"expected images \[B, H, W, 3\] of a fixed size to a grid"):
        image_features({}, flat, cache)


def test_batches_go_to_a_module_network(questions, folder, network, tmp_path):
    features = image_features(find_images(folder / "images", [9, 25, 30]), network, tmp_path / "tiny.npy")
    answers = ("red", "yes")
    batches = list(vqa_batches(questions, features, answers, 8).take(3))
    for x, y in batches:
        assert x["features"].shape == (8, 4, 3)
        for text, seen, place in zip(x["question"].numpy(), x["features"].numpy(), y.numpy(), strict=True):
            (question,) = (question for question in questions if question.question == text.decode())
            assert question.answer == answers[place]
            np.testing.assert_array_equal(seen, features[question.image_id])
    later = next(iter(vqa_batches(questions, features, answers, 8, start=2)))
    assert later[1].numpy().tolist() == batches[2][1].numpy().tolist()
    with pytest.raises(ValueError, match="None of 4 questions"):
        vqa_batches(questions, features, ("purple",), 8)


def test_what_is_wrong_with_the_files_is_said(folder, tmp_path):
    with pytest.raises(TfmetaError, match=r"VQA was not found: .*absent.json.*visualqa.org"):
        load_vqa(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(TfmetaError, match="cannot be read as JSON"):
        load_vqa(tmp_path / "broken.json")
    with pytest.raises(TfmetaError, match="holds no list of questions"):
        load_vqa(folder / "annotations.json")
    (tmp_path / "short.json").write_text('{"questions": [{"question_id": 1, "image_id": 2}]}')
    with pytest.raises(TfmetaError, match="an entry of its questions lacks question"):
        load_vqa(tmp_path / "short.json")
    (tmp_path / "other.json").write_text(
        '{"questions": [{"question_id": 1, "image_id": 2, "question": "?"}]}'
    )
    with pytest.raises(TfmetaError, match="has no answers to question 1"):
        load_vqa(tmp_path / "other.json", folder / "annotations.json")


def test_missing_images_are_counted(folder):
    with pytest.raises(
        TfmetaError, match=r"lacks 2 of 3 images, the first of which is number 5;.*_000000000005.jpg"
    ):
        find_images(folder / "images", [9, 5, 77])
    with pytest.raises(TfmetaError, match="There is no folder"):
        find_images(folder / "nowhere", [9])
