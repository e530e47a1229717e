"""Folders of images with .pts files: what is read, where landmarks are then, and what is said about bad files."""

import numpy as np
import pytest
from PIL import Image

from tfmeta.core.checks import TfmetaError
from tfmeta.data.landmark_files import find_marked, holds_landmarks, read_faces, read_landmarks

POINTS = np.array([[30.0, 20], [50, 22], [40, 45]])


def write_points(file, points=POINTS, head="version: 1\nn_points:  {}\n", end="}\n"):
    body = "".join(f"{x + 1:.3f} {y + 1:.3f}\n" for x, y in points)
    file.write_text(head.format(len(points)) + "{\n" + body + end)


def write_face(folder, name, points=POINTS, size=(90, 70), mode="RGB", suffix="png", **options):
    """White where the landmarks are, on black."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros([size[1], size[0]], np.uint8)
    for x, y in np.rint(points).astype(int):
        pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    Image.fromarray(pixels).convert(mode).save(folder / f"{name}.{suffix}", **options)
    write_points(folder / f"{name}.pts", points)


def test_landmarks_are_counted_from_zero(tmp_path):
    file = tmp_path / "a.pts"
    file.write_text("version: 1\r\nn_points: 2\r\n{\r\n1 1\r\n10.5  -3\r\n\r\n}\r\n")
    assert read_landmarks(file).tolist() == [[0, 0], [9.5, -4]]
    assert read_landmarks(file).dtype == np.float32


def test_images_become_grey_and_keep_their_landmarks(tmp_path):
    write_face(tmp_path, "a")
    write_face(tmp_path, "b", mode="L", suffix="JPG", quality=95)
    write_face(tmp_path, "c", size=(60, 80), mode="LA")
    Image.new("L", (9, 9)).save(tmp_path / "without_landmarks.png")
    (tmp_path / "._a.pts").write_text("hidden")
    faces = read_faces(find_marked(tmp_path))
    # A box of 25 pixels and as many on each side, as far as the image reaches.
    assert [image.shape for image in faces.images] == [(70, 71), (70, 71), (71, 55)]
    assert faces.people.tolist() == [0, 1, 2]
    for image, points in zip(faces.images, faces.landmarks, strict=True):
        assert [image[round(y), round(x)] > 200 for x, y in points] == [True] * 3


@pytest.mark.parametrize("scale", [1, 4, 12])
def test_large_images_are_cut_and_shrunk_and_landmarks_with_them(tmp_path, scale):
    points = POINTS * scale + [200, 100]
    size = (int(points[:, 0].max()) + 500, int(points[:, 1].max()) + 500)
    pixels = np.zeros([size[1], size[0]], np.uint8)
    for x, y in points.astype(int):
        pixels[y - 2 * scale : y + 2 * scale + 1, x - 2 * scale : x + 2 * scale + 1] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    write_points(tmp_path / "a.pts", points)
    faces = read_faces(find_marked(tmp_path))
    image, found = faces.images[0].astype(float), faces.landmarks[0]
    box = 25 * scale
    assert faces.boxes[0, 2:].max() == pytest.approx(min(box, 200), rel=0.01)
    assert max(image.shape) <= 3 * min(box, 200) + 3
    reach = 3.0 * min(1, 200 / box) * scale
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    for x, y in found:  # each is in the middle of what is white
        near = image * (abs(columns - x) < reach) * (abs(rows - y) < reach)
        np.testing.assert_allclose(
            [(near * columns).sum() / near.sum(), (near * rows).sum() / near.sum()], [x, y], atol=0.2
        )


def test_landmarks_beside_the_image_are_kept(tmp_path):
    write_face(tmp_path, "a")
    write_points(tmp_path / "a.pts", [*POINTS[:2], (95.0, 45)])
    faces = read_faces(find_marked(tmp_path))
    assert faces.images[0].shape == (70, 90) and faces.landmarks[0, 2].tolist() == [95, 45]


def test_a_subfolder_is_a_person(tmp_path):
    for name in ("ann", "bob"):
        for number in range(2):
            write_face(tmp_path / "people" / name, str(number))
    write_face(tmp_path, "cy")
    found = find_marked(tmp_path)
    assert [each.person for each in found] == ["cy", "people/ann", "people/ann", "people/bob", "people/bob"]
    assert read_faces(found).people.tolist() == [0, 1, 1, 2, 2]
    assert holds_landmarks(tmp_path) and holds_landmarks(tmp_path / "people")
    assert not holds_landmarks(tmp_path / "nowhere")


def lines(*body, head="version: 1\nn_points: 3\n"):
    return (head + "\n".join(body)).encode()


BAD = {
    "no text": (b"\xff\xfe\x00{", r"a\.pts is no text in UTF-8; expected the format of 300-W"),
    "empty": (b"", r"a\.pts holds no landmarks; expected the format of 300-W"),
    "no count": (lines("{", "1 1", "}", head="version: 1\n"), r"a\.pts holds no landmarks"),
    "cut off": (lines("{", "1 1", "2 2"), r"a\.pts is cut off: it has no } at its end"),
    "too few": (lines("{", "1 1", "2 2", "}"), r"a\.pts has 2 landmarks, but says n_points: 3"),
    "none": (lines("{", "}", head="n_points: 0\n"), r"a\.pts has 0 landmarks"),
    "not a number": (lines("{", "1 1", "2 2", "nan 3", "}"), r"a\.pts has the landmark nan 3; expected pixels"),
    "infinite": (lines("{", "1 1", "2 2", "3 1e999", "}"), r"a\.pts has the landmark 3 inf"),
    "words": (lines("{", "1 1", "2 \x1b[31mtwo", "}"), r"a\.pts has the line '2 .*two'; expected x and y"),
    "three numbers": (lines("{", "1 1 1", "}"), r"the line '1 1 1'; expected x and y of a landmark"),
    "another number": (lines("{", "1 1", "9 9", "}", head="n_points: 2\n"), r"b\.pts has 3 landmarks, but"),
    "one place": (lines("{", "1 1", "1 1", "1 1", "}"), r"landmarks of .*a\.png are all in one place"),
    "elsewhere": (lines("{", "900 900", "910 910", "920 900", "}"), r"a\.png lie outside of it: 90 × 70 pixels, but"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_explained_in_one_line(tmp_path, text, message):
    write_face(tmp_path, "a")
    write_face(tmp_path, "b")
    (tmp_path / "a.pts").write_bytes(text)
    with pytest.raises(TfmetaError, match=message) as caught:
        read_faces(find_marked(tmp_path))
    assert str(caught.value).isprintable()


def test_missing_and_doubtful_images_are_explained(tmp_path):
    with pytest.raises(TfmetaError, match=r"There is no folder .*nowhere"):
        find_marked(tmp_path / "nowhere")
    with pytest.raises(TfmetaError, match=r"holds no landmarks; expected a file such as face\.pts"):
        find_marked(tmp_path)
    write_face(tmp_path, "a")
    Image.new("L", (9, 9)).save(tmp_path / "a.bmp")
    with pytest.raises(
        TfmetaError, match=r"a\.pts has a\.bmp and a\.png beside it; expected one image"
    ) as caught:
        find_marked(tmp_path)
    assert str(caught.value).isprintable()
    (tmp_path / "a.bmp").unlink()
    (tmp_path / "a.png").unlink()
    with pytest.raises(TfmetaError, match=r"a\.pts has no image beside it"):
        find_marked(tmp_path)
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(TfmetaError, match=r"a\.png cannot be read as an image"):
        read_faces(find_marked(tmp_path))
    with pytest.raises(TfmetaError, match=r"b\.pts cannot be read: No such file"):
        read_landmarks(tmp_path / "b.pts")


def test_an_image_that_is_marked_as_turned_is_refused(tmp_path):
    write_face(tmp_path, "a", suffix="jpg", exif=exif(1))
    assert len(read_faces(find_marked(tmp_path))) == 1
    write_face(tmp_path, "a", suffix="jpg", exif=exif(6))
    with pytest.raises(TfmetaError, match=r"a\.jpg is marked as turned \(EXIF\).*save it upright"):
        read_faces(find_marked(tmp_path))


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags
