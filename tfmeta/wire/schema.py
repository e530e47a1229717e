"""The TF Serving API as a table: every message, field number and enum that goes over the wire.

One entry is `Name { type field = number; ... }`. A field may be `repeated`, a `map<key, value>`, or belong to
a oneof, which stands behind it in parentheses. A dot in a name nests the message, as in protobuf. Names of
another package are written in full, names of the same package are not. `tfmeta.wire.pool` turns the table
into message classes.

Left out are fields that no few-shot model sends (resource handles, variants, streaming options); protobuf
keeps such fields of a foreign sender as unknown fields, so nothing is lost when a message passes through.
"""

__all__ = ["PACKAGES"]

_PROTOBUF = """
Any         { string type_url = 1; bytes value = 2 }
Int64Value  { int64 value = 1 }
"""

_TENSORFLOW_ERROR = """
enum Code {
    OK = 0; CANCELLED = 1; UNKNOWN = 2; INVALID_ARGUMENT = 3; DEADLINE_EXCEEDED = 4; NOT_FOUND = 5;
    ALREADY_EXISTS = 6; PERMISSION_DENIED = 7; RESOURCE_EXHAUSTED = 8; FAILED_PRECONDITION = 9; ABORTED = 10;
    OUT_OF_RANGE = 11; UNIMPLEMENTED = 12; INTERNAL = 13; UNAVAILABLE = 14; DATA_LOSS = 15;
    UNAUTHENTICATED = 16
}
"""

_TENSORFLOW = """
enum DataType {
    DT_INVALID = 0; DT_FLOAT = 1; DT_DOUBLE = 2; DT_INT32 = 3; DT_UINT8 = 4; DT_INT16 = 5; DT_INT8 = 6;
    DT_STRING = 7; DT_COMPLEX64 = 8; DT_INT64 = 9; DT_BOOL = 10; DT_BFLOAT16 = 14; DT_UINT16 = 17;
    DT_COMPLEX128 = 18; DT_HALF = 19; DT_RESOURCE = 20; DT_VARIANT = 21; DT_UINT32 = 22; DT_UINT64 = 23
}
TensorShapeProto      { repeated Dim dim = 2; bool unknown_rank = 3 }
TensorShapeProto.Dim  { int64 size = 1; string name = 2 }
TensorProto {
    DataType dtype = 1; TensorShapeProto tensor_shape = 2; int32 version_number = 3; bytes tensor_content = 4;
    repeated int32 half_val = 13; repeated float float_val = 5; repeated double double_val = 6;
    repeated int32 int_val = 7; repeated bytes string_val = 8; repeated float scomplex_val = 9;
    repeated int64 int64_val = 10; repeated bool bool_val = 11; repeated double dcomplex_val = 12;
    repeated uint32 uint32_val = 16; repeated uint64 uint64_val = 17
}

TensorInfo {
    string name = 1 (encoding); CooSparse coo_sparse = 4 (encoding);
    DataType dtype = 2; TensorShapeProto tensor_shape = 3
}
TensorInfo.CooSparse {
    string values_tensor_name = 1; string indices_tensor_name = 2; string dense_shape_tensor_name = 3
}
SignatureDef {
    map<string, TensorInfo> inputs = 1; map<string, TensorInfo> outputs = 2; string method_name = 3;
    map<string, TensorProto> defaults = 4
}

BytesList  { repeated bytes value = 1 }
FloatList  { repeated float value = 1 }
Int64List  { repeated int64 value = 1 }
Feature {
    BytesList bytes_list = 1 (kind); FloatList float_list = 2 (kind); Int64List int64_list = 3 (kind)
}
Features   { map<string, Feature> feature = 1 }
Example    { Features features = 1 }
"""

_TENSORFLOW_SERVING = """
ModelSpec {
    string name = 1; google.protobuf.Int64Value version = 2 (version_choice);
    string version_label = 4 (version_choice); string signature_name = 3
}
StatusProto { tensorflow.error.Code error_code = 1; string error_message = 2 }

PredictRequest {
    ModelSpec model_spec = 1; map<string, tensorflow.TensorProto> inputs = 2;
    repeated string output_filter = 3
}
PredictResponse { ModelSpec model_spec = 2; map<string, tensorflow.TensorProto> outputs = 1 }

Input                   { ExampleList example_list = 1 (kind);
                          ExampleListWithContext example_list_with_context = 2 (kind) }
ExampleList             { repeated tensorflow.Example examples = 1 }
ExampleListWithContext  { repeated tensorflow.Example examples = 1; tensorflow.Example context = 2 }

ClassificationRequest   { ModelSpec model_spec = 1; Input input = 2 }
ClassificationResponse  { ModelSpec model_spec = 2; ClassificationResult result = 1 }
ClassificationResult    { repeated Classifications classifications = 1 }
Classifications         { repeated Class classes = 1 }
Class                   { string label = 1; float score = 2 }

RegressionRequest       { ModelSpec model_spec = 1; Input input = 2 }
RegressionResponse      { ModelSpec model_spec = 2; RegressionResult result = 1 }
RegressionResult        { repeated Regression regressions = 1 }
Regression              { float value = 1 }

MultiInferenceRequest   { repeated InferenceTask tasks = 1; Input input = 2 }
MultiInferenceResponse  { repeated InferenceResult results = 1 }
InferenceTask           { ModelSpec model_spec = 1; string method_name = 2 }
InferenceResult {
    ModelSpec model_spec = 1; ClassificationResult classification_result = 2 (result);
    RegressionResult regression_result = 3 (result)
}

GetModelMetadataRequest   { ModelSpec model_spec = 1; repeated string metadata_field = 2 }
GetModelMetadataResponse  { ModelSpec model_spec = 1; map<string, google.protobuf.Any> metadata = 2 }
SignatureDefMap           { map<string, tensorflow.SignatureDef> signature_def = 1 }

GetModelStatusRequest     { ModelSpec model_spec = 1 }
GetModelStatusResponse    { repeated ModelVersionStatus model_version_status = 1 }
ModelVersionStatus        { int64 version = 1; State state = 2; StatusProto status = 3 }
enum ModelVersionStatus.State {
    UNKNOWN = 0; START = 10; LOADING = 20; AVAILABLE = 30; UNLOADING = 40; END = 50
}

ReloadConfigRequest   { ModelServerConfig config = 1; repeated string metric_names = 2 }
ReloadConfigResponse  { StatusProto status = 1; repeated Metric metric = 2 }
Metric                { string name = 1; int64 int64_value_increase = 2 (value_increase) }
ModelServerConfig {
    ModelConfigList model_config_list = 1 (config); google.protobuf.Any custom_model_config = 2 (config)
}
ModelConfigList       { repeated ModelConfig config = 1 }
ModelConfig {
    string name = 1; string base_path = 2; ModelType model_type = 3; string model_platform = 4;
    FileSystemStoragePathSourceConfig.ServableVersionPolicy model_version_policy = 7;
    map<string, int64> version_labels = 8; LoggingConfig logging_config = 6
}
LoggingConfig         { LogCollectorConfig log_collector_config = 1; SamplingConfig sampling_config = 2 }
LogCollectorConfig    { string type = 1; string filename_prefix = 2 }
SamplingConfig        { double sampling_rate = 1 }
enum ModelType { MODEL_TYPE_UNSPECIFIED = 0; TENSORFLOW = 1; OTHER = 2 }
FileSystemStoragePathSourceConfig {}
FileSystemStoragePathSourceConfig.ServableVersionPolicy {
    Latest latest = 100 (policy_choice); All all = 101 (policy_choice);
    Specific specific = 102 (policy_choice)
}
FileSystemStoragePathSourceConfig.ServableVersionPolicy.Latest    { uint32 num_versions = 1 }
FileSystemStoragePathSourceConfig.ServableVersionPolicy.All       {}
FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific  { repeated int64 versions = 1 }

PredictionLog {
    ClassifyLog classify_log = 2 (log_type); RegressLog regress_log = 3 (log_type);
    PredictLog predict_log = 6 (log_type); MultiInferenceLog multi_inference_log = 4 (log_type)
}
ClassifyLog        { ClassificationRequest request = 1; ClassificationResponse response = 2 }
RegressLog         { RegressionRequest request = 1; RegressionResponse response = 2 }
PredictLog         { PredictRequest request = 1; PredictResponse response = 2 }
MultiInferenceLog  { MultiInferenceRequest request = 1; MultiInferenceResponse response = 2 }
"""

# A tensor whose packed numbers are read and written as bytes: on the wire a packed `repeated float` and a
# `bytes` field are the same, so a whole array crosses protobuf as one copy (0.1 ms for 112,000 floats,
# instead of 10 ms one by one). With it stand TF Serving's files of settings that its API's package leaves out.
_TFMETA = """
PackedTensor {
    tensorflow.DataType dtype = 1; tensorflow.TensorShapeProto tensor_shape = 2;
    bytes float_val = 5; bytes double_val = 6; bytes scomplex_val = 9; bytes dcomplex_val = 12
}

MonitoringConfig  { PrometheusConfig prometheus_config = 1 }
PrometheusConfig  { bool enable = 1; string path = 2 }
SSLConfig         { string server_key = 1; string server_cert = 2; string custom_ca = 3; bool client_verify = 4 }
"""

# In the order of their dependencies.
PACKAGES: dict[str, str] = {
    "google.protobuf": _PROTOBUF,
    "tensorflow.error": _TENSORFLOW_ERROR,
    "tensorflow": _TENSORFLOW,
    "tensorflow.serving": _TENSORFLOW_SERVING,
    "tfmeta": _TFMETA,
}
