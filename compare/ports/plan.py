"""How a part of a port is run by itself, by somebody who has that port and its framework alone.

Best is a call of one layer, on what the part reads. Where a part begins or ends between layers, the
whole model runs, with layers that hand on the recorded numbers; where it begins or ends inside one,
nothing short of the whole model can be called, and the two are compared at their outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.called import Called
from common.graph import Graph, Node


@dataclass(frozen=True)
class Step:
    """A layer of the whole model that is to do otherwise."""

    does: str  # "makes" or "reads" x, or is "watched": what it makes, or "asked": what it reads
    at: str  # what reaches it
    x: str = ""  # the value that it makes or reads


@dataclass(frozen=True)
class Plan:
    """What to run of one port, and where in it the numbers are."""

    call: Called
    reads: tuple[str, ...]  # values, for x0, x1... of its form
    steps: tuple[Step, ...] = ()
    result: str = ""  # where the value is in what the call returns; a watched one has its own place
    tensors: tuple[str, ...] = ()  # by the port's names

    @property
    def watched(self) -> bool:
        return any(step.does in ("watched", "asked") for step in self.steps)


def planned(
    graph: Graph, nodes: Sequence[Node], sources: Sequence[str], target: str
) -> Plan | None:
    """The shortest way to run a part; None where it begins or ends inside a layer."""
    return direct(graph, nodes, sources, target) or within(graph, nodes, sources, target)


def direct(graph: Graph, nodes: Sequence[Node], sources: Sequence[str], target: str) -> Plan | None:
    """One call of one layer."""
    for call in graph.calls:
        if call.form and set(call.reads) == set(sources) and target in call.writes.values():
            held = tensors_of(graph, nodes, call.layer)
            return Plan(call, call.reads, (), place_of(call, target), held)
    return None


def within(graph: Graph, nodes: Sequence[Node], sources: Sequence[str], target: str) -> Plan | None:
    """The whole model, with layers that hand on what the part reads."""
    root = whole_call(graph)
    if root is None:
        return None
    steps = []
    for source in sources:
        if source in root.reads:
            continue
        step = next(entries(graph, nodes, source), None)
        if step is None:
            return None
        steps.append(step)
    held = tensors_of(graph, nodes)
    if target in root.writes.values():
        return Plan(root, root.reads, tuple(steps), place_of(root, target), held)
    exit = next(exits(graph, target), None)
    return Plan(root, root.reads, (*steps, exit), "", held) if exit is not None else None


def whole(graph: Graph, target: str) -> Plan | None:
    """The whole model, as it is, with all that it holds."""
    root = whole_call(graph)
    if root is None or target not in root.writes.values():
        return None
    return Plan(root, root.reads, (), place_of(root, target), tuple(graph.tensors))


def whole_call(graph: Graph) -> Called | None:
    return next((c for c in graph.calls if c.at == "model" and c.form and not c.first), None)


def place_of(call: Called, value: str) -> str:
    return next(at for at, written in call.writes.items() if written == value)


def only(graph: Graph) -> Iterator[Called]:
    """Calls of layers that are called once, as they are."""
    for call in graph.calls:
        same = [c for c in graph.calls if c.layer == call.layer and not is_own_activation(c)]
        if len(same) == 1 and call is same[0] and call.at != "model":
            yield call


def is_own_activation(call: Called) -> bool:
    return bool(call.first) or call.at.endswith(".activation")


def entries(graph: Graph, nodes: Sequence[Node], source: str) -> Iterator[Step]:
    """Layers that make a value, or that alone read it for a part."""
    for call in only(graph):
        if call.writes == {"": source}:
            yield Step("makes", call.at, source)
    readers = [node.layer for node in nodes if source in node.reads]
    for call in only(graph):
        inside = all(path == call.layer or path.startswith(f"{call.layer}.") for path in readers)
        if call.form == "x0" and call.reads == (source,) and readers and inside:
            yield Step("reads", call.at, source)


def exits(graph: Graph, target: str) -> Iterator[Step]:
    """Layers that make a value, or that read it."""
    for call in only(graph):
        if call.writes == {"": target}:
            yield Step("watched", call.at)
    for call in only(graph):
        if call.form == "x0" and call.reads == (target,):
            yield Step("asked", call.at)


def tensors_of(graph: Graph, nodes: Sequence[Node], layer: str | None = None) -> tuple[str, ...]:
    """What a part holds: its nodes', and all of the layers that they belong to."""
    own = {name for node in nodes for name in node.tensors.values()}
    paths = {layer} if layer is not None else {node.layer for node in nodes}
    return tuple(
        name
        for name in graph.tensors
        if name in own or any(not path or name.startswith(f"{path}.") for path in paths)
    )
