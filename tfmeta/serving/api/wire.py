"""Message classes of the TF Serving API that need neither TensorFlow nor `tensorflow-serving-api`.

Both of those register their messages in protobuf's default pool, where a name may exist once. These classes
are built from `tfmeta.serving.api.schema` in a pool of their own, so all three live in one process and speak the
same bytes.

Example:
    >>> from tfmeta.serving.api import wire
    >>> spec = wire.ModelSpec(name="maml_omniglot_5w1s", signature_name="adapt")
    >>> wire.ModelSpec.FromString(spec.SerializeToString()) == spec
    True
"""

import re
from typing import Any as Message

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tfmeta.serving.api.schema import PACKAGES

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
                _add_field(message, _MEMBER.fullmatch(member))
    return file


POOL = descriptor_pool.DescriptorPool()
for _package, _table in PACKAGES.items():
    POOL.AddSerializedFile(_file(_package, _table).SerializeToString())


def _message(name: str) -> Message:
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


def _enum(name: str) -> dict[str, int]:
    return {value.name: value.number for value in POOL.FindEnumTypeByName(name).values}


DataType = _enum("tensorflow.DataType")
Code = _enum("tensorflow.error.Code")
State = _enum("tensorflow.serving.ModelVersionStatus.State")

TensorShapeProto = _message("tensorflow.TensorShapeProto")
TensorProto = _message("tensorflow.TensorProto")
PackedTensor = _message("tfmeta.PackedTensor")
TensorInfo = _message("tensorflow.TensorInfo")
SignatureDef = _message("tensorflow.SignatureDef")
Example = _message("tensorflow.Example")

ModelSpec = _message("tensorflow.serving.ModelSpec")
StatusProto = _message("tensorflow.serving.StatusProto")
PredictRequest = _message("tensorflow.serving.PredictRequest")
PredictResponse = _message("tensorflow.serving.PredictResponse")
ClassificationRequest = _message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = _message("tensorflow.serving.ClassificationResponse")
ClassificationResult = _message("tensorflow.serving.ClassificationResult")
RegressionRequest = _message("tensorflow.serving.RegressionRequest")
RegressionResponse = _message("tensorflow.serving.RegressionResponse")
RegressionResult = _message("tensorflow.serving.RegressionResult")
MultiInferenceRequest = _message("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = _message("tensorflow.serving.MultiInferenceResponse")
GetModelMetadataRequest = _message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = _message("tensorflow.serving.GetModelMetadataResponse")
SignatureDefMap = _message("tensorflow.serving.SignatureDefMap")
GetModelStatusRequest = _message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = _message("tensorflow.serving.GetModelStatusResponse")
ModelVersionStatus = _message("tensorflow.serving.ModelVersionStatus")
ReloadConfigRequest = _message("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse = _message("tensorflow.serving.ReloadConfigResponse")
ModelServerConfig = _message("tensorflow.serving.ModelServerConfig")
PredictionLog = _message("tensorflow.serving.PredictionLog")
ClassifyLog = _message("tensorflow.serving.ClassifyLog")
PredictLog = _message("tensorflow.serving.PredictLog")
RegressLog = _message("tensorflow.serving.RegressLog")
MultiInferenceLog = _message("tensorflow.serving.MultiInferenceLog")
MonitoringConfig = _message("tfmeta.MonitoringConfig")
SSLConfig = _message("tfmeta.SSLConfig")
