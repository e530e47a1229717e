"""Message classes from the table in `tfmeta.wire.schema`, in a protobuf pool of their own.

Classes that `protoc` generates register in protobuf's default pool, where a name may exist once. TensorFlow and
`tensorflow-serving-api` have these names there already. A pool of our own lets all three live in one process, and
needs neither of the two. That is why the messages are built here and not generated.
"""

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

from tfmeta.wire.schema import PACKAGES

__all__ = ["POOL", "enum", "message"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_ENTRY = re.compile(r"(?P<enum>enum )?(?P<name>[\w.]+)\s*\{(?P<body>[^}]*)\}")
_MEMBER = re.compile(
    r"(?P<repeated>repeated )?(?:map<(?P<key>\w+), (?P<value>[\w.]+)>|(?P<type>[\w.]+)) "
    r"(?P<name>\w+) = (?P<number>\d+)(?: \((?P<oneof>\w+)\))?"
)


def _set_type(field: descriptor_pb2.FieldDescriptorProto, name: str) -> None:
    """Scalar types are numbered by protobuf; any other name is looked up by the pool, from the inside out."""
    scalar = f"TYPE_{name.upper()}"
    if scalar in _FIELD.Type.keys():  # noqa: SIM118 (an enum, not a dict)
        field.type = _FIELD.Type.Value(scalar)
    else:
        field.type_name = name


def _add_field(message: descriptor_pb2.DescriptorProto, member: re.Match) -> None:
    field = message.field.add(name=member["name"], number=int(member["number"]))
    field.label = _FIELD.LABEL_REPEATED if member["repeated"] or member["key"] else _FIELD.LABEL_OPTIONAL
    if member["key"]:  # protobuf's map<k, v> is a repeated nested message of two fields
        entry = message.nested_type.add(name=member["name"].title().replace("_", "") + "Entry")
        entry.options.map_entry = True
        _set_type(entry.field.add(name="key", number=1, label=_FIELD.LABEL_OPTIONAL), member["key"])
        _set_type(entry.field.add(name="value", number=2, label=_FIELD.LABEL_OPTIONAL), member["value"])
        field.type_name = entry.name
    else:
        _set_type(field, member["type"])
    if member["oneof"]:
        names = [oneof.name for oneof in message.oneof_decl]
        if member["oneof"] not in names:
            message.oneof_decl.add(name=member["oneof"])
            names.append(member["oneof"])
        field.oneof_index = names.index(member["oneof"])


def _file(package: str, table: str) -> descriptor_pb2.FileDescriptorProto:
    """One package of the table as the file descriptor that `protoc` would have made of it."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.dependency.extend(
        f"{other}.proto" for other in PACKAGES if other != package and f"{other}." in table
    )
    messages: dict[str, descriptor_pb2.DescriptorProto] = {}
    for entry in _ENTRY.finditer(table):
        outer, _, name = entry["name"].rpartition(".")
        members = [part.strip() for part in entry["body"].split(";") if part.strip()]
        if entry["enum"]:
            enum = (messages[outer] if outer else file).enum_type.add(name=name)
            for member in members:
                key, number = member.split(" = ")
                enum.value.add(name=key, number=int(number))
        else:
            message = (
                messages[outer].nested_type.add(name=name) if outer else file.message_type.add(name=name)
            )
            messages[entry["name"]] = message
            for member in members:
                match = _MEMBER.fullmatch(member)
                assert match, f"{entry['name']}: {member!r} is no field"
                _add_field(message, match)
    return file


POOL = descriptor_pool.DescriptorPool()
"""All messages of the table."""

for _package, _table in PACKAGES.items():
    POOL.AddSerializedFile(_file(_package, _table).SerializeToString())


def message(name: str) -> Any:
    """The class of a message.

    Args:
        name: Its full name, such as `"tensorflow.TensorProto"`.
    """
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


def enum(name: str) -> dict[str, int]:
    """The numbers of an enum by the names of its values.

    Args:
        name: Its full name, such as `"tensorflow.DataType"`.
    """
    return {value.name: value.number for value in POOL.FindEnumTypeByName(name).values}
