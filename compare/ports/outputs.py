"""Which output of one port is which of the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from compare.ports.cuts import Mark, mark
from compare.ports.looks import SIDES, Look
from compare.ports.pairing import Net, Pairs

NAME, NUMBERS, LAYER, SHAPE = 8.0, 4.0, 2.0, 1.0  # what the same ones speak for a pair
Described = tuple[str, Mark, frozenset[str], tuple[int, ...]]


def paired_outputs(looks: Mapping[str, Look], pairs: Pairs) -> list[tuple[str, str]]:
    """By their names where both give the same ones; in order where there are as many.

    An order says nothing where names do, or where one port returns more: then by what they are.
    """
    torch, keras = (looks[side].graph.outputs for side in SIDES)
    if set(torch) == set(keras):
        return [(name, name) for name in torch]
    if len(torch) == len(keras) and not (named(torch) and named(keras)):
        return list(zip(torch, keras, strict=True))
    ours, theirs = (described(looks[side], side, pairs) for side in SIDES)
    scores = {(t, k): likeness(a, b) for t, a in ours.items() for k, b in theirs.items()}
    found: dict[str, str] = {}
    for t, k in sorted(scores, key=lambda pair: -scores[pair]):  # the first of those alike first
        if t not in found and k not in found.values():
            found[t] = k
    return [(name, found[name]) for name in torch if name in found]


def left_over(
    looks: Mapping[str, Look], pairs: Collection[tuple[str, str]]
) -> dict[str, list[str]]:
    """Side -> its outputs that are none of the other's."""
    taken = zip(SIDES, zip(*pairs, strict=True), strict=True) if pairs else ()
    known: dict[str, Collection[str]] = dict(taken)
    return {s: [n for n in looks[s].graph.outputs if n not in known.get(s, ())] for s in SIDES}


def under_other_names(pairs: Collection[tuple[str, str]]) -> Iterator[str]:
    """Which output was taken for which, where both ports name theirs, and otherwise."""
    said = [f"torch's {t} is keras' {k}" for t, k in pairs if t != k and named([t]) and named([k])]
    if said:
        yield f"outputs under other names: {', '.join(said)}"


def named(outputs: Collection[str]) -> bool:
    """Whether somebody gave names: no places in a tuple."""
    return any(not part.isdigit() for name in outputs for part in name.split("."))


def described(look: Look, side: str, pairs: Pairs) -> dict[str, Described]:
    """Of each output: its name, its numbers, the layers with tensors next to it, its shape."""
    partner = {getattr(p, side).node.name: p.torch.node.name for p in pairs.pairs}
    found = {}
    for name, value in look.graph.outputs.items():
        near = last_holders(look.net, value)
        layers = frozenset(partner.get(layer, f"{side} {layer}") for layer in near)
        shape = tuple(sorted(look.graph.shapes[value]))
        found[name] = (name, mark(look.value(value).astype(np.float64)), layers, shape)
    return found


def last_holders(net: Net, value: str) -> set[str]:
    """The layers with tensors on the ways to a value, the last on each."""
    found, stack, done = set(), [value], {value}
    while stack:
        node = net.maker.get(stack.pop())
        if node is None:
            continue
        if node.tensors:
            found.add(node.name)
            continue
        stack += [read for read in node.reads if read not in done]
        done |= {*node.reads}
    return found


def likeness(a: Described, b: Described) -> float:
    """How much speaks for two outputs being one."""
    return (
        NAME * (a[0] == b[0] and named([a[0]]))
        + NUMBERS * a[1].close(b[1])
        + LAYER * (a[2] == b[2])
        + SHAPE * (a[3] == b[3])
    )
