"""The flags of `tfmeta serve`: TF Serving's own, under its names, so that a command line moves between the two."""

import argparse
import re
from pathlib import Path

from tfmeta.cli.settings import count

__all__ = ["WITHOUT_EFFECT", "add_flags", "given_without_effect"]

#: What TF Serving knows and this server has no use for; answers are the same with and without.
WITHOUT_EFFECT = (
    "batching_parameters_file", "enable_batching", "enable_grpc_healthcheck_service", "enable_model_warmup",
    "enable_per_model_batching_params", "enable_profiler", "enable_serialization_as_tensor_content",
    "enable_signature_method_name_check", "enforce_session_run_timeout", "flush_filesystem_caches", "mixed_precision",
    "num_load_threads", "num_request_iterations_for_warmup", "num_tflite_interpreters_per_pool", "num_tflite_pools",
    "num_unload_threads", "per_process_gpu_memory_fraction", "platform_config_file", "prefer_tflite_model",
    "remove_unused_fields_from_bundle_metagraph", "rest_api_num_threads", "saved_model_tags", "skip_initialize_tpu",
    "tensorflow_inter_op_parallelism", "tensorflow_session_parallelism", "thread_pool_factory_config_file",
    "xla_cpu_compilation_enabled",
)  # fmt: skip
_AS_HERE = ("enable_grpc_healthcheck_service", "enable_model_warmup", "saved_model_tags")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds every flag to a parser."""
    which = parser.add_argument_group("which models")
    which.add_argument(
        "--model_base_path", metavar="DIR", type=Path,
        help="a folder of <name>/<version>/, or one model's folder of versions",
    )  # fmt: skip
    which.add_argument(
        "--model_name", metavar="NAME", action="append",
        help="serve only this model (may be given several times), or what to call the one at DIR",
    )  # fmt: skip
    which.add_argument(
        "--model_config_file", metavar="FILE", type=Path,
        help="a list of models in TensorFlow Serving's text format, instead of the two above",
    )  # fmt: skip
    which.add_argument(
        "--model_config_file_poll_wait_seconds", metavar="S", type=_seconds, default=0,
        help="how often to look whether that list has changed; 0 for never (the default)",
    )  # fmt: skip
    _truth_flag(which, "--allow_version_labels_for_unavailable_models",
                "whether a new label may name a version that is not loaded yet; at the start none is")  # fmt: skip
    _truth_flag(which, "--allow_reload",
                "let clients replace the list of models, by HandleReloadConfigRequest, with models that lie below the"
                " folders named here; not TensorFlow Serving's, which always does")  # fmt: skip
    which.add_argument(
        "--file_system_poll_wait_seconds", metavar="S", type=_seconds, default=1,
        help="how often to look for new versions (default: 1); 0 for never",
    )  # fmt: skip
    which.add_argument(
        "--max_num_load_retries", metavar="N", type=_natural, default=5,
        help="how often to try again to load a new version that fails (default: 5); at the start it is told at once",
    )  # fmt: skip
    which.add_argument(
        "--load_retry_interval_micros", metavar="US", type=int, default=60_000_000,
        help="how long to wait before that (default: a minute)",
    )  # fmt: skip

    where = parser.add_argument_group("where")
    where.add_argument(
        "--port", metavar="PORT", type=int, default=8500, help="gRPC; 0 for a free one (default: 8500)"
    )
    where.add_argument(
        "--rest_api_port", metavar="PORT", type=int, default=0, help="REST; 0 for none (the default)"
    )
    where.add_argument(
        "--rest_api_timeout_in_ms", metavar="MS", type=count, default=30_000,
        help="how long a client of the REST API may be silent, or take to send a request (default: 30000)",
    )  # fmt: skip
    _truth_flag(where, "--rest_api_enable_cors_support", "answer pages of other origins, in a browser")
    where.add_argument(
        "--rest_api_max_body_bytes", metavar="N", type=count, default=16 * 2**20,
        help="size of the largest body over REST (default: 16777216); not TensorFlow Serving's",
    )  # fmt: skip
    where.add_argument(
        "--rest_api_max_connections", metavar="N", type=count, default=256,
        help="how many clients of the REST API may be connected (default: 256); not TensorFlow Serving's",
    )  # fmt: skip
    where.add_argument(
        "--grpc_socket_path", metavar="PATH", type=Path, help="a Unix domain socket for gRPC as well"
    )
    where.add_argument(
        "--host", metavar="HOST", default="127.0.0.1",
        help="0.0.0.0 for every network, as TensorFlow Serving does (default: this machine)",
    )  # fmt: skip
    where.add_argument("--ssl_config_file", metavar="FILE", type=Path, help="encrypts gRPC: an SSLConfig")

    how = parser.add_argument_group("how")
    how.add_argument(
        "--monitoring_config_file", metavar="FILE", type=Path,
        help="shows metrics to Prometheus on the REST port: a MonitoringConfig",
    )  # fmt: skip
    how.add_argument(
        "--grpc_max_threads",
        metavar="N",
        type=count,
        default=8,
        help="requests worked on at a time (default: 8)",
    )
    how.add_argument(
        "--max_queued_requests", metavar="N", type=_natural, default=1024,
        help="requests that may wait for that, before any more are refused (default: 1024); not TensorFlow Serving's",
    )  # fmt: skip
    how.add_argument(
        "--max_request_memory_mb", metavar="MB", type=count, default=256,
        help="memory that requests may take together; one that needs more alone is refused (default: 256);"
             " not TensorFlow Serving's",
    )  # fmt: skip
    how.add_argument(
        "--max_message_mb", metavar="MB", type=count, default=64,
        help="size of the largest gRPC message, either way, also unpacked (default: 64); not TensorFlow Serving's",
    )  # fmt: skip
    how.add_argument(
        "--grpc_channel_arguments", metavar="KEY=VALUE,...", type=_channel_arguments, default={},
        help="arguments of gRPC's server, such as grpc.max_receive_message_length=4194304",
    )  # fmt: skip
    how.add_argument(
        "--tensorflow_intra_op_parallelism", metavar="N", type=_natural, default=1,
        help="cores that one op may use; 0 for all (default: 1)",
    )  # fmt: skip
    _truth_flag(how, "--strict_shapes",
                "refuse inputs whose shapes do not fit the signature, which TensorFlow Serving runs")  # fmt: skip
    how.add_argument("--list", action="store_true", help="say what the models are, and start nothing")
    for name in WITHOUT_EFFECT:
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)


def given_without_effect(args: argparse.Namespace) -> list[str]:
    """The flags on a command line that change nothing here, and might have been meant to."""
    return [
        f"--{name}" for name in WITHOUT_EFFECT if name not in _AS_HERE and getattr(args, name) is not None
    ]


def _truth_flag(group: argparse._ArgumentGroup, name: str, what: str) -> None:
    group.add_argument(
        name, metavar="true|false", type=_truth, nargs="?", const=True, default=False, help=what
    )


def _truth(text: str) -> bool:
    truths = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in truths:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return truths[text.lower()]


def _channel_arguments(text: str) -> dict[str, int | str]:
    """Reads TensorFlow Serving's `key=value,key=value`; a value of digits is a number, as there."""
    arguments: dict[str, int | str] = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{pair!r} is no key=value")
        arguments[key.strip()] = int(value) if re.fullmatch(r"-?\d+", value, re.ASCII) else value
    return arguments


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
