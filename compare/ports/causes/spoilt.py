"""Numbers that are not finite, or held in fewer bits than the port computes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from common.job import Repair
from common.operations import in_float32
from compare.evidence import relative_error
from compare.known import KEPT_IN_FLOAT32, SOFTPLUS_STRAIGHT, rounded
from compare.ports.causes.catalogue import way_to_torch
from compare.ports.causes.cause import KNOWN, Cause
from compare.ports.causes.narrow import Middle
from compare.ports.causes.settings import Work, numbers
from compare.ports.cuts import part
from compare.ports.fault import Fault, apart
from compare.ports.looks import Array
from compare.ports.verify import Seen
from compare.thresholds import FORWARD_FLOAT64


def in_few_bits(seen: Seen, fault: Fault) -> Cause:
    """For what is right in float64 alone: a side that holds fewer bits there."""
    ends = {"torch": seen.cut_of(fault.part).torch, "keras": seen.target(fault.part)}
    for side, exact, short in (
        ("keras", seen.keras, seen.keras_float32),
        ("torch", seen.torch, seen.torch_float32),
    ):
        maker = exact.net.maker.get(ends[side])
        layer = maker.layer if maker else ""
        nodes = [
            n for n in short.graph.nodes if maker and (n.layer == layer or n.name == maker.name)
        ]
        held = {short.graph.dtypes.get(v, "") for n in nodes for v in n.writes}
        few = sorted(held & {"float16", "bfloat16"})
        if few:
            fix = {side: "compute in float32, as the other port does"}
            phrase = f"{side} computes here in {few[0]}"
            return Cause(
                "mixed-precision", phrase, fault.error, None, (), ("mixed-precision",), fix
            )
    return Cause(before=fault.error, tried=("mixed-precision",))


SCALES = {"add", "subtract", "multiply", "divide", "rescale", "normalise"}  # by constants


def known_constants(seen: Seen, middle: Middle, keras: Sequence[Work]) -> Cause | None:
    """What one side holds in float32 in a float64 net: some constants, and all of a resize."""
    if len(keras) != 1 or middle.made is None or middle.error > KEPT_IN_FLOAT32:
        return None
    node, settings = keras[0].node, keras[0].settings
    if [n.kind for n in middle.torch] == [node.kind] == ["softplus"]:
        return straight(seen.torch.value(middle.torch[0].reads[0]), middle)
    if node.kind == "upsample" and np.array_equal(middle.made, middle.made.astype(np.float32)):
        return Cause(KNOWN, "tf.image.resize works in float32", middle.error, 0.0)
    values = [way_to_torch(seen, middle, value, "keras") for value in node.reads]
    sources = [seen.torch.value(value) for value in values if value is not None]
    if len(sources) != 1 or len(values) != 1:
        return None
    allowed = min(10 * FORWARD_FLOAT64, 1e-2 * middle.error)
    constants = {n.kind for n in (*middle.torch, *middle.keras)} <= SCALES  # no norm's epsilon
    after = same_line(sources[0], middle.due, middle.made) if constants else np.inf
    if after <= allowed:
        phrase = "both scale and shift by the same constants, rounded to float32 or not"
        return Cause(KNOWN, phrase, middle.error, after)
    meant = numbers(node.kind, settings, sources, {}, middle.due)
    try:
        held = in_float32(node.kind, settings, sources)
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    if meant is None or held is None or relative_error(meant, middle.due) > 10 * FORWARD_FLOAT64:
        return None
    after = relative_error(middle.made, held.reshape(middle.due.shape))
    phrase = "TensorFlow keeps its constants in float32"
    return Cause(KNOWN, phrase, middle.error, after) if after <= allowed else None


TABLES = {"multiply": np.divide, "add": np.subtract, "subtract": np.subtract}


def known_table(seen: Seen, middle: Middle, keras: Sequence[Work]) -> Cause | None:
    """Both do the same with a table of numbers, as of positions, which one port makes in float32.

    No number of the input is in it: it is the same for every sample.
    """
    if len(keras) != 1 or middle.made is None or not middle.error <= KEPT_IN_FLOAT32:
        return None
    node = keras[0].node
    ends = {n.kind for n in middle.torch if middle.cut.torch in n.writes}
    values = [way_to_torch(seen, middle, value, "keras") for value in node.reads]
    known = [value for value in values if value is not None]
    if node.kind not in TABLES or ends != {node.kind} or len(known) != 1:
        return None
    x = np.asarray(seen.torch.value(known[0]), dtype=np.float64)
    if not x.shape == middle.due.shape == middle.made.shape or not x.all():
        return None
    tables = [TABLES[node.kind](y, x) for y in (middle.due, middle.made)]
    rounding = 8 * np.finfo(np.float64).eps * max(1.0, float(np.abs(middle.due).max()))
    if any(np.abs(table - table[:1]).max() > rounding * np.abs(table).max() for table in tables):
        return None
    left = min(float(np.abs(t - t.astype(np.float32)).max()) for t in tables)
    phrase = "one port makes a table of numbers in float32"
    return Cause(KNOWN, phrase, middle.error, left) if left <= rounding else None


def straight(x: Array, middle: Middle) -> Cause | None:
    """PyTorch's softplus, which is the number itself above 20; Keras' bends everywhere."""
    wide = np.asarray(x, dtype=np.float64)
    bent = numbers("softplus", {}, [wide], {}, middle.due)
    if bent is None or relative_error(middle.made, bent) > FORWARD_FLOAT64:
        return None
    after = relative_error(middle.due, np.where(wide > SOFTPLUS_STRAIGHT, wide, bent))
    if after > FORWARD_FLOAT64:
        return None
    return Cause(KNOWN, "PyTorch's softplus is straight above 20", middle.error, after)


def same_line(x: Array, due: Array, made: Array) -> float:
    """How far two layers are from a line for each channel, whose constants are equal in float32.

    Infinite where no such lines are. x, due, made: (N, C, ...).
    """
    if not x.shape == due.shape == made.shape or x.ndim < 2:
        return np.inf
    lines, left = [], 0.0
    flat = [
        np.moveaxis(np.asarray(y, dtype=np.float64), 1, 0).reshape(x.shape[1], -1)
        for y in (x, due, made)
    ]
    for y in flat[1:]:
        middle = flat[0].mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
        run, rise = flat[0] - middle[0], y - middle[1]
        square = (run * run).sum(axis=1, keepdims=True)
        if not np.all(square > 0):
            return np.inf
        slope = (run * rise).sum(axis=1, keepdims=True) / square
        start = middle[1] - slope * middle[0]
        left = max(left, relative_error(slope * flat[0] + start, y))
        lines.append((slope, start))
    (a, b), (c, d) = lines
    unit = 2 * np.finfo(np.float32).eps
    alike = (
        np.abs(a - c) <= unit * np.abs(a),
        np.abs(b - d) <= unit * np.abs(b) + FORWARD_FLOAT64 * np.abs(due).max(),
    )
    return left if np.all(alike[0]) and np.all(alike[1]) else np.inf


def scaled_in_float32(seen: Seen, fault: Fault, number: int) -> Cause | None:
    """For a part that attends by a scale which Keras holds in float32: right with another."""
    if not (fault.error or 1.0) <= KEPT_IN_FLOAT32:
        return None
    own = [n for n in seen.parts[fault.part].nodes if n.kind == "attention" and len(n.reads) == 3]
    exact = tuple(Repair(n.name, n.kind, n.settings, reads=((), (), ())) for n in own)
    exact += tuple(rounded_factors(seen, fault))
    if not exact:
        return None
    (unit,) = seen.units(False, frozenset([fault.part]))
    source = seen.room.path("torch", "look-float64")
    replay = seen.room.replay("keras", f"exact-{number}", [unit], source, repairs=exact)
    cut = seen.cut_of(fault.part)
    after = apart(
        replay.value(fault.part, seen.target(fault.part)), seen.torch.value(cut.torch), cut
    )
    if after > FORWARD_FLOAT64:
        return None
    phrase = "TensorFlow keeps the scale of an attention in float32"
    return Cause(KNOWN, phrase, fault.error, after, repairs=exact)


def rounded_factors(seen: Seen, fault: Fault) -> Iterator[Repair]:
    """Keras' products with a number that is one of PyTorch's in float32, done with PyTorch's."""
    mine = part(seen.torch.net, seen.cut_of(fault.part).torch, seen.cuts.by_torch)
    said = [node.settings.get(word) for node in mine.nodes for word in ("scale", "operand")]
    meant = {rounded(x): x for x in said if isinstance(x, float)}
    for node in seen.parts[fault.part].nodes:
        own = node.settings.get("operand")
        if node.kind not in ("multiply", "divide") or len(node.reads) != 1 or own not in meant:
            continue
        if meant[own] != own:
            yield Repair(
                node.name, node.kind, {**node.settings, "operand": meant[own]}, reads=((),)
            )


def not_all_numbers(seen: Seen, middle: Middle) -> Cause | None:
    """One side makes numbers that are not finite of such as are, and all others right."""
    if middle.made is None or middle.made.shape != middle.due.shape:
        return None
    read = {v for node in middle.torch for v in node.reads}
    known = (seen.torch.arrays.get(f"value:{v}") for v in read)
    if not all(x is None or np.isfinite(x).all() for x in known):
        return None
    for side, x, other in (
        ("keras", middle.made, middle.due),
        ("torch", middle.due, middle.made),
    ):
        finite = np.isfinite(x)
        if finite.all() or not finite.any() or not np.isfinite(other).all():
            continue
        after = relative_error(x[finite], other[finite])
        if after <= FORWARD_FLOAT64:
            phrase = f"{(~finite).sum():,} of {finite.size:,} of {side}'s numbers are not finite"
            return Cause("nan", phrase, middle.error, after, (), ("nan",))
    return None


def in_short_format(seen: Seen, middle: Middle) -> Cause | None:
    """Numbers held in fewer bits than the port is to compute in, where the part's are."""
    for side, nodes in (("torch", middle.torch), ("keras", middle.keras)):
        dtypes = (seen.torch if side == "torch" else seen.keras).graph.dtypes
        held = [dtypes.get(value, "") for node in nodes for value in node.writes]
        bits = [d for d in held if d in ("float32", "float16", "bfloat16")]
        told = bits[:1] == ["float32"] and middle.rounding > FORWARD_FLOAT64  # is no reason here
        if bits and not told and middle.error <= 2e-2:
            id = "float32-inside" if bits[0] == "float32" else "mixed-precision"
            fix = {side: "compute in the model's dtype, as the other port does"}
            return Cause(
                id, f"{side} computes here in {bits[0]}", middle.error, None, (), (id,), fix
            )
    return None
