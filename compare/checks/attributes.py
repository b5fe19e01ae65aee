"""Rung 2: the same settings at every layer, on both sides and the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from common import rules
from common.result import Structure
from common.spec import Layer, Shape
from compare.checks.shapes import shape_fault
from compare.evidence import DTYPES, SIDES, Evidence
from compare.verdict import Check, Culprit, Verdict, first_of, merged

ID, RUNG = "attributes", 2
Settings = Mapping[str, Any]
ABSENT = Structure("", {}, unread="it is not there")
JUDGED_BELOW = "another layer stands there"  # which rung 0 says

# What an op means and the spec need not say, because none of its layers is set otherwise. Axes are
# those of (N, C, H, W) and (N, F).
MEANT: dict[str, Settings] = {
    "conv": {"fill": "zeros", "activation": "linear"},
    "dense": {"activation": "linear"},
    "batch_norm": {"axis": 1},
    "max_pool": {"dilation": (1, 1)},
    "avg_pool": {"divisor": None},
    "dropout": {"noise_shape": None},
    "relu": {"slope": 0.0, "cut": None, "threshold": 0.0},
    "softmax": {"axis": 1},
    "concat": {"axis": 1},
}


def judge(evidence: Evidence) -> Check:
    """Each side's settings against the spec's, and where the spec has none, the twin's.

    A setting that one side hides is left out, and named: it is no agreement, and the rungs above
    judge by numbers what came of it. One that is missing without a reason proves nothing.
    """
    found = merged(
        Culprit(RUNG, layer.name, side, None, fault)
        for layer in evidence.spec.layers
        for side, fault in faults(evidence, layer)
    )
    total = sum(len(expected(evidence, layer, "float64")) for layer in evidence.spec.layers)
    hidden = [(layer, *gap) for layer in evidence.spec.layers for gap in gaps(evidence, layer)]
    unseen = {(layer.name, word) for layer, _, word, _ in hidden}
    verdict = Verdict.NOT_PROVEN if any(not why for *_, why in hidden) else Verdict.SAME
    return Check(
        ID,
        RUNG,
        Verdict.DIFFERENT if found else verdict,
        first_of(found) or sentence(total - len(unseen), total, hidden),
        culprits=tuple(found),
        layers={layer.name: row(evidence, layer) for layer in evidence.spec.layers},
        coverage=(total - len(unseen), total),
    )


def expected(evidence: Evidence, layer: Layer, dtype: str) -> dict[str, Any]:
    """What a layer should be set to: the spec's words, what its op means, and its dtypes."""
    words = {**MEANT.get(layer.op, {}), **layer.settings, "compute_dtype": dtype}
    return words | ({"dtype": dtype} if evidence.tensors[layer.name] else {})


def built(evidence: Evidence, side: str, dtype: str, layer: Layer) -> Structure:
    """What one side has under the layer's name; nothing is read off a layer of another op."""
    there = evidence.traces[side, dtype].structure.get(layer.name, ABSENT)
    if there is ABSENT or there.kind == layer.op:
        return there
    return Structure(there.kind, {}, unread=JUDGED_BELOW)


def gaps(evidence: Evidence, layer: Layer) -> list[tuple[str, str, str]]:
    """(side, setting, why) of what was not seen; no reason is an empty one."""
    ran = {side: {call.path for call in evidence.traces[side, "float64"].calls} for side in SIDES}
    return [
        (side, word, there.unread if layer.name in ran[side] else "it was never run")
        for side in SIDES
        for there in [built(evidence, side, "float64", layer)]
        for word in expected(evidence, layer, "float64")
        if word not in there.settings
    ]


def sentence(seen: int, total: int, hidden: list[tuple[Layer, str, str, str]]) -> str:
    """How many settings were seen on both sides, and the first that was not."""
    text = f"{seen}/{total} settings"
    if not hidden:
        return text
    layer, side, word, why = next((gap for gap in hidden if not gap[-1]), hidden[0])
    layers = {(side, layer.name) for layer, side, *_ in hidden}
    more = f" (and at {len(layers) - 1} more)" if len(layers) > 1 else ""
    return f"{text}; {side} {layer.name} hides {word}: {why or 'nothing says why'}{more}"


def row(evidence: Evidence, layer: Layer) -> dict[str, list[int]]:
    """Settings of one layer that were seen on both sides, of how many."""
    total = len(expected(evidence, layer, "float64"))
    return {"settings": [total - len({word for _, word, _ in gaps(evidence, layer)}), total]}


def faults(evidence: Evidence, layer: Layer) -> list[tuple[str, str]]:
    """(side, what is set otherwise): at most one line a side, and one of what the spec lacks."""
    found = []
    for side in SIDES:
        lines = [x for dtype in DTYPES for x in side_faults(evidence, side, dtype, layer)]
        found += [(side, "; ".join(dict.fromkeys(lines)))] if lines else []
    torch, keras = (built(evidence, side, "float64", layer).settings for side in SIDES)
    words = torch.keys() & keras.keys() - expected(evidence, layer, "float64").keys()
    apart = [
        f"{word} is {shown(torch[word])} in torch and {shown(keras[word])} in keras"
        for word in sorted(words)
        if not equal(torch[word], keras[word])
    ]
    return found + ([("both", "; ".join(apart))] if apart else [])


def side_faults(evidence: Evidence, side: str, dtype: str, layer: Layer) -> list[str]:
    """What one side sets otherwise than the spec, where it makes a difference."""
    right = expected(evidence, layer, dtype)
    seen = {w: x for w, x in built(evidence, side, dtype, layer).settings.items() if w in right}
    trace = evidence.traces[side, dtype]
    if any(shape_fault(evidence, trace, x) for x in layer.reads if x not in evidence.spec.inputs):
        seen.pop("padding", None)  # "same" pads maps of another size by another number
    shape = evidence.shapes[layer.reads[0]]
    apart = [word for word in seen if not equal(seen[word], right[word])]
    if same_in_effect(layer.op, {**right, **seen}, right, shape):
        return []
    alone = [w for w in apart if not same_in_effect(layer.op, {**right, w: seen[w]}, right, shape)]
    return [otherwise(word, seen[word], right[word]) for word in alone or apart]


def otherwise(word: str, found: Any, right: Any) -> str:
    whose = "the run's is" if word.endswith("dtype") else "the spec says"
    return f"{word} is {shown(found)}, {whose} {shown(right)}"


def shown(value: Any) -> str:
    """As the spec would write it, cut short."""
    text = str(tuples(value))
    return text if len(text) <= 60 else text[:57] + "..."


def tuples(value: Any) -> Any:
    return tuple(map(tuples, value)) if isinstance(value, (list, tuple)) else value


def equal(a: Any, b: Any) -> bool:
    """Numbers are equal that float32 holds as one: a framework may round a constant so."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return bool(np.float32(a) == np.float32(b))
    return bool(a == b)


def same_in_effect(op: str, a: Settings, b: Settings, shape: Shape) -> bool:
    """Whether two layers do the same with maps of this shape."""
    a, b = in_effect(op, a, shape), in_effect(op, b, shape)
    return all(equal(a[word], b[word]) for word in b)


def in_effect(op: str, a: Settings, shape: Shape) -> Settings:
    """The settings, with those alike that make no difference to maps of this shape."""
    if op not in ("conv", "partial_conv", "max_pool", "avg_pool"):
        return a
    try:
        return windows_in_effect(op, a, shape)
    except (TypeError, ValueError):  # no window fits, or a number is none
        return a


def windows_in_effect(op: str, a: Settings, shape: Shape) -> Settings:
    """Padding that no window reads is none, nor is a stride of one window, and so on."""
    kernel, ceil = a.get("kernel", a.get("size")), a.get("ceil", False)
    dilation = a.get("dilation", (1, 1))
    axes = list(zip(shape[1:], kernel, a["stride"], a["padding"], dilation, strict=True))
    spans = [d * (k - 1) + 1 for _, k, _, _, d in axes]
    counts, floors = (
        [
            rules.window_count(n, span, s, tuple(pad), rounding)
            for (n, _, s, pad, _), span in zip(axes, spans, strict=True)
        ]
        for rounding in (ceil, False)
    )
    read = [  # places behind the maps that the last window reads
        max((count - 1) * s + span - pad[0] - n, 0)
        for (n, _, s, pad, _), span, count in zip(axes, spans, counts, strict=True)
    ]
    padding = [(pad[0], min(pad[1], r)) for pad, r in zip(a["padding"], read, strict=True)]
    counted = op == "avg_pool" and a["count_border"] and any(map(any, padding))
    if op in ("max_pool", "avg_pool") and not counted:
        # Padding that neither wins nor counts is as good as a window that overhangs.
        padding = [(pad[0], r) for pad, r in zip(a["padding"], read, strict=True)]
    effective = {
        "padding": padding,
        "stride": [
            1 if count == 1 else s for (_, _, s, _, _), count in zip(axes, counts, strict=True)
        ],
        "dilation": [1 if k == 1 else d for _, k, _, _, d in axes],
        "ceil": counts != floors and counted,
        "count_border": counted,
        "fill": a.get("fill") if any(map(any, padding)) else "zeros",
    }
    return {word: effective.get(word, value) for word, value in a.items()}
