"""Rung 2: the same settings at every layer, on both sides and the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common import rules
from common.result import Structure
from common.spec import Layer, Shape
from compare import known
from compare.checks.shapes import shape_fault
from compare.evidence import DTYPES, SIDES, Evidence
from compare.verdict import Check, Culprit, Verdict, first_of, merged

ID, RUNG = "attributes", 2
Settings = Mapping[str, Any]
Pads = tuple[int, int]  # before, after
ABSENT = Structure("", {}, unread="it is not there")
TRAINING_ONLY = {"keep": "bn-momentum", "rate": "dropout-rate"}  # setting -> the cause's id
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
        Culprit(RUNG, layer.name, side, None, fault, cause_of(fault))
        for layer in evidence.spec.layers
        for side, fault in faults(evidence, layer)
    )
    total = sum(len(expected(evidence, layer, "float64")) for layer in evidence.spec.layers)
    hidden = [gap for layer in evidence.spec.layers for gap in gaps(evidence, layer)]
    unseen = {(gap.layer, word) for gap in hidden for word in gap.words}
    verdict = Verdict.SAME if all(gap.why for gap in hidden) else Verdict.NOT_PROVEN
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
    words = {**layer.settings, **MEANT.get(layer.op, {}), "compute_dtype": dtype}
    return words | ({"dtype": dtype} if evidence.tensors[layer.name] else {})


def built(evidence: Evidence, side: str, dtype: str, layer: Layer) -> Structure:
    """What one side has under the layer's name; nothing is read off a layer of another op."""
    there = evidence.traces[side, dtype].structure.get(layer.name, ABSENT)
    if there is ABSENT or there.kind == layer.op:
        return there
    return Structure(there.kind, {}, unread=JUDGED_BELOW)


@dataclass(frozen=True)
class Gap:
    """What was not seen of one layer on one side, and why; empty where nothing says why."""

    layer: str
    side: str
    words: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        words = self.words if len(self.words) <= 3 else (*self.words[:2], "others")
        listed = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
        return f"{self.side} {self.layer} hides {listed}: {self.why or 'nothing says why'}"


def gaps(evidence: Evidence, layer: Layer) -> list[Gap]:
    """What was not seen of a layer, at most one gap a side."""
    found = []
    for side in SIDES:
        there = built(evidence, side, "float64", layer)
        words = [w for w in expected(evidence, layer, "float64") if w not in there.settings]
        ran = any(call.path == layer.name for call in evidence.traces[side, "float64"].calls)
        why = there.unread if ran or there is ABSENT else "it was never run"
        found += [Gap(layer.name, side, tuple(words), why)] if words else []
    return found


def sentence(seen: int, total: int, hidden: list[Gap]) -> str:
    """How many settings were seen on both sides, and where the first was not."""
    if not hidden:
        return f"{seen}/{total} settings"
    first = next((gap for gap in hidden if not gap.why), hidden[0])
    more = f" (and {len(hidden) - 1} more layers)" if len(hidden) > 1 else ""
    return f"{seen}/{total} settings; {first}{more}"


def row(evidence: Evidence, layer: Layer) -> dict[str, Any]:
    """How many settings of a layer were seen on both sides, of how many; and which were not."""
    total = len(expected(evidence, layer, "float64"))
    unseen = {gap.side: list(gap.words) for gap in gaps(evidence, layer)}
    return {"settings": [total - len(set().union(*unseen.values())), total], "unseen": unseen}


def faults(evidence: Evidence, layer: Layer) -> list[tuple[str, str]]:
    """(side, what is set otherwise): at most one line a side, and one of what the spec lacks."""
    found = []
    for side in SIDES:
        dtypes = [dtype for dtype in DTYPES if (side, dtype) in evidence.traces]
        lines = [line for dtype in dtypes for line in side_faults(evidence, side, dtype, layer)]
        found += [(side, "; ".join(dict.fromkeys(lines)))] if lines else []
    torch, keras = (built(evidence, side, "float64", layer).settings for side in SIDES)
    words = torch.keys() & keras.keys() - expected(evidence, layer, "float64").keys()
    apart = [
        f"{word} is {shown(torch[word])} in torch and {shown(keras[word])} in keras"
        for word in sorted(words)
        if not equal(torch[word], keras[word])
    ]
    return found + ([("both", "; ".join(apart))] if apart else [])


def cause_of(fault: str) -> str:
    """The cause of a setting that evaluation mode cannot prove; empty for any other."""
    return "" if "; " in fault else TRAINING_ONLY.get(fault.partition(" is ")[0], "")


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
        return known.equal_in_float32(a, b)
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
    """Padding that no window reads is none, nor has a single window a stride, and so on."""
    kernel, dilation = a.get("kernel", a.get("size")), a.get("dilation", (1, 1))
    axes = list(zip(shape[1:], kernel, a["stride"], a["padding"], dilation, strict=True))
    counts = [window_count(*axis, ceil=a.get("ceil", False)) for axis in axes]
    behind = [read_behind(*axis, count) for axis, count in zip(axes, counts, strict=True)]
    padding = [(pad[0], min(pad[1], n)) for pad, n in zip(a["padding"], behind, strict=True)]
    counted = op == "avg_pool" and a["count_border"] and any(map(any, padding))
    if op in ("max_pool", "avg_pool") and not counted:
        # Padding that neither wins nor counts is as good as a window that overhangs.
        padding = [(pad[0], n) for pad, n in zip(a["padding"], behind, strict=True)]
    effective = {
        "padding": padding,
        "stride": [s if count > 1 else 0 for s, count in zip(a["stride"], counts, strict=True)],
        "dilation": [d if k > 1 else 1 for k, d in zip(kernel, dilation, strict=True)],
        "ceil": counted and counts != [window_count(*axis, ceil=False) for axis in axes],
        "count_border": counted,
        "fill": a.get("fill") if any(map(any, padding)) else "zeros",
    }
    return {word: effective.get(word, value) for word, value in a.items()}


def window_count(n: int, kernel: int, stride: int, pad: Pads, dilation: int, ceil: bool) -> int:
    """Windows along one axis of n places."""
    return rules.window_count(n, dilation * (kernel - 1) + 1, stride, pad, ceil)


def read_behind(n: int, kernel: int, stride: int, pad: Pads, dilation: int, count: int) -> int:
    """Places behind the maps that the last of so many windows reads."""
    return max((count - 1) * stride + dilation * (kernel - 1) + 1 - pad[0] - n, 0)
