"""Serves models over TensorFlow Serving's gRPC API, in this process, until Ctrl-C.

tfmeta serve                                               every model that `tfmeta list` names
tfmeta serve --port 8500 --model_base_path saved_models
tfmeta serve --model_name maml_omniglot_5w1s --host 0.0.0.0
"""

import argparse
import logging
import socket
from pathlib import Path

from tfmeta.cli.progress import starting_tensorflow
from tfmeta.core.checks import TfmetaError

SUMMARY = "answer gRPC requests as TensorFlow Serving does"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the verb takes."""
    parser.add_argument(
        "--port", metavar="PORT", type=int, default=8500, help="0 for a free one (default: 8500)"
    )
    parser.add_argument(
        "--host",
        metavar="HOST",
        default="127.0.0.1",
        help="0.0.0.0 for every network (default: this machine)",
    )
    parser.add_argument(
        "--model_base_path", metavar="DIR", type=Path,
        help="a folder of <name>/<version>/, or one model's folder of versions",
    )  # fmt: skip
    parser.add_argument(
        "--model_name",
        metavar="NAME",
        action="append",
        help="serve only this model; may be given several times",
    )


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    _check_port(args.host, args.port)
    logging.basicConfig(format="tfmeta: %(message)s")
    with starting_tensorflow():
        from tqdm import tqdm

        from tfmeta.serving.models import Models
        from tfmeta.serving.server import Server, serve_forever
    folders, names = _chosen(args.model_base_path, args.model_name)
    models = Models(*folders, names=names)
    if not models.names:
        raise TfmetaError(
            f"There are no models in {', '.join(map(str, folders)) or 'the search path'}; expected"
            " <name>/<version>/ there. Name their folder with --model_base_path, or in TFMETA_MODELS."
        )
    server = Server(models, host=args.host, port=args.port)
    with tqdm(total=len(models.names), desc="Loading models", unit="model", leave=False, disable=None) as bar:
        models.load(lambda version: bar.update())
    serve_forever(server, on_ready=_ready)


def _check_port(host: str, port: int) -> None:
    """Tries to listen, since the server itself would do so only after all models are loaded."""
    if not 0 <= port < 2**16:
        raise TfmetaError(f"--port {port}: expected 1 to 65535, or 0 for a free one.")
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise TfmetaError(
            f"{host}:{port} cannot be listened on ({error.strerror}); choose another --port, or 0 for a free one."
        ) from error


def _chosen(base: Path | None, names: list[str] | None) -> tuple[list[Path], list[str] | None]:
    from tfmeta.paths import model_folders
    from tfmeta.serving.models import versions_in

    if base is None:
        return model_folders(), names
    if not versions_in(base):
        return [base], names
    # TensorFlow Serving's --model_base_path is that of one model.
    name = base.resolve().name
    if names not in (None, [name]):
        raise TfmetaError(
            f"--model_name {' '.join(names)}: {base} is the model {name!r}; rename its folder,"
            f" or say --model_base_path {base.parent}."
        )
    return [base.resolve().parent], [name]


def _ready(server) -> None:
    print(f"Serving {', '.join(server.models.names)} at {server.address}; Ctrl-C ends it.", flush=True)
