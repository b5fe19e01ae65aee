"""A verification as the JSON document that scripts read; compare/ports/report.py makes it text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from common.graph import back, moved
from common.job import Repair, Unit
from compare.evidence import relative_error
from compare.folder import finite
from compare.known import KEPT_IN_FLOAT32
from compare.ports import cuts
from compare.ports.at_once import at_once
from compare.ports.causes.cause import KNOWN, Cause
from compare.ports.causes.explain import explain
from compare.ports.fault import Fault
from compare.ports.judge import Judgement, judge, rounded
from compare.ports.looks import SIDES, Look, Replay, meanwhile
from compare.ports.reproduce import reproduced
from compare.ports.rungs.forward import end_to_end_of
from compare.ports.rungs.hidden import errors
from compare.ports.rungs.structure import unrelated
from compare.ports.verify import Request, Seen
from compare.verdict import EXIT_STATUS, Check, Verdict, worst

Document = dict[str, Any]


@dataclass(frozen=True)
class Culprit:
    """One fault with one cause of it."""

    fault: Fault
    cause: Cause


@dataclass(frozen=True)
class Told:
    """A whole judgement, with causes, and what is left once every proposed repair is made."""

    judgement: Judgement
    culprits: list[Culprit]
    known: list[Culprit]  # differences that right ports show too
    checks: list[Check]
    residual: float | None  # after all repairs; None: nothing to repair, or it cannot be
    repaired: int
    no_faults: list[Culprit]  # that are none: with the repairs Keras makes the same there

    @property
    def verdict(self) -> Verdict:
        return worst(check.verdict for check in self.checks)


@np.errstate(all="ignore")  # what is not finite is told as a finding
def tell(seen: Seen) -> Told:
    """Judges, explains, repairs."""
    behind = {} if unrelated(seen) else errors(seen)
    numbers = count()
    with meanwhile(lambda: seen.replayed_float32):
        judgement = judge(seen, behind)
        causes = at_once(partial(explain, seen), judgement.faults, numbers)
    causes += at_once(partial(explain, seen), rounded(seen, judgement), numbers)
    pairs = sorted(zip(judgement.faults, causes, strict=True), key=partial(place_of, seen))
    found = [Culprit(fault, cause) for fault, own in pairs for cause in own]
    known = [c for c in found if c.cause.id == KNOWN]
    culprits = unique([c for c in found if c.cause.id != KNOWN])
    repairs = made_once([c.cause for c in found if c.cause.id not in (None, KNOWN)])
    exact = [repair for c in known for repair in c.cause.repairs]
    residual, no_faults = None, []
    if repairs:
        unknown = [c for c in culprits if c.cause.id is None and c.fault.part in seen.parts]
        residual, replay = run_repaired(seen, [*repairs, *exact], unknown)
        if residual is not None and residual <= KEPT_IN_FLOAT32:
            no_faults = [c for c in unknown if right_when_repaired(seen, c.fault, replay)]
            culprits = [c for c in culprits if c not in no_faults]
    checks = [without_known(check, judgement, [*known, *no_faults]) for check in judgement.checks]
    return Told(judgement, culprits, known, checks, residual, len(repairs), no_faults)


def right_when_repaired(seen: Seen, fault: Fault, replay: Replay) -> bool:
    """Whether a part errs on PyTorch's numbers because these were taken for others than they are.

    Behind a fault numbers do not tell which values stand for each other, nor in what order of their
    axes. Once all repairs are made they do: where what the part makes is then PyTorch's, it is no
    fault.
    """
    made = replay.value("whole", seen.target(fault.part))
    if made is None or fault.hidden or not fault.error:
        return False
    maps = list(seen.torch.graph.shapes.values())
    allowed = min(KEPT_IN_FLOAT32, 1e-3 * fault.error)  # and far below what it was told to err by
    for value in (seen.cut_of(fault.part).torch, *cuts.values(seen.torch.net)):
        due = seen.torch.arrays.get(f"value:{value}")
        if due is None or due.size != made.size:
            continue
        moves = cuts.way_by_value(made, due, seen.keras.graph, maps)
        if moves is not None and relative_error(moved(made, moves), due) <= allowed:
            return True
    return False


def place_of(seen: Seen, told: tuple[Fault, Sequence[Cause]]) -> tuple[int, int]:
    """Where a fault stands: rung by rung, and those of numbers as the Keras port runs."""
    fault, places = told[0], [*seen.keras.graph.shapes]
    if fault.rung not in (1, 3) or fault.part not in seen.parts:
        return fault.rung, len(places)
    return 3, places.index(seen.target(fault.part))


def unique(culprits: list[Culprit]) -> list[Culprit]:
    """What one side has alone, as a bias, is seen at rung 0 and again in its numbers: told once.

    So is an operation on the way to two values that err.
    """
    told = {(name, c.cause.id) for c in culprits if c.fault.rung != 0 for name in names_of(c)}
    same = {
        "bias": ("bias-extra", "bias-missing"),
        "layer-missing": ("layer-extra", "layer-skipped"),
    }
    shared = {
        name
        for c in culprits
        if c.cause.id == "layer-shared"
        for name in (*c.cause.keras.split(", "), *c.cause.torch.split(", "))
    }
    alone = [{c.fault.torch, c.fault.keras} - {""} for c in culprits]
    culprits = [
        c
        for c, names in zip(culprits, alone, strict=True)
        if c.fault.rung != 0 or len(names) != 1 or not names & shared
    ]
    kept = []
    for c in culprits:
        ids = same.get(c.cause.id or "", (c.cause.id,))
        again = [(c.fault.keras or f"torch {c.fault.torch}", id) for id in ids]
        if c.fault.rung != 0 or not told & set(again):
            kept.append(c)
    first = {(c.cause.torch, c.cause.keras, c.cause.phrase, c.cause.id or n): n
             for n, c in reversed([*enumerate(kept)])}  # fmt: skip
    return [c for n, c in enumerate(kept) if n in first.values() or not c.cause.torch]


def made_once(causes: Sequence[Cause]) -> list[Repair]:
    """All repairs: what is told once may have to be made in front of several readers."""
    found: list[Repair] = []
    for repair in (repair for cause in causes for repair in cause.repairs):
        if repair not in found:
            found.append(repair)
    return found


def names_of(c: Culprit) -> set[str]:
    """What a cause is told of: of Keras, and of PyTorch."""
    ours = {c.fault.torch, *c.cause.torch.split(", ")}
    return {c.fault.keras, *c.cause.keras.split(", "), *(f"torch {name}" for name in ours)}


def without_known(check: Check, judgement: Judgement, known: Sequence[Culprit]) -> Check:
    """A check whose only faults are known differences has none."""
    rungs = {1, 3} if check.id == "forward" else {check.rung}
    mine = [fault for fault in judgement.faults if fault.rung in rungs]
    left = [f for f in mine if id(f) not in {id(c.fault) for c in known}]
    if left and len(left) < len(mine):
        return replace(check, detail=left[0].detail)
    if not mine or left:
        return check
    largest = max(c.fault.error or 0.0 for c in known)
    detail = f"known differences alone: {len(mine)} parts, at most {largest:.1e}"
    return Check(check.id, check.rung, Verdict.ROUNDING, detail, largest, check.allowed,
                 coverage=(check.coverage[1], check.coverage[1]))  # fmt: skip


def run_repaired(
    seen: Seen, repairs: Sequence[Repair], unknown: Sequence[Culprit]
) -> tuple[float | None, Replay]:
    """How far the outputs of the whole Keras port are from PyTorch's, with every repair made.

    And what it makes then, where the parts of `unknown` end, too.
    """
    feeds = {
        cut.keras: (
            f"value:{cut.torch}",
            back(cut.moves, (-1, *seen.keras.graph.shapes[cut.keras])),
        )
        for cut in seen.cuts.found
        if cut.why == "input"
    }
    names = tuple(name for node in seen.keras.graph.nodes for name in node.ran)
    ends = tuple(dict.fromkeys(seen.keras.graph.outputs[k] for _, k in seen.outputs))
    asked = dict.fromkeys([*ends, *(seen.target(c.fault.part) for c in unknown)])
    unit = Unit("whole", names, feeds, tuple(asked), {})
    source = seen.room.path("torch", "look-float64")
    replay = seen.room.replay("keras", "repaired", [unit], source, repairs=tuple(repairs))
    if replay.failed:
        return None, replay
    return end_to_end_of(seen, {v: replay.value("whole", v) for v in ends}), replay


def of(seen: Seen, arguments: Sequence[str]) -> Document:
    """The JSON document, schema version 1."""
    told = tell(seen)
    verdict = worst_of(told, seen.request)
    unknown = [c.fault for c in told.culprits if c.cause.id is None and not c.fault.hidden]
    folders = reproduced(seen, unknown)
    known = {(c.fault.torch, c.fault.keras) for c in (*told.known, *told.no_faults)}
    rows = told.judgement.rows.values()
    document = {
        "schema_version": 1,
        "command": ["compare", *arguments],
        "kind": "verify",
        "model": f"{seen.request.torch} and {seen.request.keras}",
        "torch": seen.request.torch,
        "keras": seen.request.keras,
        "inputs": [list(shape) for shape in seen.request.inputs],
        "run": str(seen.room.folder),
        "seed": seen.request.seed,
        "backends": {side: backend(seen, side) for side in SIDES},
        "layers": [row | {"verdict": row_verdict(row, known)} for row in rows],
        "pairs": [
            {"torch": p.torch.node.name, "keras": p.keras.node.name, "evidence": list(p.evidence)}
            for p in seen.pairs.pairs
        ],
        "unmatched": {side: [h.node.name for h in getattr(seen.pairs, side)] for side in SIDES},
        "checks": [
            {
                "id": check.id,
                "rung": check.rung,
                "verdict": check.verdict.value,
                "detail": check.detail,
                "measured": check.measured,
                "allowed": check.allowed,
                "decides": decides(check, seen.request),
            }
            for check in told.checks
        ],
        "rungs": list(seen.request.rungs) or None,
        "culprits": [
            culprit(c, seen) | {"reproduction": folders.get(id(c.fault))} for c in told.culprits
        ],
        "known_differences": [culprit(c, seen) for c in told.known],
        "coverage": {key: list(seen_of) for key, seen_of in told.judgement.coverage.items()},
        "notes": told.judgement.notes,
        "outputs_apart": told.judgement.residual,
        "repairs": {"made": told.repaired, "outputs_apart": told.residual},
        "verdict": verdict.value,
        "exit_status": EXIT_STATUS[verdict],
    }
    return dict(finite(document))


def decides(check: Check, request: Request) -> bool:
    """Whether a check is of the rungs that were asked for; shapes and settings show forward."""
    rungs = {1, 2, 3} if check.id == "forward" else {check.rung}
    return not request.rungs or check.rung is None or bool(rungs & set(request.rungs))


def worst_of(told: Told, request: Request) -> Verdict:
    """The verdict of the checks that decide; nothing is proven where none of the rungs has one."""
    asked = [check for check in told.checks if decides(check, request)]
    if not any(check.rung is not None for check in asked):
        return Verdict.NOT_PROVEN
    return worst(check.verdict for check in asked)


def place(look: Look, name: str) -> str | None:
    """ "net.py:31", where an operation of that name was called; else its layer's first one."""
    nodes = look.graph.nodes
    own = [n for n in nodes if n.name == name] or [n for n in nodes if name and n.layer == name]
    return next((node.place for node in own if node.place), None)


def backend(seen: Seen, side: str) -> Document:
    look = seen.torch if side == "torch" else seen.keras
    held = look.graph.tensors.values()
    trained, other = (
        sum(prod_of(t.shape) for t in held if t.trainable is flag) for flag in (True, False)
    )
    known = seen.environments.get(side, {})
    return {
        "status": "ok",
        "error": None,
        "framework": known.get("framework"),
        "python": known.get("python"),
        "layout": "NHWC" if look.graph.channels == "last" else "NCHW",
        "parameters": {"trainable": trained, "non_trainable": other},
        "operations": len(look.graph.nodes),
    }


def prod_of(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def row_verdict(row: Document, known: Collection[tuple[str, str]]) -> str:
    """Of one part's numbers; what right ports show too is rounding."""
    if (row["torch"], row["keras"]) in known:
        return str(Verdict.ROUNDING.value)
    errors = [row["forward"]["float64"] or 0.0, row["gradient"]["float64"] or 0.0]
    if max(errors) > max(1e-10, row["allowed"]):
        return str(Verdict.DIFFERENT.value)
    return str((Verdict.ROUNDING if max(errors) else Verdict.SAME).value)


def culprit(c: Culprit, seen: Seen) -> Document:
    names = {"torch": c.cause.torch or c.fault.torch, "keras": c.cause.keras or c.fault.keras}
    return {
        "rung": c.fault.rung,
        **names,
        "place": {side: place(getattr(seen, side), name) for side, name in names.items()},
        "error_float64": c.fault.error,
        "detail": c.fault.detail,
        "cause": c.cause.id,
        "phrase": c.cause.phrase,
        "evidence": {
            "error_before": c.cause.before,
            "error_after": c.cause.after,
            "also": list(c.cause.also),
            "tried": list(c.cause.tried),
        },
        "fix": dict(c.cause.fix) if c.cause.fix else None,
    }
