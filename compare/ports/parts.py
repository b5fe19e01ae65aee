"""One layer that does the work of several: the three projections of an attention in one product.

Such a layer is taken for its parts where the other port has them apart. Its tensors are known by
their parts, "qkv.weight[0/3]", from where a look is read to where weights are written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from re import compile as pattern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Graph, Node
from compare.ports.fold import WHOLE_ATTENTION
from compare.ports.pairing import Holder, Pairs, holders

Array = NDArray[Any]
Splits = Mapping[str, int]  # node -> in how many parts it is taken
PART = pattern(r"(.*)\[(\d+)/(\d+)\]$")
AXIS = {"torch": 0, "keras": -1}  # of a tensor, along which its parts lie


def name_of(tensor: str, index: int, count: int) -> str:
    return f"{tensor}[{index}/{count}]"


# -------------------------------------------------------------------------------- which ones


def wanted(torch: Graph, keras: Graph, pairs: Pairs) -> dict[str, dict[str, int]]:
    """Side -> its layers that the other port has in parts, and how many these are."""
    found: dict[str, dict[str, int]] = {"torch": {}, "keras": {}}
    found["torch"] = {n.name: 3 for n in torch.nodes if n.kind == WHOLE_ATTENTION and n.tensors}
    graphs = {"torch": torch, "keras": keras}
    equal = {
        side: {
            getattr(p, side).node.name
            for p in pairs.pairs
            if p.torch.shapes.get("weight") == p.keras.shapes.get("weight")
        }
        for side in graphs
    }
    for side, other in (("torch", "keras"), ("keras", "torch")):
        apart: dict[tuple[Any, ...], int] = {}
        for h in loose(graphs[other], other, equal[other]):
            key = (h.node.reads[0], h.shapes["weight"])
            apart[key] = apart.get(key, 0) + 1
        for h in loose(graphs[side], side, equal[side]):
            made, read = h.shapes["weight"]
            for count in (3, 2):
                if count in {n for (_, own), n in apart.items() if own == (made // count, read)}:
                    found[side].setdefault(h.node.name, count)
    return found


def loose(graph: Graph, side: str, equal: set[str]) -> list[Holder]:
    """Dense layers that have no partner of their shape."""
    return [
        h
        for h in holders(graph, first=side == "torch")
        if h.node.kind in ("dense", "einsum_dense")
        and h.node.name not in equal
        and len(h.shapes.get("weight", ())) == 2
    ]


# -------------------------------------------------------------------------------- the graph


def parted(graph: Graph, splits: Splits, side: str) -> Graph:
    """The graph with these layers in parts, which the last of them runs."""
    nodes: list[Node] = []
    tensors, shapes = dict(graph.tensors), dict(graph.shapes)
    taken: set[str] = set()
    for node in graph.nodes:
        if node.name in taken:
            continue
        if node.name not in splits:
            nodes.append(node)
            continue
        node = batch_first(node, graph, nodes)
        whole, pieces = in_parts(node, splits[node.name])
        for name in dict.fromkeys(t.rpartition("[")[0] for p in pieces for t in p.tensors.values()):
            held = tensors.pop(name)
            shape = list(held.shape)
            shape[AXIS[side]] //= splits[node.name]
            for i in range(splits[node.name]):
                own = name_of(name, i, splits[node.name])
                tensors[own] = replace(held, shape=tuple(shape))
        for piece in pieces:
            shapes[piece.writes[0]] = graph.shapes[node.writes[0]]
        taken |= {*node.inner} - {node.name}
        nodes = [n for n in nodes if n.name not in taken] + [*pieces, whole]
    return replace(graph, nodes=nodes, tensors=tensors, shapes=shapes)


def batch_first(node: Node, graph: Graph, before: list[Node]) -> Node:
    """PyTorch's attention with what turns its places to the front, and back."""
    turns = {n.writes[0]: n for n in before if n.kind == "transpose" and n.layer == node.layer}
    after = [n for n in graph.nodes if node.writes[0] in n.reads]
    one = len(after) == 1 and after[0].kind == "transpose" and after[0].layer == node.layer
    if node.kind != WHOLE_ATTENTION or not one or not all(v in turns for v in node.reads):
        return node
    own = list(dict.fromkeys(turns[v].name for v in node.reads))
    reads = tuple(turns[v].reads[0] for v in node.reads)
    inner = (*own, node.name, after[0].name)
    return replace(node, reads=reads, writes=after[0].writes, inner=inner)


def in_parts(node: Node, count: int) -> tuple[Node, list[Node]]:
    """What is left of a layer, and its parts."""
    held = dict(node.tensors)
    roles = {"weight": held.pop("weight", ""), "bias": held.pop("bias", "")}
    rest: dict[str, str] = {}
    attention = node.kind == WHOLE_ATTENTION
    if attention:
        given = {name.rpartition(".")[2]: name for name in node.tensors.values()}
        outer = {name.rpartition("out_proj.")[2]: name for name in node.tensors.values()
                 if "out_proj." in name}  # fmt: skip
        roles = {r: given.get(f"in_proj_{r}", "") for r in ("weight", "bias")}
        rest = outer
    pieces = []
    for i in range(count):
        own = {r: name_of(t, i, count) for r, t in roles.items() if t}
        name = f"{node.name}[{i}/{count}]"
        read = node.reads[min(i, len(node.reads) - 1)]
        settings: dict[str, Any] = {"bias": bool(roles["bias"]), "part": i}
        if attention:
            settings["duty"] = ("query", "key", "value")[i]
        pieces.append(
            replace(
                node,
                name=name,
                kind="dense",
                reads=(read,),
                writes=(name,),
                tensors=own,
                settings=settings,
                virtual=True,
                inner=(),
            )
        )
    reads = tuple(piece.writes[0] for piece in pieces)
    kind = "dense" if attention else "concat"
    inner = node.ran
    return replace(node, kind=kind, reads=reads, tensors=rest, inner=inner), pieces


# ------------------------------------------------------------------------------- the arrays


def in_pieces(arrays: Mapping[str, Array], graph: Graph, side: str) -> Mapping[str, Array]:
    """Arrays of parts for those of whole tensors, whatever stands before their names."""
    pieces: dict[str, list[str]] = {}
    for name in graph.tensors:
        known = PART.match(name)
        if known:
            pieces.setdefault(known[1], []).append(name)
    if not pieces:
        return arrays
    found = {}
    for key, x in arrays.items():
        before, colon, name = key.rpartition(":")
        if name not in pieces:
            found[key] = x
            continue
        own = np.split(x, len(pieces[name]), axis=AXIS[side])
        found |= {f"{before}{colon}{p}": y for p, y in zip(pieces[name], own, strict=True)}
    return found


def joined(arrays: Mapping[str, Array], side: str) -> dict[str, Array]:
    """The way back: whole tensors for their parts."""
    found: dict[str, Array] = {}
    pieces: dict[str, dict[int, Array]] = {}
    for name, x in arrays.items():
        known = PART.match(name)
        if known is None:
            found[name] = x
        else:
            pieces.setdefault(known[1], {})[int(known[2])] = x
    for name, own in pieces.items():
        found[name] = np.concatenate([own[i] for i in sorted(own)], axis=AXIS[side])
    return found
