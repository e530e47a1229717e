"""What a pretrained network sees in photographs: a grid of features for each, computed once and kept in a file."""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import keras
import numpy as np

from tfmeta.core.checks import TfmetaError, check

__all__ = ["FeatureFile", "find_images", "image_features"]

_SUFFIXES = frozenset([".jpg", ".jpeg", ".png"])


class FeatureFile(Mapping[int, np.ndarray]):
    """The features of images by the numbers of the images, read from a file as they are asked for.

    Args:
        file: as written by `image_features`.

    Raises:
        TfmetaError: where there is no such file, or it holds something else.
    """

    def __init__(self, file: str | Path):
        try:
            self._rows = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise TfmetaError(f"{file} cannot be read as features of images: {error}.") from error
        if self._rows.dtype.names != ("image_id", "features"):
            raise TfmetaError(
                f"{file} holds no features of images; give another name, and they will be computed."
            )
        self._places = {int(number): place for place, number in enumerate(self._rows["image_id"])}

    @property
    def shape(self) -> tuple[int, int]:
        """``(K, D)``: positions of the grid, and features of each."""
        return self._rows.dtype["features"].shape

    def __getitem__(self, image_id: int) -> np.ndarray:
        return self._rows[self._places[image_id]]["features"]

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def find_images(folder: str | Path, image_ids: Iterable[int]) -> dict[int, Path]:
    """Finds image files by the numbers that their names end with, as ``COCO_train2014_000000458752.jpg``.

    Args:
        folder: of the images.
        image_ids: which of them.

    Returns:
        The file of each.

    Raises:
        TfmetaError: where there is no such folder, or images are missing in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise TfmetaError(
            f"There is no folder {folder}; expected one of images, as of visualqa.org/download.html."
        )
    found = {}
    for file in folder.glob("[!.]*"):  # macOS keeps notes on each file in one of the same name behind "._"
        number = re.search(r"(\d+)$", file.stem)
        if number and file.suffix.lower() in _SUFFIXES:
            found[int(number[1])] = file
    wanted = sorted(set(image_ids))
    missing = [number for number in wanted if number not in found]
    if missing:
        raise TfmetaError(
            f"{folder} lacks {len(missing)} of {len(wanted)} images, the first of which is number {missing[0]};"
            f" expected a name that ends with it, such as COCO_train2014_{missing[0]:012d}.jpg."
        )
    return {number: found[number] for number in wanted}


def image_features(
    images: Mapping[int, Path],
    network: keras.Model,
    cache: str | Path,
    *,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    size: int = 32,
) -> FeatureFile:
    """Computes a grid of features of each image, or reads them, where they have been computed before.

    The file appears when it is complete. It does not say which network made it, so give each a file of its own.

    Args:
        images: the file of each image by its number, as of `find_images`.
        network: from images ``[B, H, W, 3]`` to ``[B, h, w, D]``, such as ``keras.applications.ResNet50(include_top=
            False, input_shape=(224, 224, 3))``; the grid has ``K = h * w`` positions.
        cache: the file; as NumPy's, with numbers in half precision.
        preprocess: from RGB images of 0 to 255 to what the network takes, such as
            ``keras.applications.resnet50.preprocess_input``.
        size: images at once.

    Returns:
        The features of the images.

    Raises:
        ValueError: where the network is of another kind.
        TfmetaError: where an image cannot be read, or the file is of other images or another network.

    Example:
        >>> features = image_features(find_images("train2014", ids), network, "resnet50.npy")  # doctest: +SKIP
        >>> features[458752].shape  # doctest: +SKIP
        (49, 2048)
    """
    height, width, depth = network.input_shape[1:] if len(network.input_shape) == 4 else (None, None, None)
    check(
        None not in (height, width) and depth == 3 and len(network.output_shape) == 4,
        f"the network goes from {network.input_shape} to {network.output_shape};"
        " expected images [B, H, W, 3] of a fixed size to a grid [B, h, w, D], as without its top.",
    )
    check(len(images) > 0, "images is empty; expected one at least.")
    grid = (int(np.prod(network.output_shape[1:3])), network.output_shape[3])
    cache = Path(cache)
    if not cache.exists():
        _write(cache, images, network, preprocess or (lambda pixels: pixels), grid, size)
    features = FeatureFile(cache)
    if features.shape != grid or not images.keys() <= features.keys():
        lacking = len(images.keys() - features.keys())
        raise TfmetaError(
            f"{cache} holds features {list(features.shape)} and lacks {lacking} of {len(images)} images;"
            f" expected features {list(grid)} of them all. Delete it, or give another name."
        )
    return features


def _write(
    cache: Path,
    images: Mapping[int, Path],
    network: keras.Model,
    preprocess: Callable[[np.ndarray], np.ndarray],
    grid: tuple[int, int],
    size: int,
) -> None:
    temporary = cache.with_name(f"temp-{cache.name}-{secrets.token_hex(4)}")
    row = np.dtype([("image_id", np.int64), ("features", np.float16, grid)])
    numbers = sorted(images)
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        rows = np.lib.format.open_memmap(temporary, "w+", row, (len(numbers),))
        for first in range(0, len(numbers), size):
            part = numbers[first : first + size]
            pixels = np.stack([_pixels(images[number], network.input_shape[1:3]) for number in part])
            seen = network.predict_on_batch(preprocess(pixels))
            rows["image_id"][first : first + size] = part
            rows["features"][first : first + size] = np.reshape(seen, [len(part), *grid])
        rows.flush()
        del rows
        os.replace(temporary, cache)
    finally:
        temporary.unlink(missing_ok=True)


def _pixels(file: Path, sides: tuple[int, int]) -> np.ndarray:
    """Reads an image as float32 ``[H, W, 3]``, 0 to 255, scaled to the sides."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            scaled = image.convert("RGB").resize((sides[1], sides[0]), Image.Resampling.BILINEAR)
            return np.asarray(scaled, np.float32)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise TfmetaError(f"{file} cannot be read as an image: {error}.") from error
