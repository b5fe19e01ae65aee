"""Rungs 1 and 3: every part of the Keras port, alone on PyTorch's own numbers, makes PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np

from common.graph import moved
from compare.evidence import relative_error
from compare.ports.at_once import at_once
from compare.ports.cuts import Cut, Part, ways_between
from compare.ports.fault import Fault, apart, title
from compare.ports.gaps import error_alone
from compare.ports.looks import Array
from compare.ports.orders import MAPS
from compare.ports.rungs import hidden
from compare.ports.verify import OUTPUT, Seen
from compare.thresholds import (
    FORWARD_FLOAT32,
    FORWARD_FLOAT64,
)
from compare.verdict import Check, Verdict


def forward(
    seen: Seen, rows: dict[str, dict[str, Any]], behind: Mapping[str, hidden.Shown]
) -> tuple[Check, list[Fault]]:
    """Rungs 1 and 3: every part alone makes PyTorch's numbers in float64.

    `behind`: how far parts are apart on numbers that show more than the probe's.
    """
    faults, largest = [], 0.0
    judged = dict(zip(seen.parts, at_once(partial(one_part, seen), seen.parts), strict=True))
    for name, (row, fault) in judged.items():
        shown = behind.get(name)
        asked = fault is None and row["forward"]["float64"] is not None
        if asked and shown is not None and shown.error > row["allowed"]:
            row["forward"]["float64"] = shown.error
            sizes = hidden.other_sizes(seen, name)
            usual = title(seen, seen.cut_of(name), seen.parts[name])
            titles, more = (sizes[:2], f": {sizes[2]}") if sizes else (usual, "")
            fault = Fault(3, *titles, shown.error, shown.words + more, name, hidden=shown.numbers)
        rows[name] = row
        if fault is not None:
            faults.append(fault)
        else:
            largest = max(largest, row["forward"]["float64"] or 0.0)
    faults += [*other_outputs(seen)]
    verdict = Verdict.DIFFERENT if faults else Verdict.ROUNDING if largest else Verdict.SAME
    detail = f"{len(seen.parts)} parts, each alone on the same numbers: at most {largest:.1e} apart"
    if seen.short.parts:
        detail += f"; {len(seen.short.parts)} of them in float32, whatever is asked for"
    said = faults[0].detail if faults else detail
    cover = (len(seen.parts) - len(faults), len(seen.parts))
    check = Check("forward", 3, verdict, said, largest, FORWARD_FLOAT64, coverage=cover)
    return check, faults


def in_float32(seen: Seen, rows: Mapping[str, dict[str, Any]]) -> list[Fault]:
    """Rung 3 of the parts that are right in float64: what they make in float32."""
    right = [name for name, row in rows.items() if can_be_short(seen, row, name)]
    found = at_once(lambda name: short_alone(seen, rows[name], name), right)
    return [fault for fault in found if fault is not None]


def one_part(seen: Seen, name: str) -> tuple[dict[str, Any], Fault | None]:
    """The row of one part, and what is wrong with it in float64."""
    cut, own = seen.cut_of(name), seen.parts[name]
    row = row_of(seen, name, cut, own)
    return row, wrong_numbers(seen, name, cut, own, row)


def wrong_numbers(seen: Seen, name: str, cut: Cut, own: Part, row: dict[str, Any]) -> Fault | None:
    """What is wrong with one part; None where nothing is."""
    titles = title(seen, cut, own)
    reason = seen.replayed.failed.get(name)
    error = error_alone(seen, seen.replayed, name)
    allowed = seen.short.forward(name, FORWARD_FLOAT64)
    held = {t for node in own.nodes for t in node.tensors.values()}
    if (not error <= allowed and any(not_finite(seen, source) for source in own.sources)) or any(
        seen.moves.keras.get(t, "").startswith("has the shape") for t in held
    ):
        row["forward"]["float64"] = None
        return None  # what makes it is to blame
    unfed = [source for source in own.sources if source not in seen.cuts.by_keras]
    if unfed:
        said = f"reads {unfed[0]}, which nothing in torch stands for"
        return Fault(3, *titles, None, said, name)
    if reason is not None:
        return Fault(1, *titles, None, f"cannot run on what torch's reads: {reason}", name)
    made, due = seen.replayed.value(name, seen.target(name)), seen.torch.value(cut.torch)
    row["forward"]["float64"] = error
    if made is not None and prod(made.shape) != prod(due.shape):
        detail = f"makes {by(in_torchs_axes(made, cut))}, torch's {by(due.shape[1:])}"
        return Fault(1, *titles, error, detail, name)
    row["allowed"] = allowed
    short = name in seen.short.parts
    if (
        not short
        and not error <= allowed
        and any(is_short(seen, s, "float64") for s in own.sources)
    ):
        row["forward"]["float64"] = None
        return None  # what makes it is to blame
    if not error <= allowed:
        rests = f", {allowed:.1e} of it rounding" if short else ""
        said = f"errs by {error:.1e} on torch's own numbers{rests}"
        return Fault(3, *titles, error, said, name)
    return None


def can_be_short(seen: Seen, row: Mapping[str, Any], name: str) -> bool:
    """Whether float32 can say more of a part: one that is right in float64."""
    error = row["forward"]["float64"]
    return error is not None and error <= row["allowed"] and name not in seen.short.parts


def short_alone(seen: Seen, row: dict[str, Any], name: str) -> Fault | None:
    """What is wrong with one part in float32 alone; None where nothing is."""
    cut, own = seen.cut_of(name), seen.parts[name]
    titles = title(seen, cut, own)
    rounded = seen.replayed_float32.value(name, seen.target(name))
    error = apart(rounded, float32_due(seen, cut), cut)
    row["forward"]["float32"] = error
    if not error <= FORWARD_FLOAT32:
        if any(elsewhere_in_float32(seen, source) for source in own.sources):
            return None  # what makes it is to blame
        if cut.torch not in seen.torch_float32.graph.shapes or name in seen.replayed_float32.failed:
            detail = "runs other operations in float32 than in float64"
            return Fault(3, *titles, None, detail, name, short=True)
        if any(is_short(seen, source, "float32") for source in own.sources):
            return None  # what makes it is to blame
        detail = f"errs by {error:.1e} in float32, and not in float64"
        return Fault(3, *titles, error, detail, name, short=True)
    return None


def elsewhere_in_float32(seen: Seen, source: str) -> bool:
    """Whether a port makes a value by other operations in float32, under other names."""
    cut = seen.cuts.by_keras.get(source)
    ours = cut is None or cut.torch in seen.torch_float32.graph.shapes
    return not ours or source not in seen.keras_float32.graph.shapes


def in_torchs_axes(made: Array, cut: Cut) -> tuple[int, ...]:
    """The shape of a Keras value, without the batch, as PyTorch orders axes where that is known."""
    try:
        return moved(made, cut.moves).shape[1:]
    except ValueError:
        return made.shape[1:]


BITS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}


def is_short(seen: Seen, source: str, dtype: str) -> bool:
    """Whether either port holds a value in fewer bits than it is to compute in."""
    in_full = dtype == "float64"
    ours = seen.torch if in_full else seen.torch_float32
    theirs = seen.keras if in_full else seen.keras_float32
    cut = seen.cuts.by_keras.get(source)
    held = [theirs.graph.dtypes.get(source, dtype)]
    held += [ours.graph.dtypes.get(cut.torch, dtype)] if cut else []
    return any(BITS.get(d, 64) < BITS[dtype] for d in held)


def not_finite(seen: Seen, source: str) -> bool:
    """Whether what PyTorch has there is not all numbers."""
    if source not in seen.cuts.by_keras:
        return False
    return not np.isfinite(seen.torch.value(seen.cuts.by_keras[source].torch)).all()


def float32_due(seen: Seen, cut: Cut) -> Array | None:
    """PyTorch's value in float32; None where it runs otherwise there."""
    return seen.torch_float32.arrays.get(f"value:{cut.torch}")


def row_of(seen: Seen, name: str, cut: Cut, own: Part) -> dict[str, Any]:
    torch, keras = title(seen, cut, own)
    shape = seen.torch.graph.shapes[cut.torch]
    return {
        "torch": torch,
        "keras": keras,
        "kind": seen.torch.net.maker[cut.torch].kind if cut.torch in seen.torch.net.maker else "",
        "shape_nchw": list(shape),
        "shape_nhwc": list(seen.keras.graph.shapes[seen.target(name)]),
        "evidence": cut.why,
        "forward": {"float32": None, "float64": float("inf")},
        "gradient": {"float64": None},
        "allowed": FORWARD_FLOAT64,
    }


def other_outputs(seen: Seen) -> Iterator[Fault]:
    """Outputs that are cuts already, of another value than the partner returns."""
    for ours, theirs in seen.outputs:
        t, k = seen.torch.graph.outputs[ours], seen.keras.graph.outputs[theirs]
        cut = seen.cuts.by_keras.get(k)
        if cut is None or cut.torch == t:
            continue
        shapes = seen.torch.value(cut.torch).shape, seen.torch.value(t).shape
        same = shapes[0] == shapes[1] or shapes[1][1:] == seen.keras.graph.shapes[k]
        same = same and np.array_equal(  # (C, 1, 1) and (C,) are one, flattened by one side alone
            seen.torch.value(cut.torch).ravel(), seen.torch.value(t).ravel()
        )
        same = same or as_it_is(seen, cut, t) or turned_alone(seen, cut, t)
        names = [net.maker[v].name if v in net.maker else v
                 for net, v in ((seen.torch.net, t), (seen.keras.net, k))]  # fmt: skip
        shown = hidden.handed_on(seen, cut.torch, t) if same else None
        if shown is not None:
            detail = f"keras returns what is torch's {cut.torch}, torch returns {t}; {shown.words}"
            place = f"{OUTPUT}{theirs}"
            yield Fault(3, names[0], names[1], shown.error, detail, place, hidden=shown.numbers)
        if not same:
            detail = f"keras returns what is torch's {cut.torch}, torch returns {t}"
            error = relative_error(seen.torch.value(cut.torch), seen.torch.value(t))
            swapped = cut.torch in seen.torch.graph.outputs.values()
            cause, after = ("outputs-swapped", 0.0) if swapped else ("", None)
            place = f"{OUTPUT}{theirs}"
            yield Fault(3, names[0], names[1], error, detail, place, cause=cause, after=after)


def as_it_is(seen: Seen, cut: Cut, t: str) -> bool:
    """Whether PyTorch's output is what Keras returns, axis by axis: maps turned, or tokens."""
    made = moved(seen.torch.value(cut.torch), seen.to_keras(cut))
    return np.array_equal(made, seen.torch.value(t))


def turned_alone(seen: Seen, cut: Cut, t: str) -> bool:
    """Whether PyTorch's output is what Keras returns with its channels first."""
    shape, due = seen.keras.graph.shapes[cut.keras], seen.torch.value(t)
    axes = (0, len(shape), *range(1, len(shape)))
    if seen.keras.graph.channels == "first" or len(shape) not in MAPS:
        return False
    made = moved(seen.torch.value(cut.torch), (*seen.to_keras(cut), ("transpose", axes)))
    return np.array_equal(made, due)


def end_to_end(seen: Seen) -> float:
    """How far the outputs are apart when both run freely; infinite where they cannot be."""
    values = {seen.keras.graph.outputs[k] for _, k in seen.outputs}
    return end_to_end_of(seen, {value: seen.keras.value(value) for value in values})


def end_to_end_of(seen: Seen, made: Mapping[str, Array | None]) -> float:
    """The same for values that Keras made otherwise."""
    errors = [0.0]
    for ours, theirs in seen.outputs:
        t, k = seen.torch.graph.outputs[ours], seen.keras.graph.outputs[theirs]
        found = seen.cuts.by_keras.get(k)
        cut = found if found and found.torch == t else output_cut(seen, t, k)
        errors.append(apart(made[k], seen.torch.value(t), cut))
    return max(errors)


def output_cut(seen: Seen, t: str, k: str) -> Cut:
    """The likeliest way between what both return."""
    shapes = seen.keras.graph.shapes[k], seen.torch.graph.shapes[t]
    return Cut(t, k, next(ways_between(*shapes, seen.keras.graph), ()), "output")


def by(shape: tuple[int, ...]) -> str:
    """6x24x24."""
    return "x".join(map(str, shape)) or "one number"
