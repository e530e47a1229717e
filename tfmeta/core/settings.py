"""Settings: frozen dataclasses whose fields carry their own help, for the command line, for files and for cards."""

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Self

from tfmeta.core.checks import TfmetaError, nearest

__all__ = ["Setting", "Settings", "setting"]

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_TRUTH = {"true": True, "false": False}


def setting(default: Any, help: str, *, choices: Iterable[str] = (), least: float | None = None) -> Any:
    """Declares a field of a `Settings` class.

    Args:
        default: its default value; its type is that of the field.
        help: what it means, in a line. A setting without help is not shown on the command line.
        choices: the values that it may have; any where empty. A field of the type ``Literal[...]`` needs none.
        least: the smallest number that it may be.

    Returns:
        The field, for the body of the class.
    """
    return dataclasses.field(
        default=default, metadata={"help": help, "choices": tuple(choices), "least": least}
    )


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting, as the command line and the docs show it.

    Attributes:
        name: its name.
        kind: its type: bool, int, float or str.
        value: its value.
        help: what it means.
        choices: the values that it may have; any where empty.
        least: the smallest number that it may be.
    """

    name: str
    kind: type
    value: Any
    help: str
    choices: tuple[str, ...] = ()
    least: float | None = None

    def read(self, text: str) -> Any:
        """Reads a value from the command line.

        Raises:
            TfmetaError: where the text is no such value.
        """
        try:
            value = _TRUTH[text.lower()] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError) as error:
            raise TfmetaError(f"{self.name}={text}: expected {_KINDS[self.kind]}.") from error
        return self.checked(value)

    def checked(self, value: Any) -> Any:
        """Returns a value if the setting may have it.

        Raises:
            TfmetaError: for a value of another type, or none of the choices.
        """
        if self.kind is float and type(value) is int:
            value = float(value)
        found = type(value)
        if found is not self.kind:
            raise TfmetaError(f"{self.name}={value!r}: expected {_KINDS[self.kind]}.")
        if self.choices and value not in self.choices:
            raise TfmetaError(f"{self.name}={value!r}. {nearest(value, self.choices)}")
        if self.least is not None and value < self.least:
            raise TfmetaError(f"{self.name}={value}: expected at least {self.least}.")
        return value


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base of everything that is set: tasks, methods and trainings. Subclasses are frozen dataclasses.

    Fields that are declared with `setting` are settings. Other fields, such as arrays, are not: they are on no command
    line and on no card.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Walk(Settings):
        ...     steps: int = setting(10, "steps of the walk")
        >>> Walk().replaced(steps=3).values()
        {'steps': 3}
        >>> Walk.described()["steps"].help
        'steps of the walk'
    """

    def values(self) -> dict[str, Any]:
        """Returns all settings by name."""
        return {name: getattr(self, name) for name in self.described()}

    @classmethod
    def described(cls) -> dict[str, Setting]:
        """Returns all settings by name, with their defaults and their help."""
        kinds = typing.get_type_hints(cls)
        return {
            field.name: _described(field, kinds[field.name])
            for field in dataclasses.fields(cls)
            if "help" in field.metadata
        }

    def replaced(self, **changes: Any) -> Self:
        """Returns a copy with some settings changed.

        Raises:
            TfmetaError: for a setting that there is not, or a value that it cannot have.
        """
        known = self.described()
        for name in changes:
            if name not in known:
                raise TfmetaError(f"There is no setting {name!r}. {nearest(name, known)}")
        return dataclasses.replace(
            self, **{name: known[name].checked(value) for name, value in changes.items()}
        )

    def changed(self, default: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the settings whose value is not the one in `default`."""
        return {name: value for name, value in self.values().items() if value != default.get(name)}


def _described(field: dataclasses.Field[Any], kind: Any) -> Setting:
    choices = field.metadata["choices"]
    if typing.get_origin(kind) is typing.Literal:
        kind, choices = str, choices or typing.get_args(kind)
    return Setting(field.name, kind, field.default, field.metadata["help"], choices, field.metadata["least"])
