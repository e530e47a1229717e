"""The gate: what must hold before an artefact is served."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.types_pb2 import DT_STRING

from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import GOLDEN_FILE
from tfmeta.core.gate.batching import batching_advice
from tfmeta.core.gate.compare import differences
from tfmeta.core.gate.ops import forbidden
from tfmeta.core.gate.plan import Plan, Same, plan_calls
from tfmeta.core.gate.replay import Answer, run_without_python
from tfmeta.core.gate.report import Finding, Report
from tfmeta.core.hub import LoadedModel, find_model
from tfmeta.core.saved_model import defaults_of, read_graph, signatures_of
from tfmeta.core.stamps import digest_of, stamp
from tfmeta.core.warmup import WARMUP_FILE, Request, read_requests

__all__ = ["check_artefact"]


def check_artefact(directory: str | Path) -> Report:
    """Checks that an artefact will do in TF Serving what it does in Python.

    It reads the file and judges every op by a list of those that may run; a model with another op is not loaded.
    Then a process without Python's TensorFlow replays the warm-up requests, whose answers must equal those of
    `tf.saved_model.load` and those recorded at export; requests of two tasks, merged and interleaved, must be answered
    as each alone; and where state comes out of one signature and goes into another, the two steps must equal the
    signature that does both. A model that passes is remembered: see `tfmeta.core.stamps`.

    Args:
        directory: a version folder, the folder of a model's versions, or the name of a model in the search
            path.

    Returns:
        The report.

    Raises:
        TfmetaError: if there is no SavedModel, or it is damaged.

    Example:
        >>> print(check_artefact("saved_models/prototypical_omniglot"))  # doctest: +SKIP
    """
    path = find_model(directory)
    digest = digest_of(path)
    graph = read_graph(path)
    signatures = signatures_of(graph)
    if not signatures:
        detail = "there is none, so nothing could be asked; save with signatures, or export with tfmeta.core.export"
        return Report(path, (Finding("signatures", False, detail),), _UNKNOWN)
    bad = [*_other_graphs(path), *forbidden(graph)]
    good = f"{len(signatures)} signatures reach nothing but pure ops"
    ops = Finding("ops", not bad, _summary(bad) or good)
    if bad:
        return Report(path, (ops,), _UNKNOWN)
    loaded = LoadedModel(path)
    requests, warmup = _requests(path, signatures)
    findings = [ops, warmup]
    plan = plan_calls(signatures, requests)
    try:
        answers = run_without_python(path, plan.calls)
    except TfmetaError as error:
        findings.append(Finding("replay", False, str(error)))
        return Report(path, tuple(findings), _UNKNOWN)
    findings += [
        _replay(plan, answers, loaded),
        _golden(path, plan, answers),
        _same("isolation", plan.isolation, answers, "tasks do not touch each other, interleaved or merged"),
        _same("composition", plan.composition, answers, "two steps answer as one"),
    ]
    seconds = {key: answers[number].seconds for key, number in plan.examples.items()}
    report = Report(
        path,
        tuple(findings),
        batching_advice(signatures, plan, answers),
        {key: value for key, value in seconds.items() if value is not None},
    )
    if report.ok and digest_of(path) == digest:  # it was not changed meanwhile
        stamp(path, digest)
    return report


_UNKNOWN = "unknown, since the model was not run"


def _other_graphs(path: Path) -> list[str]:
    """Another file that a loader may take for the graph would be run without having been judged."""
    others = sorted(file.name for file in path.glob("saved_model.*") if file.name != "saved_model.pb")
    return [f"{name} is a second graph beside saved_model.pb; remove it" for name in others]


def _requests(path: Path, signatures: Mapping[str, Any]) -> tuple[list[Request], Finding]:
    """Reads the warm-up requests; a signature without one is asked with zeros, so that it does run."""
    file = path / WARMUP_FILE
    requests = read_requests(file) if file.is_file() else []
    asked = {key for key, _ in requests}
    unknown, missing = sorted(asked - set(signatures)), sorted(set(signatures) - asked)
    requests = [  # A server fills in what a request leaves out, and so must we.
        (key, {**defaults_of(signatures[key]), **inputs}) for key, inputs in requests if key in signatures
    ]
    requests += [(key, _zeros(signatures[key])) for key in missing]
    if not asked:
        detail = f"there is no {WARMUP_FILE}, so zeros were sent; export with tfmeta.core.export"
    elif unknown or missing:
        detail = f"signatures without a request: {missing}; requests for unknown signatures: {unknown}"
    else:
        detail = f"{len(requests)} requests, at least one a signature"
    return requests, Finding("warm-up", not (unknown or missing), detail)


def _zeros(signature: Any) -> dict[str, np.ndarray]:
    zeros = {}
    for name, info in signature.inputs.items():
        dtype = tf.as_dtype(info.dtype).as_numpy_dtype
        zero = b"" if info.dtype == DT_STRING else np.zeros([], dtype)
        zeros[name] = np.full([max(dim.size, 1) for dim in info.tensor_shape.dim], zero, dtype)
    return zeros


def _replay(plan: Plan, answers: Sequence[Answer], loaded: LoadedModel) -> Finding:
    faults, worst = [], 0.0
    for number in plan.replayed:
        call, answer = plan.calls[number], answers[number]
        if answer.error:
            faults.append(f"{call.signature}: {answer.error.splitlines()[0]}{_hint(answer.error)}")
            continue
        try:
            expected = loaded.ask(call.signature, call.feeds)
        except TfmetaError as error:
            faults.append(f"Python cannot answer {error}")
            continue
        found, largest = differences(answer.outputs, expected)
        faults += [f"{call.signature}: {fault} from Python" for fault in found]
        worst = max(worst, largest)
    good = (
        f"{len(plan.replayed)} requests answered without Python as with it (largest difference {worst:.0e})"
    )
    return Finding("replay", not faults, _summary(faults) or good)


def _hint(error: str) -> str:
    if "Could not find variable" in error:
        return " (saved through a Keras model or a module that holds one; export with tfmeta.core.export)"
    return ""


# The processor that exported may add numbers up in another order.
_OTHER_MACHINES = 1e-3


def _golden(path: Path, plan: Plan, answers: Sequence[Answer]) -> Finding:
    file = path / GOLDEN_FILE
    if not file.is_file():
        return Finding("golden", True, "no answers were recorded at export")
    try:
        with np.load(file) as recorded:
            golden = dict(recorded)
    except (OSError, ValueError, BadZipFile) as error:
        return Finding("golden", False, f"{GOLDEN_FILE} cannot be read: {error}; export the model again")
    faults, worst = [], 0.0
    for key, number in plan.examples.items():
        expected = {
            name.partition("/")[2]: value for name, value in golden.items() if name.startswith(f"{key}/")
        }
        if answers[number].error is None and expected:
            found, largest = differences(answers[number].outputs, expected, _OTHER_MACHINES)
            faults += [f"{key}: {fault} from what was recorded at export" for fault in found]
            worst = max(worst, largest)
    good = f"answers are those recorded at export (largest difference {worst:.0e})"
    return Finding("golden", not faults, _summary(faults) or good)


def _same(check: str, pairs: Sequence[Same], answers: Sequence[Answer], good: str) -> Finding:
    faults = []
    for pair in pairs:
        left, right = answers[pair.left], answers[pair.right]
        error = left.error or right.error
        if error:
            faults.append(f"{pair.what}: {error.splitlines()[0]}")
            continue
        faults += [f"{pair.what}: {fault}" for fault in pair.differences(left.outputs, right.outputs)]
    return Finding(check, not faults, _summary(faults) or f"{good} ({len(pairs)} comparisons)")


def _summary(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return "; ".join(dict.fromkeys(faults[:3])) + more
