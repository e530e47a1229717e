"""Our messages against those of `tensorflow` and `tensorflow-serving-api`, field by field."""

import subprocess
import sys

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from tensorflow_serving.apis import (  # noqa: F401 (registers the messages that ours are compared with)
    model_service_pb2,
    prediction_log_pb2,
    prediction_service_pb2,
)

from tfmeta import wire
from tfmeta.wire.schema import PACKAGES

# What a message of theirs has beyond ours, on purpose.
LEFT_OUT = {
    "tensorflow.TensorProto": {"resource_handle_val", "variant_val", "float8_val"},
    "tensorflow.TensorInfo": {"composite_tensor"},
    "tensorflow.serving.PredictRequest": {"predict_streamed_options", "client_id", "request_options"},
    "tensorflow.serving.LoggingConfig": {"custom_logging_config"},
    "tensorflow.serving.SamplingConfig": {"attributes", "per_task_sampling_configs"},
    "tensorflow.serving.FileSystemStoragePathSourceConfig": {
        "servables",
        "file_system_poll_wait_seconds",
        "fail_if_zero_versions_at_startup",
        "servable_versions_always_present",
    },
    "tensorflow.serving.PredictionLog": {"log_metadata", "predict_streamed_log", "session_run_log"},
}


def _walk(descriptor):
    yield descriptor
    for nested in descriptor.nested_types:
        yield from _walk(nested)


def _messages():
    for package in PACKAGES:
        if package != "tfmeta":
            file = wire.POOL.FindFileByName(f"{package}.proto")
            for message in file.message_types_by_name.values():
                yield from _walk(message)


def _facts(field):
    kind = field.message_type or field.enum_type
    return {
        "number": field.number,
        "type": field.type,
        "repeated": field.is_repeated,
        "packed": field.is_packed,
        "kind": kind and kind.full_name,
        "oneof": field.containing_oneof and field.containing_oneof.name,
        "presence": field.has_presence,
    }


@pytest.mark.parametrize("ours", list(_messages()), ids=lambda message: message.full_name)
def test_message_equals_theirs(ours):
    theirs = descriptor_pool.Default().FindMessageTypeByName(ours.full_name)
    assert ours.GetOptions().map_entry == theirs.GetOptions().map_entry
    expected = {field.name: _facts(field) for field in theirs.fields}
    for name in LEFT_OUT.get(ours.full_name, ()):
        del expected[name]
    assert {field.name: _facts(field) for field in ours.fields} == expected


@pytest.mark.parametrize(
    "name",
    [
        "tensorflow.DataType",
        "tensorflow.error.Code",
        "tensorflow.serving.ModelVersionStatus.State",
        "tensorflow.serving.ModelType",
    ],
)
def test_enum_agrees_with_theirs(name):
    theirs = {value.name: value.number for value in descriptor_pool.Default().FindEnumTypeByName(name).values}
    assert {
        value.name: value.number for value in wire.POOL.FindEnumTypeByName(name).values
    }.items() <= theirs.items()


def test_packed_tensor_is_a_tensor_on_the_wire():
    packed = {field.name: field for field in wire.PackedTensor.DESCRIPTOR.fields}
    for name, field in packed.items():
        tensor_field = wire.TensorProto.DESCRIPTOR.fields_by_name[name]
        assert field.number == tensor_field.number
        if field.type == FieldDescriptor.TYPE_BYTES:
            assert tensor_field.is_packed


@pytest.mark.parametrize("module", ["serving.client", "serving.errors", "wire", "wire.tensors"])
def test_imports_no_tensorflow(module):
    code = (
        f"import sys, tfmeta.{module}\n"
        "heavy = {'tensorflow', 'keras', 'tensorflow_serving'} & {m.split('.')[0] for m in sys.modules}\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
