"""Serves models over TensorFlow Serving's gRPC and REST APIs, in this process, until Ctrl-C.

tfmeta serve                                               every model that `tfmeta list` names
tfmeta serve --port 8500 --model_base_path saved_models
tfmeta serve --model_name maml_omniglot_5w1s --host 0.0.0.0
tfmeta serve --model_config_file models.config --rest_api_port 8501
tfmeta serve --list                                        what would be served

The flags are TensorFlow Serving's, so that a command line moves between the two; those that change no answer, such
as --enable_batching, are taken and have no effect. Versions that appear in a model's folder are loaded and the ones
that they replace unloaded, while requests are answered.
"""

import argparse
import logging
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from tfmeta.cli.progress import starting_tensorflow
from tfmeta.cli.serve_exposure import exposures
from tfmeta.cli.serve_flags import add_flags, given_without_effect
from tfmeta.cli.serve_models import chosen_models, described, named_folders, warn_of_unchecked
from tfmeta.core.checks import TfmetaError
from tfmeta.serving.process import after_tensorflow, before_tensorflow

SUMMARY = "answer gRPC and REST requests as TensorFlow Serving does"

_GRACE_SECONDS = 10.0
_LOG = logging.getLogger("tfmeta.serving")
_ZERO = {"port": "a free one", "rest_api_port": "none"}


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Says what the verb takes."""
    add_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    config = chosen_models(args)
    if args.list:
        print(described(config))
        return
    _check_ports(args)
    logging.basicConfig(format="tfmeta: %(message)s")
    for flag in given_without_effect(args):
        _LOG.warning("%s has no effect here", flag)
    warn_of_unchecked(config)
    before_tensorflow()
    with starting_tensorflow():
        from tfmeta.serving.server import serve_forever
    after_tensorflow()
    models = _models(args, config)
    server, rest = _servers(args, config, models)
    with ExitStack() as at_the_end:

        def ready(_: Any) -> None:
            places = [server.address]
            if rest:
                rest.start()
                at_the_end.callback(rest.stop, _GRACE_SECONDS)
                places.append(f"REST at {rest.address}")
            _watch(args, config, models, at_the_end)
            print(f"Serving {', '.join(models.names)} at {'; '.join(places)}; Ctrl-C ends it.", flush=True)

        at_the_end.callback(models.unload)
        _load(models)
        at_the_end.callback(_LOG.setLevel, logging.ERROR)
        serve_forever(server, grace=_GRACE_SECONDS, on_ready=ready)


def _check_ports(args: argparse.Namespace) -> None:
    """Tries to listen, since the servers themselves would do so only after all models are loaded."""
    for flag in ("port", "rest_api_port"):
        port = getattr(args, flag)
        if not 0 <= port < 2**16:
            raise TfmetaError(f"--{flag} {port}: expected 1 to 65535, or 0 for {_ZERO[flag]}.")
        if port == 0 and flag == "rest_api_port":
            continue
        try:
            socket.create_server((args.host, port)).close()
        except OSError as error:
            raise TfmetaError(
                f"{args.host}:{port} cannot be listened on ({error.strerror}); choose another --{flag},"
                f" or 0 for {_ZERO[flag]}."
            ) from error
    if args.port == args.rest_api_port != 0:
        raise TfmetaError(f"--port and --rest_api_port are both {args.port}; choose another for one of them.")


def _models(args: argparse.Namespace, config: Any) -> Any:
    from tfmeta.core.stamps import warn_unless_passed
    from tfmeta.serving.errors import ServingError
    from tfmeta.serving.lifecycle.model import LoadRetries
    from tfmeta.serving.lifecycle.models import Models

    try:
        return Models.from_config(
            config,
            allow_unavailable_labels=args.allow_version_labels_for_unavailable_models,
            intra_op_parallelism=args.tensorflow_intra_op_parallelism,
            strict_shapes=args.strict_shapes,
            load_retries=LoadRetries(args.max_num_load_retries, args.load_retry_interval_micros / 1e6),
            max_request_memory_mb=args.max_request_memory_mb,
            before_load=warn_unless_passed,  # of versions that appear later, too
        )
    except ServingError as error:
        hint = (
            "; say --allow_version_labels_for_unavailable_models" if "assign label" in error.message else ""
        )
        raise TfmetaError(f"{args.model_config_file}: {error.message}{hint}.") from error


def _servers(args: argparse.Namespace, config: Any, models: Any) -> tuple[Any, Any]:
    """The gRPC server, and the REST one if it is wanted."""
    from tfmeta.serving.metrics import Metrics, read_monitoring_config
    from tfmeta.serving.rest.connection import Limits
    from tfmeta.serving.rest.server import RestServer
    from tfmeta.serving.server import Server
    from tfmeta.serving.tls import read_ssl_config, server_credentials

    path = read_monitoring_config(args.monitoring_config_file) if args.monitoring_config_file else None
    if path and not args.rest_api_port:
        _LOG.warning("there are no metrics without --rest_api_port, which is where they are shown")
    metrics = Metrics() if path and args.rest_api_port else None
    ssl_config = read_ssl_config(args.ssl_config_file) if args.ssl_config_file else None
    for warning in exposures(args, ssl_config):
        _LOG.warning("%s", warning)
    server = Server(
        models,
        host=args.host,
        port=args.port,
        socket_path=args.grpc_socket_path,
        credentials=server_credentials(ssl_config) if ssl_config is not None else None,
        threads=args.grpc_max_threads,
        queue=args.max_queued_requests,
        message_bytes=args.max_message_mb * 2**20,
        channel_arguments=args.grpc_channel_arguments,
        metrics=metrics,
        reload_below=named_folders(args, config) if args.allow_reload else (),
    )
    if not args.rest_api_port:
        return server, None
    return server, RestServer(
        models,
        host=args.host,
        port=args.rest_api_port,
        metrics=metrics,
        metrics_path=path,
        pool=server.pool,
        cors=args.rest_api_enable_cors_support,
        limits=Limits(
            body_bytes=args.rest_api_max_body_bytes,
            seconds=args.rest_api_timeout_in_ms / 1000,
            connections=args.rest_api_max_connections,
        ),
    )


def _load(models: Any) -> None:
    from tqdm import tqdm

    loading = logging.getLogger("tfmeta.serving.lifecycle.model")
    loading.setLevel(logging.ERROR)  # what fails now is told by an exception
    try:
        with tqdm(
            total=len(models.names), desc="Loading models", unit="model", leave=False, disable=None
        ) as bar:
            models.load(lambda version: bar.update())
    finally:
        loading.setLevel(logging.NOTSET)
    _LOG.setLevel(logging.INFO)


def _watch(args: argparse.Namespace, config: Any, models: Any, at_the_end: ExitStack) -> None:
    """Follows what happens to the models' folders and to the list of models."""
    from tfmeta.serving.lifecycle.watcher import ConfigFile, Watcher

    if args.file_system_poll_wait_seconds > 0:
        models.watch(args.file_system_poll_wait_seconds)
    if args.model_config_file and args.model_config_file_poll_wait_seconds > 0:
        reload = partial(models.reload, wait=False)
        file = ConfigFile(args.model_config_file, reload, in_force=config)
        at_the_end.callback(Watcher(file.look, args.model_config_file_poll_wait_seconds).stop)
