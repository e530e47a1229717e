"""The list of models to serve, as TF Serving writes it: a `ModelServerConfig` in protobuf's text format.

    model_config_list {
      config {
        name: "maml_sinusoid"
        base_path: "/models/maml_sinusoid"
        model_platform: "tensorflow"
        model_version_policy { latest { num_versions: 2 } }
        version_labels { key: "stable" value: 1 }
      }
    }

Reference: https://www.tensorflow.org/tfx/serving/serving_config
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf import text_format

from tfmeta import wire
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.serving.errors import invalid_argument

__all__ = [
    "base_folder", "check_model_config", "latest_of_each", "parse_model_config", "read_model_config",
    "wanted_versions",
]  # fmt: skip

_PLATFORM = "tensorflow"
_UNKNOWN_FIELD = re.compile(r'Message type "(?P<message>[\w.]+)" has no field named "(?P<field>\w+)"')


def read_model_config(path: str | Path) -> wire.Message:
    """Reads a file such as `--model_config_file` names.

    Args:
        path: The file.

    Returns:
        The ModelServerConfig, not yet checked.

    Raises:
        TfmetaError: It cannot be read, or is no ModelServerConfig; says in which line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise TfmetaError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TfmetaError(f"{path} is no text; expected a ModelServerConfig.") from error
    return parse_model_config(text, str(path))


def parse_model_config(text: str, source: str) -> wire.Message:
    """Parses a ModelServerConfig.

    Args:
        text: In protobuf's text format.
        source: Where it comes from, for error messages.

    Raises:
        TfmetaError: It is none; says in which line.

    Example:
        >>> parse_model_config('model_config_list { config { nam: "m" } }', "models.config")
        Traceback (most recent call last):
        tfmeta.core.checks.TfmetaError: models.config:1:30: ModelConfig has no field 'nam'. Did you mean name? ...
    """
    try:
        config = text_format.Parse(text, wire.ModelServerConfig())
    except text_format.ParseError as error:
        raise TfmetaError(_in_one_line(error, source)) from error
    if config.WhichOneof("config") != "model_config_list":
        raise TfmetaError(f"{source} lists no models; expected model_config_list {{ config {{ … }} }}.")
    return config


def latest_of_each(models: Mapping[str, Path]) -> wire.Message:
    """A ModelServerConfig that serves the latest version of each model.

    Args:
        models: Name to directory.
    """
    config = wire.ModelServerConfig()
    config.model_config_list.SetInParent()
    for name, path in models.items():
        config.model_config_list.config.add(
            name=name, base_path=str(Path(path).absolute()), model_platform=_PLATFORM
        )
    return config


def check_model_config(config: wire.Message) -> None:
    """Refuses a list that TF Serving would not take.

    Args:
        config: A ModelServerConfig.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    seen = set()
    for model in config.model_config_list.config:
        if model.name in seen:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
        if not base_folder(model).is_absolute():
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
        _check_platform(model)


def base_folder(config: wire.Message) -> Path:
    """The folder of a model's versions, from its ModelConfig; also where that is a `file://` URI."""
    return Path(config.base_path.removeprefix("file://"))


def wanted_versions(config: wire.Message, found: Iterable[int]) -> list[int]:
    """The versions that a model's policy asks for: the latest few, all, or those it names.

    Args:
        config: A ModelConfig; without a policy the latest version is meant.
        found: The versions that are there.

    Returns:
        The newest first.

    Example:
        >>> config = wire.ModelServerConfig().model_config_list.config.add()
        >>> config.model_version_policy.latest.num_versions = 2
        >>> wanted_versions(config, [1, 2, 3])
        [3, 2]
    """
    newest_first = sorted(found, reverse=True)
    policy = config.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return newest_first
    if choice == "specific":
        return [number for number in newest_first if number in policy.specific.versions]
    return newest_first[: max(policy.latest.num_versions, 1)]


def _check_platform(model: wire.Message) -> None:
    if model.model_type:
        if model.model_platform:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                "ModelServerConfig::model_platform."
            )
        if model.model_type != 1:  # TENSORFLOW
            raise invalid_argument(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
    elif not model.model_platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform."
        )
    elif model.model_platform != _PLATFORM:
        raise invalid_argument(f"Model {model.name} requests unsupported platform {model.model_platform}")


def _in_one_line(error: text_format.ParseError, source: str) -> str:
    reason = str(error).removeprefix(f"{error.GetLine()}:{error.GetColumn()} : ")
    unknown = _UNKNOWN_FIELD.search(reason)
    if unknown:
        message = wire.POOL.FindMessageTypeByName(unknown["message"])
        hint = nearest(unknown["field"], message.fields_by_name)
        reason = f"{message.name} has no field {unknown['field']!r}. {hint}"
    return f"{source}:{error.GetLine()}:{error.GetColumn()}: {reason}"
