"""Where the trained models are: one search order for a wheel, a checkout and an operator's own folder."""

import os
from pathlib import Path

#: Where a wheel keeps the shipped models (`setup.py` copies the top-level `saved_models/` here).
PACKAGED_MODELS = Path(__file__).resolve().parent / "_saved_models"

#: Where a checkout keeps them; only meaningful beside a `setup.py`.
CHECKOUT_MODELS = Path(__file__).resolve().parent.parent / "saved_models"


def model_folders() -> list[Path]:
    """The existing folders of `<name>/<version>/` SavedModels, in the order in which they are searched.

    First `$TFMETA_MODELS` (one folder, or several joined by `os.pathsep`), then the folder that came with the
    wheel, then the checkout's.

    Returns:
        Folders that exist, without duplicates; empty where none does.

    Example:
        >>> all(folder.is_dir() for folder in model_folders())
        True
    """
    named = [
        Path(entry).expanduser() for entry in os.environ.get("TFMETA_MODELS", "").split(os.pathsep) if entry
    ]
    # In site-packages the sibling `saved_models/` would be a stranger's.
    checkout = [CHECKOUT_MODELS] if (CHECKOUT_MODELS.parent / "setup.py").is_file() else []
    return [folder for folder in dict.fromkeys([*named, PACKAGED_MODELS, *checkout]) if folder.is_dir()]
