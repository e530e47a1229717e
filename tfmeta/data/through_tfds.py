"""Data sets through TensorFlow Datasets: found where they are, downloaded where there is a network."""

from typing import Any

import tensorflow as tf

from tfmeta.core.checks import TfmetaError

__all__ = ["load_dataset"]


def load_dataset(name: str, title: str, version: str) -> tuple[tf.data.Dataset, Any]:
    """Loads all examples of a data set, those for training before those for test, in their order.

    Args:
        name: what TensorFlow Datasets calls it.
        title: what everybody calls it, for messages.
        version: the version that is prepared, for messages.

    Returns:
        The examples, and their description, a `DatasetInfo`.

    Raises:
        TfmetaError: where TensorFlow Datasets is not installed, or the data set is absent and cannot be downloaded.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise TfmetaError(
            f"{title} is read through TensorFlow Datasets, which is not installed: pip install 'tfmeta[data]'."
        ) from error
    try:
        return tfds.load(name, split="train+test", shuffle_files=False, with_info=True)
    except Exception as error:  # TFDS raises many kinds where a download fails; the user's remedy is one.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise TfmetaError(
            f"{title} was neither found nor downloaded (tfds.load({name!r}) under "
            f"{tfds.core.constants.DATA_DIR}): {reason}. "
            f"Set TFDS_DATA_DIR to a folder that holds {name}/{version}, or let this machine reach the network once."
        ) from error
