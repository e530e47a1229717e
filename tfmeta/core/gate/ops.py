"""Which ops a signature reaches, and which of them a server must not run."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tensorflow.python.framework import op_def_registry

from tfmeta.core.saved_model import signatures_of

__all__ = ["forbidden"]

_FORBIDDEN = (
    (r"(Eager)?PyFunc(Stateless)?|NumpyFunction", "needs Python, which TF Serving has not"),
    (
        r"(Ref)?Assign\w*|\w*Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)|(Sparse|Resource)*Apply[A-Z]\w*"
        r"|ResourceStridedSliceAssign|CountUpTo|ResourceCountUpTo|LookupTable(Insert|Import|Remove)\w*",
        "changes the model with every request; take state as an input and return it as an output",
    ),
    (
        r"(Read|Write|Append|Delete)File|MatchingFiles|Save(V2|Slices)?|Restore(V2|Slice)?|MergeV2Checkpoints"
        r"|ShardedFilename|\w*Reader(V2)?|Reader\w+|(TextLine|TFRecord|FixedLengthRecord)Dataset(V2)?"
        r"|\w*SummaryFileWriter|\w*SummaryWriter|InitializeTableFromTextFile(V2)?|PrintV2|Print",
        "touches files or the server's output",
    ),
    (
        r"Random(Uniform|UniformInt|StandardNormal|Shuffle|Gamma|Poisson)(V2)?|TruncatedNormal|Multinomial"
        r"|ParameterizedTruncatedNormal|RngReadAndSkip|RngSkip|StatefulStandardNormal(V2)?"
        r"|Stateful(Uniform|TruncatedNormal)\w*|(Anonymous)?RandomSeedGenerator",
        "draws from hidden state; take a seed as an input and use tf.random.stateless_*",
    ),
)
# Stateful by their registration, but nothing is kept from one request to the next.
_HARMLESS = re.compile(
    r"VarHandleOp|ReadVariableOp|VariableV2|Variable|VarIsInitializedOp|ResourceGather(Nd)?|StatefulPartitionedCall"
    r"|Assert|If|While|Case|HashTableV2|LookupTableFindV2|LookupTableSizeV2|Placeholder|_Arg|_Retval|CollectiveReduceV2"
)


def forbidden(graph: Any) -> list[str]:
    """Says for each signature which ops it reaches that a server must not run.

    Everything in the body of a reachable function counts, since TensorFlow runs its stateful ops in any case.

    Returns:
        Sentences, e.g. ``"adapt: AssignVariableOp (batch_normalization/AssignMovingAvg) changes the model
        ..."``.
    """
    found = []
    for key, signature in signatures_of(graph).items():
        wanted = [info.name for info in signature.outputs.values()]
        reasons = {
            node.op: (node.name, reason) for node in _reachable(graph, wanted) if (reason := _reason(node.op))
        }
        found += [f"{key}: {op} ({name}) {reason}" for op, (name, reason) in sorted(reasons.items())]
    return found


def _reason(op: str) -> str | None:
    for pattern, reason in _FORBIDDEN:
        if re.fullmatch(pattern, op):
            return reason
    definition = op_def_registry.get(op)
    if definition is None:
        return "is no op of stock TensorFlow"
    if definition.is_stateful and not _HARMLESS.fullmatch(op):
        return "is stateful, and not known to be harmless"
    return None


def _reachable(graph: Any, tensors: Iterable[str]) -> Iterator[Any]:
    """Yields the nodes that the tensors depend on, and those of all functions that are called on the way."""
    nodes = {node.name: node for node in graph.graph_def.node}
    library = {function.signature.name: function for function in graph.graph_def.library.function}
    waiting = [name.partition(":")[0] for name in tensors]
    seen, called = set(waiting), set[str]()
    while waiting:
        node = nodes.get(waiting.pop())
        if node is None:
            continue
        yield node
        for name in (name.lstrip("^").partition(":")[0] for name in node.input):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
        yield from _bodies(node, library, called)


def _bodies(node: Any, library: Mapping[str, Any], called: set[str]) -> Iterator[Any]:
    for attribute in node.attr.values():
        for name in [attribute.func.name, *(function.name for function in attribute.list.func)]:
            if name in library and name not in called:
                called.add(name)
                for inner in library[name].node_def:
                    yield inner
                    yield from _bodies(inner, library, called)
