"""Reads the command line, carries out its verb, and says in one line what went wrong."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.words import printable
from tfmeta.version import __version__

__all__ = ["command", "main"]

# The verbs, as a newcomer meets them. Each is a module of this package with `SUMMARY`, `add_arguments(parser, argv)`,
# where `argv` is what follows the verb, and `run(args)`, which may return an exit code.
VERBS = ("quickstart", "list", "train", "evaluate", "export", "check", "serve", "predict", "ask", "align")

MISTAKE, INTERRUPTED = 2, 130

_EXTRAS = {
    "grpc": "serve", "matplotlib": "plot", "PIL": "plot", "sklearn": "quickstart", "tensorflow_datasets": "data",
}  # fmt: skip


def command() -> NoReturn:
    """Is the process `tfmeta`: runs it, and ends with its exit code."""
    code = main()
    if code == INTERRUPTED:
        # TensorFlow's threads may be in the middle of a step still, and an interpreter that is taken down
        # below them can crash. Nothing is left to tidy: whatever lasts is renamed into place.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `tfmeta`.

    Args:
        argv: the arguments; those of the process unless given.

    Returns:
        The exit code: 0; 1 where the gate fails an artefact, or a cell of a table cannot be filled; 2 for a
        mistake that the user can mend, which is told in one line on stderr; 130 after Ctrl-C.

    Example:
        >>> main(["--version"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        SystemExit: 0
    """
    argv = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    debug = "--debug" in argv or bool(os.environ.get("TFMETA_DEBUG"))
    if not debug:
        _quiet()
    verb: ModuleType | None = None
    try:
        argv = [argument for argument in argv if argument != "--debug"]
        args = _parse(argv)
        verb = args.verb
        return args.verb.run(args) or 0
    except KeyboardInterrupt:
        return _say(getattr(verb, "IF_INTERRUPTED", "interrupted."), INTERRUPTED)
    except BrokenPipeError:  # `tfmeta list | head`: whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TfmetaError, ValueError, OSError, ModuleNotFoundError) as error:
        if debug:
            raise
        return _say(_in_one_line(error), MISTAKE)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, instead of printing how everything is used."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISTAKE, f"tfmeta: {printable(message)} (`{self.prog} --help` says more)\n")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the arguments; what no parser knows is answered with the nearest option."""
    parser = _parser(argv)
    args, rest = parser.parse_known_args(argv)
    if not rest:
        return args
    flag = rest[0].partition("=")[0]
    verb = next(word for word in argv if not word.startswith("-"))
    near = f" {nearest(flag, args.options)}" if flag.startswith("-") else ""
    raise TfmetaError(f"unrecognized arguments: {' '.join(rest)}.{near} `tfmeta {verb} --help` says more.")


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Makes the parser of the verb that `argv` names, whose flags may depend on what else is named there."""
    asked = next((word for word in argv if not word.startswith("-")), None)
    if asked is not None and asked not in VERBS:
        raise TfmetaError(f"There is no verb {asked!r}. {nearest(asked, VERBS)}")
    verbs = {name: import_module(f"tfmeta.cli.{name}") for name in VERBS}
    parser = _Parser(
        prog="tfmeta",
        usage="tfmeta VERB ...",
        description="\n".join([
            "Learning to learn, from training to an answered gRPC request.",
            "",
            *(f"  tfmeta {name:12}{verb.SUMMARY}" for name, verb in verbs.items()),
            "",
            "`tfmeta VERB --help` says more of each. Models are looked for in $TFMETA_MODELS, in the installed",
            "package, and in the checkout.",
        ]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"tfmeta {__version__}")
    parsers = parser.add_subparsers(metavar="VERB", prog="tfmeta", required=True, help=argparse.SUPPRESS)
    for name, verb in verbs.items():
        verb_parser = parsers.add_parser(
            name,
            description=verb.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,  # a misspelt setting must not be taken for another one
        )
        if name == asked:
            verb.add_arguments(verb_parser, argv[argv.index(name) + 1 :])
        verb_parser.set_defaults(verb=verb, options=sorted(verb_parser._option_string_actions))
    return parser


def _quiet() -> None:
    """Keeps TensorFlow and gRPC from chatting on start-up, unless the user has said how much they may."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _in_one_line(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or "").partition(".")[0]
        if missing in _EXTRAS:
            return f"this needs {missing}, which is not installed: pip install 'tfmeta[{_EXTRAS[missing]}]'."
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__


def _say(line: str, code: int) -> int:
    print(f"tfmeta: {printable(line)}", file=sys.stderr)
    return code
