"""Why a part errs: what differs between the two ports there, proven on that part alone.

First the part is narrowed down (compare/ports/causes/narrow.py). Of the operation that is left, the
settings of both sides are tried: only those without which the error stays are causes. Where no
setting differs, the catalogue of variants is tried. What nothing explains stays unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.job import Repair
from compare.evidence import relative_error
from compare.ports.causes.alone import done_before, in_a_row, one, reads_instead, repaired, way_of
from compare.ports.causes.arranged import arranged
from compare.ports.causes.backward import gradient_cause
from compare.ports.causes.besides import behind_preprocessing, besides, side_by_side
from compare.ports.causes.catalogue import ACTIVATIONS_OF_KIND, MASKED, by_catalogue, what_happened
from compare.ports.causes.cause import Cause
from compare.ports.causes.epsilon import another_epsilon
from compare.ports.causes.narrow import (
    Middle,
    misread,
    narrowed,
    on_numbers_that_show_it,
)
from compare.ports.causes.places import (
    Line,
    by_constants,
    cut_elsewhere,
    line,
    other_scale,
)
from compare.ports.causes.sequence import in_another_order
from compare.ports.causes.settings import Work, merged
from compare.ports.causes.spoilt import (
    SCALES,
    in_few_bits,
    in_short_format,
    known_constants,
    known_table,
    not_all_numbers,
    scaled_in_float32,
)
from compare.ports.cuts import CUTS_OUT, VIEWS, Cut, Part
from compare.ports.fault import Fault
from compare.ports.verify import OUTPUT, Seen
from compare.thresholds import FORWARD_FLOAT64

Array = NDArray[Any]
LAYER_KINDS = {
    *(ACTIVATIONS_OF_KIND - {"softmax"}),
    "conv",
    "dense",
    "batch_norm",
    "max_pool",
    "avg_pool",
    "nan_to_num",
}


def explain(seen: Seen, fault: Fault, number: int) -> list[Cause]:
    """Every cause of one fault; one without an id where nothing explains it."""
    if fault.cause:
        return [Cause(fault.cause, fault.detail, fault.error, fault.after, fix=fault.fix)]
    if fault.short:
        return [in_few_bits(seen, fault)]
    if fault.hidden:  # nothing can be proven on numbers that do not show it
        shown = on_numbers_that_show_it(seen, fault, number)
        found = explain(shown, replace(fault, hidden=""), number)
        return found if found[0].id is not None else [Cause(before=fault.error)]
    if fault.part.startswith(OUTPUT) and fault.part not in seen.parts:
        return returned(seen, fault)
    if fault.part in seen.parts and fault.rung == 5:
        return [gradient_cause(seen, fault)]
    if fault.rung not in (1, 3) or fault.part not in seen.parts:
        return [Cause(before=fault.error)]
    with np.errstate(all="ignore"):
        known = scaled_in_float32(seen, fault, number)
        if known is not None:
            return [known]
        middle = narrowed(seen, fault, number)
        if middle is None:
            return [Cause(before=fault.error)]
        middle.rounding = seen.short.forward(fault.part, FORWARD_FLOAT64)
        found = causes_of(seen, middle)
        if not middle.keras and turns_otherwise(seen, middle):
            return [Cause(before=fault.error)]
        if found[0].id is None:
            works = merged(seen.torch, middle.torch), merged(seen.keras, middle.keras)
            found = (
                behind_preprocessing(seen, middle, *works, number)
                or besides(seen, middle, *works, number)
                or side_by_side(seen, middle, *works, number)
                or another_epsilon(seen, middle, *works, number)
                or found
            )
    names = ", ".join(n.name for n in middle.torch), ", ".join(n.name for n in middle.keras)
    return [replace(c, torch=c.torch or names[0], keras=c.keras or names[1]) for c in found]


def turns_otherwise(seen: Seen, middle: Middle) -> bool:
    """Whether views are all that seems left out, of which Keras has as many, set otherwise."""
    ours, theirs = (
        [node.kind for node in look.graph.nodes if not node.virtual]
        for look in (seen.torch, seen.keras)
    )
    mine = {node.kind for node in middle.torch}
    return bool(mine) and mine <= VIEWS and all(theirs.count(k) >= ours.count(k) for k in mine)


def returned(seen: Seen, fault: Fault) -> list[Cause]:
    """A model that gives back another of its values than the other one does."""
    theirs = fault.part.removeprefix(OUTPUT)
    ours = next(t for t, k in seen.outputs if k == theirs)
    value, due = seen.keras.graph.outputs[theirs], seen.torch.graph.outputs[ours]
    end = Cut(due, value, seen.cuts.by_keras[value].moves, "output")
    with np.errstate(all="ignore"):
        middle = misread(seen, seen.cuts.by_keras, Part((), (value,)), end, 0.0)
        found = causes_of(seen, middle) if middle else [Cause(before=fault.error)]
    return [replace(cause, repairs=()) for cause in found]


def causes_of(seen: Seen, middle: Middle) -> list[Cause]:
    """By the pieces that are left: something missing, something extra, or one thing otherwise."""
    torch, keras = merged(seen.torch, middle.torch), merged(seen.keras, middle.keras)
    casts = {work.node.kind for work in (*torch, *keras)} == {"identity"}
    known = in_short_format(seen, middle) if casts else None
    if known is not None:  # all that is left hands on what it reads, but for its format
        return [known]
    if torch and not keras:
        return [missing(seen, middle, torch)]
    if keras and not torch:
        return [extra(seen, middle, keras)]
    if not torch and not keras:
        if middle.local[middle.cut.keras].torch == middle.cut.torch:
            return [Cause(before=middle.error)]  # what both read is one value, and not made alike
        phrase = f"reads what is torch's {middle.local[middle.cut.keras].torch}, torch's reads "
        phrase += middle.cut.torch
        repairs, id = reads_instead(seen, middle), "wrong-source"
        return [Cause(id, phrase, middle.error, middle.after, (), (id,), repairs=repairs)]
    return between_both(seen, middle, torch, keras)


def between_both(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work]
) -> list[Cause]:
    """One operation of each side on the same numbers; or a few that stand for one."""
    spoilt = not_all_numbers(seen, middle)
    if spoilt is not None:
        return [spoilt]
    order = arranged(seen, middle, torch, keras)
    if order is not None:
        return [order]
    constants = known_constants(seen, middle, keras)
    if constants is not None:
        alone = len(torch) == len(keras) == 1
        return [
            replace(constants, repairs=repaired(seen, middle, torch[0], keras[0]) if alone else ())
        ]
    table = known_table(seen, middle, keras)
    if table is not None:
        return [table]
    affine = by_constants(seen, middle, torch, keras)
    if affine is not None:
        return [affine]
    if len(torch) == len(keras) == 1:
        found = one(seen, middle, torch[0], keras[0])
        found = (
            [cut_elsewhere(seen, middle, torch[0], keras[0])]
            if found[0].id in (None, "other-layer")
            and {torch[0].node.kind, keras[0].node.kind} <= CUTS_OUT
            else found
        )
        if found[0].id is not None and found[0].id != "other-layer":
            return found
    order = in_another_order(seen, middle, torch, keras)
    if order is not None:
        return [order]
    scale = other_scale(seen, middle)
    if scale is not None:
        return [scale]
    known = in_short_format(seen, middle)
    if known is not None:
        return [known]
    if len(torch) == 1:
        cause = by_catalogue(seen, middle, torch[0], "torch")
        if cause.id is not None:
            ways = repaired(seen, middle, torch[0], keras[-1]) if len(keras) == 1 else ()
            return [replace(cause, repairs=ways)]
    if len(keras) == 1:  # PyTorch's is the odd one: what it does, said of Keras' layer
        cause = by_catalogue(seen, middle, keras[0], "keras")
        if cause.id is not None:
            return [replace(cause, phrase=f"torch {cause.phrase}")]
    if len(torch) == len(keras) == 1:
        return one(seen, middle, torch[0], keras[0])
    return in_a_row(seen, middle, torch, keras) or [Cause(before=middle.error)]


def missing(seen: Seen, middle: Middle, torch: Sequence[Work]) -> Cause:
    """Keras goes on with what PyTorch first does something to."""
    kinds = [work.node.kind for work in torch]
    id = "activation-missing" if set(kinds) <= ACTIVATIONS_OF_KIND else "layer-skipped"
    id = "clamped" if kinds == ["clip"] else id
    names = " and ".join(f"{w.node.name} ({w.node.kind})" for w in torch)
    fix = {"keras": f"add {', '.join(kinds)}", "torch": f"remove {names}"}
    phrase = f"keras leaves out what torch does in {names}"
    prepared = preprocessing(seen, torch)
    if prepared is not None:
        id, phrase = "preprocessing-inside", f"torch makes {prepared} of its own input x"
        fix["keras"] = "do the same before the model, or in it"
    elif not set(kinds) <= LAYER_KINDS:
        happened = what_happened(seen, middle, middle.made, middle.due)
        if happened.id is not None:
            id = "mask-missing" if happened.id == MASKED else happened.id
            phrase = f"torch's {names}: what it reads {happened.phrase}"
    repairs: tuple[Repair, ...] = ()
    if middle.reader is not None:
        value = middle.cut.keras if middle.cut.keras in middle.reader.reads else ""
        at = middle.reader.reads.index(value) if value else 0
        first = done_before(seen, middle, torch, middle.reader, at)
        if prepared is not None:
            way = way_of(seen, middle, middle.reader.reads[at])
            settings = {"slope": prepared.slope.tolist(), "offset": prepared.offset.tolist()}
            steps = (("lines", settings),)
            first = Repair(middle.reader.name, reads=(way,), before=steps, at=at)
        repairs = (first,) if first is not None else ()
    return Cause(id, phrase, middle.error, middle.after, (), (id,), fix, repairs=repairs)


def preprocessing(seen: Seen, torch: Sequence[Work]) -> Line | None:
    """The constants by which PyTorch's port scales and shifts the channels of its own input."""
    read = {v for w in torch for v in w.node.reads} - {v for w in torch for v in w.node.writes}
    held = {name for w in torch for name in w.node.tensors.values()}
    if len(read) != 1 or any(seen.torch.graph.tensors[name].trainable for name in held):
        return None
    x, y = seen.torch.value(read.pop()), seen.torch.value(torch[-1].node.writes[0])
    inputs = [v for v in seen.torch.graph.shapes if v.startswith("input:")]
    if not any(np.array_equal(x, seen.torch.value(v)) for v in inputs) or x.shape != y.shape:
        return None
    return line(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))


def extra(seen: Seen, middle: Middle, keras: Sequence[Work]) -> Cause:
    """Keras does something to what PyTorch hands on as it is."""
    kinds = [work.node.kind for work in keras]
    id = "activation-extra" if set(kinds) <= ACTIVATIONS_OF_KIND else "layer-extra"
    ends = {seen.keras.graph.outputs[name] for _, name in seen.outputs}
    if kinds == ["softmax"] and set(keras[-1].node.writes) & ends:
        id = "double-softmax"  # the loss takes logits
    id = "clamped" if kinds == ["clip"] else id
    names = " and ".join(f"{w.node.name} ({w.node.kind})" for w in keras)
    after = middle.after
    read = next((middle.local[v].torch for v in keras[0].node.reads if v in middle.local), None)
    own = str(read).startswith("input:") and {*kinds} <= SCALES
    if kinds[0] in ("rescale", "normalise") or (own and {len(w.node.reads) for w in keras} == {1}):
        id = "preprocessing-inside"
    if after is None and read is not None and seen.torch.value(read).size == middle.due.size:
        after = relative_error(seen.torch.value(read).reshape(middle.due.shape), middle.due)
    fix = {"torch": f"add {', '.join(kinds)}", "keras": f"remove {names}"}
    repairs = tuple(r for work in keras for r in left_out(middle, work))
    phrase = f"keras does {names}, torch nothing here"
    first = id == "preprocessing-inside" and str(read).startswith("input:")
    if not set(kinds) <= LAYER_KINDS and read is not None and not first:
        same = seen.torch.value(read)
        happened = what_happened(
            seen, middle, same.reshape(middle.due.shape) if same.size == middle.due.size else None,
            middle.made,
        )  # fmt: skip
        if happened.id is not None:
            id = "mask-extra" if happened.id == MASKED else happened.id
            phrase = f"keras' {names}: what it reads {happened.phrase}"
    return Cause(id, phrase, middle.error, after, (), (id,), fix, repairs=repairs)


def left_out(middle: Middle, work: Work) -> tuple[Repair, ...]:
    """An operation hands on what it reads; of several values the one that PyTorch goes on with."""
    stand_for = [middle.local[v].torch if v in middle.local else "" for v in work.node.reads]
    goes_on = middle.cut.torch
    order = (stand_for.index(goes_on),) if goes_on in stand_for else ()
    first, *others = work.node.ran
    after = [Repair(name, "identity", reads=((),)) for name in others]
    return (Repair(first, "identity", reads=((),), order=order), *after)
