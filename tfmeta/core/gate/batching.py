"""Whether TF Serving's batching may be switched on for an artefact.

Batching joins the requests of several clients along the first dimension of every input, and deals the rows
of every output back to them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tfmeta.core.gate.plan import Plan, without_rows
from tfmeta.core.gate.replay import Answer

__all__ = ["batching_advice"]


_CONDITIONS = (
    "may be switched on for requests of equal shapes; leave pad_variable_length_inputs off, and know that a"
    " request which is refused fails all that were merged with it"
)


def batching_advice(signatures: Mapping[str, Any], plan: Plan, answers: Sequence[Answer]) -> str:
    """Says whether batching may be switched on, and under which conditions."""
    for key, signature in signatures.items():
        if not signature.inputs:
            return f"must stay off: {key} has no input, and batching refuses such requests"
        lacking = without_rows(signature)
        if lacking:
            return f"must stay off: {', '.join(lacking)} of {key} has no free leading dimension"
    if plan.unequal:
        return f"must stay off: the inputs of {', '.join(plan.unequal)} have unequal first dimensions"
    for pair in plan.isolation:
        if pair.rows is not None:
            left, right = answers[pair.left], answers[pair.right]
            if left.error or right.error or pair.differences(left.outputs, right.outputs):
                return f"must stay off: {pair.what}, a request is not answered as it is alone"
    wide = [
        key
        for key, number in plan.narrow.items()
        if _width_differs(answers[number], answers[plan.examples[key]])
    ]
    if wide:
        return (
            f"{_CONDITIONS}; only for requests with the same number of classes, since the rows of"
            f" {', '.join(wide)} are as wide as the largest integer of the whole merged batch asks for"
        )
    return _CONDITIONS


def _width_differs(narrow: Answer, usual: Answer) -> bool:
    if narrow.error or usual.error:
        return False
    return any(narrow.outputs[name].shape != value.shape for name, value in usual.outputs.items())
