"""Which models `tfmeta serve` serves, and what they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tfmeta.core.checks import TfmetaError

if TYPE_CHECKING:
    from tfmeta import wire

__all__ = ["chosen_models", "described", "named_folders", "warn_of_unchecked"]


def chosen_models(args: argparse.Namespace) -> wire.Message:
    """The list of models that the command line asks for.

    A `--model_base_path` may hold several models, or be that of one, as it is for TF Serving.

    Returns:
        The ModelServerConfig.

    Raises:
        TfmetaError: There is no such model, folder or file.
    """
    from tfmeta.paths import model_folders
    from tfmeta.serving.lifecycle.model_config import latest_of_each, read_model_config
    from tfmeta.serving.lifecycle.versions import models_in, versions_in

    if args.model_config_file is not None:
        return read_model_config(args.model_config_file)
    base, names = args.model_base_path, args.model_name
    if base is not None and (base / "saved_model.pb").is_file():
        raise TfmetaError(
            f"{base} is one version of a model; --model_base_path names the folder of its versions:"
            f" {base.resolve().parent}."
        )
    folders = model_folders() if base is None else [base]
    found = models_in(folders)
    if base is not None and not found and names and len(names) == 1:
        return latest_of_each({names[0]: base})  # which waits for its first version, if it has none
    if base is not None and versions_in(base):
        if names and len(names) > 1:
            raise TfmetaError(f"--model_name {' '.join(names)}: {base} is one model; give it one name.")
        return latest_of_each({names[0] if names else base.resolve().name: base})
    if not found:
        raise TfmetaError(
            f"There are no models in {', '.join(map(str, folders)) or 'the search path'}; expected"
            " <name>/<version>/ there. Name their folder with --model_base_path, or in TFMETA_MODELS."
        )
    return latest_of_each(models_in(folders, names))


def named_folders(args: argparse.Namespace, config: wire.Message) -> list[Path]:
    """The folders below which the operator's models lie: the base path, or those that hold the models of the list.

    Args:
        args: The flags of `tfmeta serve`.
        config: The ModelServerConfig that `chosen_models` made of them.
    """
    from tfmeta.paths import model_folders
    from tfmeta.serving.lifecycle.model_config import base_folder

    if args.model_config_file is not None:
        return sorted({base_folder(model).parent for model in config.model_config_list.config})
    return model_folders() if args.model_base_path is None else [args.model_base_path]


def warn_of_unchecked(config: wire.Message) -> None:
    """Says of each version that is to be served and has not passed the gate that this is so, in a line each.

    Args:
        config: The ModelServerConfig.
    """
    from tfmeta.core.stamps import warn_unless_passed
    from tfmeta.serving.lifecycle.model_config import base_folder, wanted_versions
    from tfmeta.serving.lifecycle.versions import versions_in

    for model in config.model_config_list.config:
        paths = versions_in(base_folder(model))
        for number in wanted_versions(model, paths):
            if number in paths:
                warn_unless_passed(paths[number])


def described(config: wire.Message) -> str:
    """What the models on a list are, from the cards in their versions.

    Args:
        config: The ModelServerConfig.
    """
    from tfmeta.serving.lifecycle.model_config import base_folder, wanted_versions
    from tfmeta.serving.lifecycle.versions import versions_in

    lines = []
    for model in config.model_config_list.config:
        paths = versions_in(base_folder(model))
        labels = "".join(f", {label} is {number}" for label, number in sorted(model.version_labels.items()))
        lines.append(f"{model.name}  ({model.base_path}{labels})")
        numbers = wanted_versions(model, paths)
        for number in numbers:
            lines += [f"  version {number}: {line}" for line in _card_lines(paths[number])[:1]]
            lines += [f"    {line}" for line in _card_lines(paths[number])[1:]]
        if not numbers:
            lines.append("  no version")
    return "\n".join(lines)


def _card_lines(path: Path) -> list[str]:
    from tfmeta.core.cards import Card

    try:
        card = Card.read(path)
    except TfmetaError:
        return ["no readable card"]
    results = [
        f"{row.metric} {row.value:.3f} ± {row.ci95:.3f}, {row.setting}" for row in card.results[:1]
    ] or ["not measured"]
    signatures = ", ".join(sorted(card.signatures))
    return [card.summary, *results, *([f"signatures: {signatures}"] if signatures else [])]
