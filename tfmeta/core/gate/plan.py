"""The calls that the gate makes, and which of their answers must be the same.

The gate knows no kind of model. It goes by names: an output that is an input elsewhere is state, the
signatures that pass it on are producer and consumer, and a signature with the inputs and outputs of both is
their composition.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfmeta.core.gate.compare import differences
from tfmeta.core.gate.replay import AnswerOf, Call, Feed, Value
from tfmeta.core.warmup import Request

__all__ = ["Plan", "Same", "plan_calls", "without_rows"]

_MEASURED_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Same:
    """Two calls must answer alike: `left`, or those of its `rows` that are given, and `right`."""

    what: str
    left: int
    right: int
    rows: slice | None = None

    def differences(self, left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> list[str]:
        """Compares the outputs of both calls; returns a phrase for each that differs."""
        if self.rows is not None:
            left = {name: value[self.rows] for name, value in left.items()}
        return differences(left, right)[0]


@dataclasses.dataclass
class Plan:
    """Calls, and what is expected of them.

    Attributes:
        calls: in the order in which they are made.
        replayed: numbers of the calls that make the given requests.
        examples: number of the first of them for each signature.
        isolation: answers that must not depend on what else was asked, before or in the same batch.
        composition: answers that must be the same in one step and in two.
        unequal: signatures whose request has inputs of unequal first dimensions, so that it cannot be merged.
        narrow: number of a call that differs in its integers only, for each signature that takes integers.
    """

    calls: list[Call] = dataclasses.field(default_factory=list)
    replayed: list[int] = dataclasses.field(default_factory=list)
    examples: dict[str, int] = dataclasses.field(default_factory=dict)
    isolation: list[Same] = dataclasses.field(default_factory=list)
    composition: list[Same] = dataclasses.field(default_factory=list)
    unequal: list[str] = dataclasses.field(default_factory=list)
    narrow: dict[str, int] = dataclasses.field(default_factory=dict)

    def ask(self, signature: str, feeds: Mapping[str, Feed], time_for: float = 0.0) -> int:
        """Adds a call and returns its number."""
        self.calls.append(Call(signature, feeds, time_for))
        return len(self.calls) - 1


def plan_calls(signatures: Mapping[str, Any], given: Sequence[Request]) -> Plan:
    """Plans the calls for an artefact.

    Args:
        signatures: its SignatureDefs by name.
        given: requests, one or more for each signature.
    """
    plan = Plan()
    requests: dict[str, dict[str, np.ndarray]] = {}
    for key, request in given:
        number = plan.ask(key, request, 0.0 if key in requests else _MEASURED_SECONDS)
        plan.replayed.append(number)
        plan.examples.setdefault(key, number)
        requests.setdefault(key, request)
    links = list(_links(signatures))
    producers = {
        name: producer for producer, consumer, names in links if producer != consumer for name in names
    }

    others: dict[str, dict[str, Value]] = {}  # each signature's request for a second, different task
    for key in sorted(requests, key=lambda key: any(name in producers for name in requests[key])):
        others[key] = _other(requests[key])
        for name in requests[key]:
            producer = producers.get(name, key)
            if producer != key and producer in others:
                others[key][name] = AnswerOf(plan.ask(producer, others[producer]), name)

    for key, request in requests.items():
        _plan_isolation(plan, key, request, others[key], mergeable=not without_rows(signatures[key]))
    for producer, consumer, names in links:
        _plan_interleaving(plan, producer, consumer, names, requests, others)
        _plan_composition(plan, signatures, producer, consumer, names, requests)
    return plan


def _plan_isolation(
    plan: Plan, key: str, request: Mapping[str, np.ndarray], other: Mapping[str, Value], mergeable: bool
) -> None:
    first, second = plan.examples[key], plan.ask(key, other)
    plan.isolation.append(Same(f"{key} again, after other requests", plan.ask(key, request), first))
    if any(value.dtype.kind in "iu" for value in request.values()):
        zeros = {name: np.zeros_like(x) if x.dtype.kind in "iu" else x for name, x in request.items()}
        plan.narrow[key] = plan.ask(key, zeros)
    sizes = {len(value) for value in request.values() if value.ndim}
    if not mergeable:
        return
    if len(sizes) > 1:
        plan.unequal.append(key)
    else:
        rows = sizes.pop()
        merged = plan.ask(key, {name: (request[name], other[name]) for name in request})
        plan.isolation.append(Same(f"{key}, merged with another task", merged, first, slice(rows)))
        plan.isolation.append(Same(f"{key}, merged behind another task", merged, second, slice(rows, None)))


def _plan_interleaving(
    plan: Plan, producer: str, consumer: str, names: list[str], requests: Mapping, others: Mapping
) -> None:
    if producer not in requests or consumer not in requests:
        return
    tasks = [(requests[producer], requests[consumer]), (others[producer], others[consumer])]

    def consume(given: Mapping[str, Feed], produced: int) -> int:
        return plan.ask(consumer, {**given, **{name: AnswerOf(produced, name) for name in names}})

    alone = [consume(second, plan.ask(producer, first)) for first, second in tasks]
    states = [plan.ask(producer, first) for first, _ in tasks]
    mixed = [consume(second, state) for (_, second), state in zip(tasks, states, strict=True)]
    plan.isolation += [
        Same(f"{producer}, {consumer} of two tasks in turn", *pair) for pair in zip(mixed, alone, strict=True)
    ]


def _plan_composition(
    plan: Plan, signatures: Mapping, producer: str, consumer: str, names: list[str], requests: Mapping
) -> None:
    inputs = {*signatures[producer].inputs, *signatures[consumer].inputs} - set(names)
    for key, signature in signatures.items():
        if key not in requests or key in (producer, consumer) or producer == consumer:
            continue
        if set(signature.inputs) != inputs or set(signature.outputs) != set(signatures[consumer].outputs):
            continue
        given = requests[key]
        state = plan.ask(
            producer, {name: given[name] for name in signatures[producer].inputs if name in given}
        )
        rest = {name: given[name] for name in signatures[consumer].inputs if name in given}
        feeds = {**rest, **{name: AnswerOf(state, name) for name in names}}
        what = f"{producer} then {consumer}, and {key}"
        plan.composition.append(Same(what, plan.ask(consumer, feeds), plan.examples[key]))


def _links(signatures: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yields the signatures between which state passes, with its names."""
    for producer, first in signatures.items():
        for consumer, second in signatures.items():
            names = sorted(set(first.outputs) & set(second.inputs))
            if names:
                yield producer, consumer, names


def _other(request: Mapping[str, np.ndarray]) -> dict[str, Value]:
    """Makes a different task of the same shapes: its items are dealt anew, its integers stay valid."""
    return {
        name: np.roll(value, 1 + index, axis=1) if value.dtype.kind == "f" and value.ndim > 1 else value
        for index, (name, value) in enumerate(sorted(request.items()))
    }


def without_rows(signature: Any) -> list[str]:
    """Names the inputs and outputs that have no free leading dimension, which merging requests takes."""
    infos = [*signature.inputs.items(), *signature.outputs.items()]
    return sorted(
        name for name, info in infos if not info.tensor_shape.dim or info.tensor_shape.dim[0].size != -1
    )
