"""Asks an exported module network one question, about a picture or about a database of places."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import LoadedModel
from tfmeta.data.geo_world import FEATURES, FeatureNames, GeoWorld, load_geo_world, names_of_features
from tfmeta.modules.candidates import layout_candidates
from tfmeta.modules.layout import Layout
from tfmeta.modules.parse import Parser
from tfmeta.modules.program import pad_layouts
from tfmeta.recipes.modules.common import CANDIDATES_FILE

__all__ = ["Answer", "ask_about_picture", "ask_about_world", "candidates_for", "load_picture", "load_world"]

# How pictures are read where a model does not say: the candidates of yes and no.
_OF_PICTURES = {"tops": ("exists",), "entities": (), "anything": ("shape", "thing"), "nested": True}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a module network says, and how it came to it.

    Attributes:
        answer: a label such as ``"yes"``, or the names of a set of places.
        probability: of exactly this answer.
        layout: the layout that was chosen.
        candidates: those that it was chosen from, each with its probability.
        attentions: what each step of the chosen layout's program looks at, ``[L, K]``.
        unknown: words of that layout which the model has not learnt, so that the answer is a guess.
    """

    answer: str | tuple[str, ...]
    probability: float
    layout: Layout
    candidates: tuple[tuple[Layout, float], ...]
    attentions: np.ndarray
    unknown: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The answer in words."""
        return self.answer if isinstance(self.answer, str) else ", ".join(self.answer) or "nothing"

    def to_json(self) -> str:
        """Returns the answer for machines; the attentions are left out."""
        told = {
            "answer": self.answer if isinstance(self.answer, str) else list(self.answer),
            "probability": self.probability,
            "layout": str(self.layout),
            "candidates": [
                {"layout": str(layout), "probability": probability} for layout, probability in self.candidates
            ],
            "unknown": list(self.unknown),
        }
        return json.dumps(told, indent=2, ensure_ascii=False)


def candidates_for(
    model: LoadedModel, question: str, parser: Parser, entities: Sequence[str] | None = None
) -> list[Layout]:
    """Reads a question into candidates, as the model's training did, which its artefact tells.

    Args:
        model: the model.
        question: English.
        parser: who parses it.
        entities: the names of the world; None for a picture, where nothing has a name.

    Raises:
        QuestionError: for a question that cannot be answered as it stands.
        TfmetaError: where what the artefact tells is damaged.
    """
    file = model.path / "assets.extra" / CANDIDATES_FILE
    try:
        how = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        how = (_OF_PICTURES if entities is None else {"entities": tuple(entities)}) | how
        return layout_candidates(parser(question), **how)
    except (TypeError, json.JSONDecodeError) as error:
        raise TfmetaError(f"{file} is damaged: {error}; export the model again.") from error


def load_world(model: LoadedModel, folder: str | Path) -> GeoWorld:
    """Reads a database of places, with the features that a model knows.

    Raises:
        TfmetaError: for a model that is not asked about places, or files that are not what they should be.
    """
    shapes = _inputs(model, "features", "places")
    sizes = shapes["features"][-1], shapes.get("pairs", [0])[-1]
    for kind in FEATURES:
        if kind != "observations" and tuple(map(len, names_of_features(kind))) == sizes:
            return load_geo_world(folder, kind)
    raise TfmetaError(
        f"{model.path} takes {sizes[0]} features of a place and {sizes[1]} of a pair; expected"
        f" {_known_sizes()}, which can be read from world.txt."
    )


def load_picture(model: LoadedModel, file: str | Path) -> np.ndarray:
    """Reads a picture of the size that a model looks at: float32 ``[H, W, 3]``, 0 to 1.

    Raises:
        TfmetaError: for a model that is not asked about pictures, or a picture of another size.
    """
    from PIL import Image, UnidentifiedImageError

    height, width, _ = _inputs(model, "image", "pictures")["image"][1:]
    try:
        with Image.open(file) as opened:
            image = np.asarray(opened.convert("RGB"), np.float32) / 255
    except UnidentifiedImageError as error:
        raise TfmetaError(f"{file} is no picture that can be read; expected PNG or JPEG.") from error
    if image.shape[:2] != (height, width):
        raise TfmetaError(
            f"{file} is {image.shape[1]}x{image.shape[0]} pixels, but the model looks at {width}x{height};"
            " resize the picture."
        )
    return image


def ask_about_world(model: LoadedModel, question: str, layouts: Sequence[Layout], world: GeoWorld) -> Answer:
    """Asks about a database of places.

    Args:
        model: an exported network that answers with sets of places.
        question: English.
        layouts: the candidates.
        world: what `load_world` returned.

    Raises:
        TfmetaError: for layouts that the model cannot run.
    """
    inputs = {
        "features": world.features[None], "mask": np.ones([1, len(world.entities)], np.float32),
        "pairs": world.pairs[None], "names": np.array([world.entities], object),
    }  # fmt: skip
    return _ask(model, question, layouts, inputs, world.entities)


def ask_about_picture(
    model: LoadedModel, question: str, layouts: Sequence[Layout], image: np.ndarray
) -> Answer:
    """Asks about a picture ``[H, W, 3]``; otherwise as `ask_about_world`."""
    return _ask(model, question, layouts, {"image": image[None]}, ())


def _ask(
    model: LoadedModel,
    question: str,
    layouts: Sequence[Layout],
    inputs: Mapping[str, Any],
    names: Sequence[str],
) -> Answer:
    programs = pad_layouts([layouts])
    found = {
        name: value[0]
        for name, value in model.answer(
            question=np.array([question], object), layouts=programs, **inputs
        ).items()
    }
    chosen = int(found["layout"])
    answer, probability = _said(found, layouts[chosen], names)
    scores = np.exp(found["scores"] - found["scores"].max())
    return Answer(
        answer=answer,
        probability=probability,
        layout=layouts[chosen],
        candidates=tuple(zip(layouts, (scores / scores.sum()).tolist(), strict=True)),
        attentions=found["attentions"][chosen],
        unknown=_unknown(found, chosen, programs[0, chosen]),
    )


def _unknown(found: Mapping[str, np.ndarray], chosen: int, program: np.ndarray) -> tuple[str, ...]:
    """The arguments that have no parameters of their own, each once."""
    steps = program[found["unknown"][chosen]]
    return tuple(dict.fromkeys(step.partition("[")[2].removesuffix("]") for step in steps))


def _said(
    found: Mapping[str, np.ndarray], layout: Layout, names: Sequence[str]
) -> tuple[str | tuple[str, ...], float]:
    if layout.output == "labels":
        return found["answer"].decode(), float(found["probabilities"].max())
    inside = found["positions"] > 0.5
    probability = np.prod(np.where(inside, found["positions"], 1 - found["positions"]))
    return tuple(name for name, there in zip(names, inside, strict=True) if there), float(probability)


def _inputs(model: LoadedModel, needed: str, about: str) -> dict[str, list[int]]:
    """The shapes of the inputs of ``answer``, if the model is asked about this."""
    shapes = {
        name: spec["shape"]
        for name, spec in model.card.signatures.get("answer", {}).get("inputs", {}).items()
    }
    if "layouts" not in shapes:
        raise TfmetaError(f"{model.path} answers no questions: it has {', '.join(model.signatures)}.")
    if needed not in shapes:
        other = "a picture: --image FILE" if "image" in shapes else "places: --world FOLDER"
        raise TfmetaError(f"{model.path} is not asked about {about}, but about {other}.")
    return shapes


def _known_sizes() -> str:
    names: list[FeatureNames] = [names_of_features(kind) for kind in FEATURES if kind != "observations"]
    return " or ".join(f"{len(entities)} and {len(pairs)}" for entities, pairs in names)
