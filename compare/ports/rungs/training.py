"""Rung 4: norms and dropout in training mode, each alone on the same numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from common.graph import Node, moved
from compare.evidence import relative_error
from compare.ports.cuts import part
from compare.ports.fault import Fault, apart, looks, title
from compare.ports.looks import Look, Replay
from compare.ports.pairing import Holder, Net
from compare.ports.verify import Seen
from compare.thresholds import (
    FORWARD_FLOAT64,
    SHORT_STATISTIC,
    STATISTIC_FLOAT64,
)
from compare.verdict import Check, Verdict

KINKED = {"relu", "leaky_relu", "prelu"}  # of twice a number they make twice as much
NEUTRAL = {"identity", "dropout", "flatten", "reshape", "transpose", "detach"}


def trained_otherwise_in_words(seen: Seen, wrong: Collection[str]) -> Iterator[str]:
    """What a training would show and no part that was judged does."""
    if seen.folded:
        count = len(seen.folded)
        yield (
            f"{count} norms that one port's weights have taken in ({seen.folded[0]}): the same in "
            "evaluation, and not in training"
        )
    drops = {side: dropouts(look) for side, look in looks(seen).items()}
    for side, other in (("torch", "keras"), ("keras", "torch")):
        if drops[side] and not drops[other]:
            names = ", ".join(f"{n.name} ({n.settings['rate']:g})" for n in drops[side][:3])
            yield (
                f"{side} has dropout, {names}, and {other} has none at all: they are the same "
                "network and train otherwise"
            )
    for side, look in looks(seen).items():
        if found := whole_branches(look):
            yield f"{side} drops whole branches at {len(found)} places; that is not compared"
    keeps = [
        (pair.torch.node.settings.get("keep"), pair.keras.node.settings.get("keep"))
        for pair in seen.pairs.pairs
        if pair.torch.node.kind == pair.keras.node.kind == "batch_norm"
        and set(wrong) & set(pair.keras.node.writes)
    ]
    for (ours, theirs), count in Counter(keeps).items():
        if ours is not None and theirs is not None and not np.isclose(ours, theirs, rtol=1e-6):
            yield (
                f"in training, {count} norms that err in evaluation also keep {theirs:g} of their "
                f"running statistics in keras and {ours:g} in torch"
            )


def training(seen: Seen, wrong: Collection[str]) -> tuple[Check, list[Fault]]:
    """Rung 4: norms and dropout in training mode, each alone on the same numbers.

    A part that is `wrong` in evaluation already is not asked.
    """
    modal = [name for name in modal_parts(seen) if name not in wrong]
    drops = {side: dropouts(look) for side, look in looks(seen).items()}
    asked = len(modal_parts(seen))
    if not modal and not any(drops.values()):
        said = "nothing does otherwise in training"
        if asked:
            said = f"not asked: all {asked} norms err in evaluation already"
        return Check("training", 4, Verdict.SAME, said, coverage=(0, asked)), []
    faults: list[Fault] = []
    largest, compared = 0.0, 0
    ours, theirs = in_training(seen, modal) if modal else (Replay({}, {}), Replay({}, {}))
    for name in modal:
        error, found = part_in_training(seen, name, ours, theirs)
        faults += found
        largest = max(largest, error)
        compared += not found
    if all(drops.values()):  # a port without any leaves it to whoever trains: see `in_words`
        faults += other_drops(seen, drops)
    verdict = Verdict.DIFFERENT if faults else Verdict.ROUNDING if largest else Verdict.SAME
    detail = f"{compared} norms, {len(drops['torch'])} dropouts: at most {largest:.1e} apart"
    said = faults[0].detail if faults else detail
    if asked > len(modal):
        detail += f"; {asked - len(modal)} norms that err in evaluation were not asked"
    said = faults[0].detail if faults else detail
    cover = (compared, asked)
    return Check("training", 4, verdict, said, largest, STATISTIC_FLOAT64, coverage=cover), faults


def modal_parts(seen: Seen) -> list[str]:
    """Parts with a norm in them that keeps statistics, and no dropout."""
    found = []
    folded = {one.norm.node.name for one in seen.folded}
    for name, own in seen.parts.items():
        ours = part(seen.torch.net, seen.cut_of(name).torch, seen.cuts.by_torch)
        kinds = {node.kind for node in (*own.nodes, *ours.nodes)}
        fed = all(source in seen.cuts.by_keras for source in own.sources)
        if folded & {node.name for node in (*own.nodes, *ours.nodes)}:
            continue  # without a partner in training
        if "batch_norm" in kinds and fed and name not in seen.replayed.failed:
            found.append(name)
    return found


def in_training(seen: Seen, modal: list[str]) -> tuple[Replay, Replay]:
    """Those parts of both ports, on the numbers that PyTorch has in evaluation."""
    source = seen.room.path("torch", "look-float64")
    for side in ("torch", "keras"):
        kept: dict[str, Any] = {
            "tensors": False,
            "values": False,
            "given": seen.given.get(side, ""),
        }
        seen.room.look(side, "training-look", training=True, **kept)
    units = seen.torch_units(False, modal)
    ours = seen.room.replay("torch", "training-replay", units, source, training=True)
    parts = seen.units(gradients=False, only=frozenset(modal))
    theirs = seen.room.replay("keras", "training-replay", parts, source, training=True)
    return ours, theirs


def part_in_training(
    seen: Seen, name: str, ours: Replay, theirs: Replay
) -> tuple[float, list[Fault]]:
    """The outputs and the running statistics of one part."""
    cut, own = seen.cut_of(name), seen.parts[name]
    titles = title(seen, cut, own)
    for side, replay in (("torch", ours), ("keras", theirs)):
        if name in replay.failed:
            said = f"{side}'s cannot be run alone in training mode: {replay.failed[name]}"
            return 0.0, [Fault(4, *titles, None, said, name)]
    largest, faults = 0.0, []
    due, made = ours.value(name, cut.torch), theirs.value(name, seen.target(name))
    error = apart(made, due, cut)
    known = apart(seen.replayed.value(name, seen.target(name)), seen.torch.value(cut.torch), cut)
    short = name in seen.short.parts
    allowed = SHORT_STATISTIC if short else 1e-9
    if not error <= allowed and known <= seen.short.forward(name, FORWARD_FLOAT64):
        detail = f"errs by {error:.1e} in training mode, and not in evaluation"
        faults.append(
            Fault(4, *titles, error, detail, name, **frozen_norm(seen, name, ours, theirs))
        )
    elif error <= allowed:
        largest = error
    if faults and faults[0].cause:
        return largest, faults  # a norm that is frozen leaves its statistics alone, too
    for pair in seen.pairs.pairs:
        if (
            pair.keras.node.name in {n.name for n in own.nodes}
            and pair.torch.node.kind == "batch_norm"
        ):
            found, fault = statistics(seen, name, pair.torch, pair.keras, ours, theirs)
            largest = max(largest, found)
            if fault is not None:
                ours_name, theirs_name = pair.torch.node.name, pair.keras.node.name
                faults.append(replace(fault, torch=ours_name, keras=theirs_name))
    return largest, faults


def frozen_norm(seen: Seen, name: str, ours: Replay, theirs: Replay) -> dict[str, Any]:
    """Named where a side's part makes in training what it makes in evaluation."""
    cut = seen.cut_of(name)
    for side, now, before in (
        ("keras", theirs.value(name, cut.keras), seen.replayed.value(name, cut.keras)),
        ("torch", ours.value(name, cut.torch), seen.torch.value(cut.torch)),
    ):
        still = relative_error(now, before)
        if still <= FORWARD_FLOAT64:
            call = "training=False" if side == "keras" else "eval()"
            fix = {side: f"normalise with the batch's statistics in training: no {call}"}
            return {"cause": "bn-frozen", "after": still, "fix": fix}
    return {}


def statistics(
    seen: Seen, name: str, t: Holder, k: Holder, ours: Replay, theirs: Replay
) -> tuple[float, Fault | None]:
    """What one batch brings into the running mean and variance.

    PyTorch keeps the variance over n - 1, Keras the one over n: a known difference, exact.
    """
    keep_t, keep_k = t.node.settings.get("keep"), k.node.settings.get("keep")
    if not isinstance(keep_t, float) or not {"mean", "var"} <= t.tensors.keys() & k.tensors.keys():
        return 0.0, None
    count = prod(seen.torch.value(t.node.reads[0]).shape) // t.shapes["mean"][0]
    errors = {}
    for keep in dict.fromkeys((keep_t, keep_k)):
        if not isinstance(keep, float):
            continue
        worst_error = 0.0
        for role in ("mean", "var"):
            old = seen.held["torch"][t.tensors[role]].astype(np.float64)
            new = ours.by_unit[name].get(f"statistic:{t.tensors[role]}")
            got = theirs.by_unit[name].get(f"statistic:{k.tensors[role]}")
            if new is None or got is None:
                return float("inf"), Fault(4, "", "", None, f"keeps no running {role}", name)
            carried = seen.carried.get(k.tensors[role])
            got = moved(got, carried.moves) if carried is not None else got
            if got.shape != old.shape:
                return 0.0, None  # told at rung 0
            batch = (new - keep_t * old) / (1 - keep_t)
            if role == "var":
                batch = batch * (count - 1) / count
            brought = got - keep * old
            worst_error = max(worst_error, relative_error(brought, (1 - keep) * batch))
        errors[keep] = worst_error
    error = errors[keep_t]
    short = name in seen.short.parts
    allowed, proof = (SHORT_STATISTIC,) * 2 if short else (STATISTIC_FLOAT64, 1e-6)
    if error <= allowed or (np.isclose(keep_t, keep_k or 0.0, rtol=1e-7) and error <= 1e-6):
        return (error if error <= allowed else 0.0), None
    after = errors.get(keep_k) if isinstance(keep_k, float) else None
    proven = after is not None and after <= proof and keep_k != keep_t
    detail = f"keeps {keep_k} of its running statistics, torch's {keep_t}"
    if not proven:
        detail = f"brings another share into its running statistics ({error:.1e})"
    fix = {
        "torch": f"momentum={1 - (keep_k or 0):.10g}",
        "keras": f"momentum={keep_t:.10g}",
    }
    known: dict[str, Any] = {"cause": "bn-momentum", "after": after, "fix": fix} if proven else {}
    return error, Fault(4, "", "", error, detail, name, **known)


def dropouts(look: Look) -> list[Node]:
    """What drops single numbers, or whole maps."""
    drops = [n for n in look.graph.nodes if n.kind == "dropout" and n.settings.get("rate", 0)]
    return [n for n in drops if n.settings.get("noise_shape") in (None, "maps")]


def whole_branches(look: Look) -> list[Node]:
    """What drops all of a sample: stochastic depth."""
    drops = [n for n in look.graph.nodes if n.kind == "dropout" and n.settings.get("rate", 0)]
    return [n for n in drops if n not in dropouts(look)]


def other_drops(seen: Seen, drops: Mapping[str, list[Node]]) -> Iterator[Fault]:
    """Dropout that one side has and the other has not, or at another rate."""
    places = {side: [place_of(seen, side, n) for n in found] for side, found in drops.items()}
    left = {side: list(zip(places[side], found, strict=True)) for side, found in drops.items()}
    for place, node in left["torch"][:]:
        same = [entry for entry in left["keras"] if entry[0] == place]
        if same:
            left["keras"].remove(same[0])
            left["torch"].remove((place, node))
            a, b = float(node.settings["rate"]), float(same[0][1].settings["rate"])
            if abs(a - b) > 1e-6:
                fix = {"torch": f"nn.Dropout({b:g})", "keras": f"layers.Dropout({a:g})"}
                both, detail = (node.name, same[0][1].name), f"drops {b:g}, torch's {a:g}"
                found = Fault(4, *both, abs(a - b), detail)
                yield replace(found, cause="dropout-rate", after=0.0, fix=fix)
            elif (
                len({node.settings.get("noise_shape"), same[0][1].settings.get("noise_shape")}) > 1
            ):
                ours, theirs = (
                    "whole maps" if n.settings.get("noise_shape") else "single numbers"
                    for n in (node, same[0][1])
                )
                detail = f"drops {theirs}, torch's {ours}"
                yield Fault(4, node.name, same[0][1].name, None, detail, cause="dropout2d")
    unknown = any(place not in seen.torch.graph.shapes for place, _ in left["keras"])
    if unknown and len(left["torch"]) == len(left["keras"]):
        return  # behind a fault nothing says which is which
    whole = {
        side: {place_of(seen, side, node): node for node in whole_branches(look)}
        for side, look in looks(seen).items()
    }
    for side, other in (("torch", "keras"), ("keras", "torch")):
        for place, node in left[side]:
            branch = whole[other].get(place)
            if branch is not None:
                names = {side: node.name, other: branch.name}
                detail = f"{other} drops whole samples here, {side} less than that"
                yield Fault(4, names["torch"], names["keras"], None, detail, cause="dropout2d")
                continue
            names = {side: node.name, other: ""}
            detail = f"{side} drops {node.settings['rate']:g} here, {other} nothing"
            yield Fault(4, names["torch"], names["keras"], None, detail, cause="dropout-missing")


def place_of(seen: Seen, side: str, node: Node) -> str:
    """The PyTorch value that a dropout acts on, through what keeps every number."""
    value = before(looks(seen)[side].net, node.reads[0])
    if side == "torch":
        return value
    cut = seen.cuts.by_keras.get(value)
    return f"keras {value}" if cut is None else before(seen.torch.net, cut.torch)


def before(net: Net, value: str) -> str:
    """The value from which on a dropout does the same, wherever it stands."""
    while value in net.maker and drops_through(net.maker[value]):
        value = net.maker[value].reads[0]
    return value


def drops_through(node: Node) -> bool:
    """Whether it makes no difference if numbers are dropped before a node or behind it."""
    straight = node.settings.get("cut") is None and not node.settings.get("threshold")
    return node.kind in NEUTRAL or (node.kind in KINKED and straight)
