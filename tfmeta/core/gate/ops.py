"""Which ops a model may run, judged by the file alone: nothing is loaded before it has passed."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from tensorflow.python.framework import op_def_registry

from tfmeta.core.gate.allowed_ops import INITIALISING, KEPT, PURE, SAVING, TRAINING
from tfmeta.core.saved_model import signatures_of

__all__ = ["forbidden"]

_REASONS = (  # said of some that are not allowed, so that their author knows how to mend it
    (r"(Eager)?PyFunc(Stateless)?|NumpyFunction", "needs Python, which TF Serving has not"),
    (
        r"(Ref)?Assign\w*|\w*Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)|(Sparse|Resource)*Apply[A-Z]\w*|Inplace\w+"
        r"|ResourceStridedSliceAssign|CountUpTo|ResourceCountUpTo|LookupTable(Insert|Import|Remove)\w*",
        "changes the model with every request; take state as an input and return it as an output",
    ),
    (
        r"(Read|Write|Append|Delete)File|MatchingFiles|Save(V2|Slices)?|Restore(V2|Slice)?|MergeV2Checkpoints"
        r"|ShardedFilename|\w*Reader(V2)?|Reader\w+|(TextLine|TFRecord|FixedLengthRecord)Dataset(V2)?"
        r"|\w*SummaryFileWriter|\w*SummaryWriter|PrintV2|Print|ImmutableConst|(En|De)codeProto(V2)?|Debug\w+"
        r"|LoadAndRemapMatrix|GenerateVocabRemapping",
        "touches files or the server's output",
    ),
    (
        r"InitializeTableFromTextFile(V2)?",
        "reads a file; keep the vocabulary in the graph, by tf.lookup.KeyValueTensorInitializer",
    ),
    (
        r"Random(Uniform|UniformInt|StandardNormal|Shuffle|Gamma|Poisson)(V2)?|TruncatedNormal|Multinomial"
        r"|ParameterizedTruncatedNormal|RngReadAndSkip|RngSkip|StatefulStandardNormal(V2)?|Fractional\w+Pool"
        r"|Stateful(Uniform|TruncatedNormal)\w*|(Anonymous)?RandomSeedGenerator|ExtractGlimpse(V2)?",
        "draws from hidden state; take a seed as an input and use tf.random.stateless_*",
    ),
)  # fmt: skip


def forbidden(graph: Any) -> list[str]:
    """Says which ops of a model a server must not run: in signatures, in what runs at loading, and in the rest.

    Everything in the body of a reachable function counts, since TensorFlow runs its stateful ops in any case. The
    functions that nothing reaches count too, since Python's loader may run them.

    Args:
        graph: the ``MetaGraphDef``.

    Returns:
        Sentences, e.g. ``"adapt: AssignVariableOp (batch_normalization/AssignMovingAvg) changes the model
        ..."``; none where all may run.
    """
    walk = _Walk(graph)
    found = []
    for key, signature in signatures_of(graph).items():
        reached = walk.reach(info.name for info in signature.outputs.values())
        found += _judged(key, reached, PURE | KEPT)
    reached = walk.reach(_initial_ops(graph))
    found += _judged("at loading", reached, PURE | KEPT | INITIALISING)
    saver = graph.saver_def
    file = saver.filename_tensor_name
    if saver.restore_op_name:
        reached = walk.reach([saver.restore_op_name], files=[file.partition(":")[0]])
        found += _judged("at restoring", reached, PURE | KEPT | INITIALISING | SAVING)
    walk.reach([saver.save_tensor_name])  # no server saves: it is neither run nor among the rest
    found += _judged("in no signature", walk.rest(), PURE | KEPT | INITIALISING | TRAINING)
    assets = [asset.filename for asset in graph.asset_file_def]
    return found + [
        f"assets: {name!r} lies outside of the model"
        for name in assets
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts
    ]


def _initial_ops(graph: Any) -> Iterator[str]:
    """The ops that loaders run, under each of the names that they go by."""
    for key, signature in graph.signature_def.items():
        if key.startswith("__"):
            yield from (info.name for info in signature.outputs.values())
    for name in ("saved_model_main_op", "legacy_init_op", "saved_model_init_op"):
        if name in graph.collection_def:
            yield from graph.collection_def[name].node_list.value


@dataclass(frozen=True)
class _Node:
    """A node, and whether it reads a file that the loader has not named."""

    name: str
    op: str
    strange_file: bool = False


def _judged(where: str, nodes: Iterable[_Node], allowed: Collection[str]) -> list[str]:
    reasons: dict[str, tuple[str, str]] = {}
    for node in nodes:
        reason = _reason(node.op, allowed)
        if node.strange_file and not reason:
            reason = "reads another file than the variables of the model"
        if reason:
            reasons.setdefault(node.op, (node.name, reason))
    return [f"{where}: {op} ({name}) {reason}" for op, (name, reason) in sorted(reasons.items())]


def _reason(op: str, allowed: Collection[str]) -> str | None:
    if op in allowed:
        return None
    for pattern, reason in _REASONS:
        if re.fullmatch(pattern, op):
            return reason
    definition = op_def_registry.get(op)
    if definition is None:
        return "is no op of stock TensorFlow"
    if definition.is_stateful:
        return "is stateful, and not known to be harmless"
    return "is not among the ops that may be served"


@dataclass
class _Walk:
    """Goes through the nodes of a graph and the functions that they call."""

    graph: Any
    nodes: Mapping[str, Any] = field(init=False)
    functions: Mapping[str, Any] = field(init=False)
    seen: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.nodes = {node.name: node for node in self.graph.graph_def.node}
        self.functions = {
            function.signature.name: function for function in self.graph.graph_def.library.function
        }

    def reach(self, tensors: Iterable[str], files: Collection[str] = ()) -> list[_Node]:
        """Returns the nodes that tensors depend on, with those of all functions that are called on the way.

        Args:
            tensors: their names, or names of ops.
            files: nodes of the graph that hold the name of the file that the loader restores from.
        """
        waiting = [_producer(name) for name in tensors]
        seen, called, found = set(waiting), dict[str, bool](), list[_Node]()
        while waiting:
            node = self.nodes.get(waiting.pop())
            if node is None:
                continue
            found += self._inside(node, called, files)
            for name in map(_producer, node.input):
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
        self.seen |= seen
        self.called |= {*called}
        return found

    def rest(self) -> list[_Node]:
        """Returns the nodes of the graph and of its functions that nothing has reached."""
        found = [
            _Node(node.name, node.op) for node in self.graph.graph_def.node if node.name not in self.seen
        ]
        for name, function in self.functions.items():
            if name not in self.called:
                found += [_Node(f"{name}/{node.name}", node.op) for node in function.node_def]
        return [node for node in found if node.op not in self.functions]

    def _inside(self, top: Any, called: dict[str, bool], files: Collection[str]) -> Iterator[_Node]:
        """Yields a node, and the bodies of the functions that it calls, each function once."""
        waiting = [(top, files)]
        while waiting:
            node, known = waiting.pop()
            given = bool(node.input) and _producer(node.input[0]) in known
            if node.op not in self.functions:
                yield _Node(node.name, node.op, node.op.startswith("Restore") and not given)
            for name in _callees(node):
                function = self.functions.get(name)
                if function is None or (name in called and called[name] <= given):
                    continue  # it was judged before, as strictly
                called[name] = given
                first = [argument.name for argument in function.signature.input_arg[:1]] if given else []
                waiting += [(inner, first) for inner in function.node_def]


def _callees(node: Any) -> Iterator[str]:
    """The functions that a node calls: by an attribute, or by its op being the name of one."""
    yield node.op
    for attribute in node.attr.values():
        yield attribute.func.name
        yield from (function.name for function in attribute.list.func)


def _producer(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]
