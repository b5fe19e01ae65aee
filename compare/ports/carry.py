"""Carries trained weights from one port of a verified pair to the other, and proves it.

All or nothing: the file is written beside its place, loaded again, run, and only then renamed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from common.errors import CompareError, UsageError, WorkerError
from common.job import Dtype, SaveJob
from compare.folder import check_writable, finite
from compare.ports import document
from compare.ports.calls import keep_report
from compare.ports.cuts import Cut
from compare.ports.fault import apart
from compare.ports.looks import SIDES, Array, Look
from compare.ports.rungs.forward import output_cut
from compare.ports.verify import Request, Seen, verify
from compare.report import error
from compare.thresholds import CARRIED_FLOAT64
from compare.verdict import EXIT_STATUS, Verdict
from compare.workers import Worker

Document = dict[str, Any]
Side = Literal["torch", "keras"]
# What each framework reads of its own accord.
SUFFIXES = {"torch": (".safetensors", ".pt", ".pth"), "keras": (".weights.h5", ".keras")}
SHOWN = 3  # tensors in a line that says what has nowhere to go


@dataclass(frozen=True)
class Order:
    """Which file of which side, and where to."""

    source: Side
    weights: Path
    to: Path

    @property
    def target(self) -> Side:
        return "keras" if self.source == "torch" else "torch"


class NotVerified(CompareError):
    """Nothing is carried between ports that are not the same network."""

    def __init__(self, verdict: str, causes: Sequence[str], folder: Path) -> None:
        said = f"{verdict}: {', '.join(causes)}" if causes else verdict
        super().__init__(
            f"nothing was carried: the ports are {said}; see {folder / 'report.txt'}, or ask "
            "`compare verify`"
        )
        self.exit_status = EXIT_STATUS[Verdict(verdict)]


def carry(
    request: Request,
    order: Order,
    arguments: Sequence[str],
    workers: Mapping[str, Worker] | None = None,
) -> Document:
    """Verifies, carries, writes, proves. CompareError where any of it fails; then no file is."""
    check(order)
    return verify(request, lambda seen: carried(seen, order, arguments), workers)


def check(order: Order) -> None:
    """What can be refused before the work."""
    if not order.weights.is_file():
        raise UsageError(f"--weights {order.weights}: there is no such file")
    if not order.to.name.endswith(SUFFIXES[order.target]):
        known = ", ".join(SUFFIXES[order.target])
        raise UsageError(
            f"--to {order.to}: expected a file of {order.target}'s, one of {known}, for "
            f"--from {order.source}"
        )
    check_writable("--to", order.to)


def carried(seen: Seen, order: Order, arguments: Sequence[str]) -> Document:
    """The same, once both ports were looked at."""
    judged = document.of(seen, arguments)
    keep_report(seen.room.folder, judged)
    if judged["exit_status"]:
        causes = list(dict.fromkeys(c["cause"] or "cause unknown" for c in judged["culprits"]))
        raise NotVerified(judged["verdict"], causes, seen.room.folder)
    kept = left_alone(seen, order)
    source = loaded(seen, order.source, order.weights, "weights-source")
    arrays = converted(seen, order, source)
    with tempfile.TemporaryDirectory(prefix=".compare-", dir=order.to.parent) as beside:
        written = Path(beside) / order.to.name
        write(seen, order, arrays, written)
        target = loaded(seen, order.target, written, "weights-target")
        held = target.held()
        for name, array in arrays.items():
            if not np.array_equal(held[name], array.astype(np.float64), equal_nan=True):
                raise WorkerError(f"{name} was not read back as it was written; nothing was kept")
        outputs = outputs_apart(seen, order, source, target)
        if not outputs <= CARRIED_FLOAT64:
            raise WorkerError(
                f"nothing was carried: with {order.weights} in {order.source} and what was written "
                f"in {order.target}, the outputs are {error(outputs)} apart on the probe"
            )
        os.replace(written, order.to)
    return told(seen, order, arguments, judged, arrays, kept, outputs)


def left_alone(seen: Seen, order: Order) -> dict[str, list[str]]:
    """Constants without a partner, which each port keeps as it makes them itself.

    UsageError for anything that is trained: it would be lost, or would not be filled.
    """
    found: dict[str, list[str]] = {}
    for side in SIDES:
        alone: Mapping[str, str] = getattr(seen.moves, side)
        held = seen.first[side].graph.tensors
        trained = [name for name in alone if held[name].trainable or held[name].statistic]
        if trained:
            more = f" and {len(trained) - SHOWN} more" if len(trained) > SHOWN else ""
            said = "; ".join(f"{name} {alone[name]}" for name in trained[:SHOWN])
            raise UsageError(f"nothing was carried: {side}'s {said}{more}")
        found[side] = list(alone)
    return found


def loaded(seen: Seen, side: str, path: Path, name: str) -> Look:
    """A port with the weights of a file, all of them, as it runs on the probe in float64."""
    load = replace(seen.room.loads[side], weights=str(path.absolute()))
    room = replace(seen.room, loads={**seen.room.loads, side: load})
    return room.look(side, name)


def converted(seen: Seen, order: Order, source: Look) -> dict[str, Array]:
    """What the source holds, by the target's names and in its axes.

    Each tensor is used once, no number is made or lost, and the way back is exact to the bit.
    """
    ours, graph = source.held(), seen.first["keras"].graph
    moves = seen.moves
    names = [(c.torch, c.keras) for c in moves.carried]
    here, there = zip(*names, strict=True) if names else ((), ())
    if order.source == "torch":
        mine = {name: ours[name] for name in here}
        made = moves.to_keras(mine, graph)
        again = moves.to_torch(made)
    else:
        mine = {name: ours[name] for name in there}
        made = moves.to_torch(mine)
        again = moves.to_keras(made, graph)
    once = len(set(here)) == len(set(there)) == len(names) == len(made)
    exact = once and all(
        mine[name].shape == again[name].shape and mine[name].tobytes() == again[name].tobytes()
        for name in mine
    )
    if not exact or numbers(mine) != numbers(made):
        raise WorkerError("nothing was carried: the way back did not give what was sent")
    dtype = np.dtype(dtype_of(mine))
    return {name: x.astype(dtype) if x.dtype.kind == "f" else x for name, x in made.items()}


def dtype_of(arrays: Mapping[str, Array]) -> Dtype:
    """float32, unless numbers would be lost in it."""
    with np.errstate(over="ignore"):
        fits = all(
            x.dtype.kind != "f" or np.array_equal(x.astype(np.float32), x, equal_nan=True)
            for x in arrays.values()
        )
    return "float32" if fits else "float64"


def numbers(arrays: Mapping[str, Array]) -> int:
    return sum(x.size for x in arrays.values())


def write(seen: Seen, order: Order, arrays: Mapping[str, Array], path: Path) -> None:
    """The target's own file, written by its framework."""
    given = seen.room.save("carried", arrays, order.target)
    load = seen.room.load(order.target, dtype_of(arrays))
    seen.room.workers[order.target].ask(
        SaveJob(load, given, seen.room.probe(), str(path.absolute()))
    )


def outputs_apart(seen: Seen, order: Order, source: Look, target: Look) -> float:
    """How far the outputs of both ports are, each with its own file."""
    torch, keras = (source, target) if order.source == "torch" else (target, source)
    errors = []
    for ours, theirs in seen.outputs:
        t, k = seen.torch.graph.outputs[ours], seen.keras.graph.outputs[theirs]
        known = seen.cuts.by_keras.get(k)
        cut: Cut = known if known and known.torch == t else output_cut(seen, t, k)
        errors.append(apart(keras.value(k), torch.value(t), cut))
    return float(np.max(errors)) if errors else float("inf")  # np.max: a NaN stays one


def told(
    seen: Seen,
    order: Order,
    arguments: Sequence[str],
    judged: Document,
    arrays: Mapping[str, Array],
    kept: Mapping[str, list[str]],
    outputs: float,
) -> Document:
    """The JSON document."""
    wanted = ("schema_version", "model", "torch", "keras", "inputs", "run", "seed", "backends")
    found = {key: judged[key] for key in wanted} | {
        "command": ["compare", *arguments],
        "kind": "transfer",
        "from": order.source,
        "weights": str(order.weights),
        "to": str(order.to),
        "verified": {"verdict": judged["verdict"], "outputs_apart": judged["outputs_apart"]},
        "carried": {
            "tensors": len(arrays),
            "numbers": numbers(arrays),
            "dtype": dtype_of(arrays),
            "bytes": order.to.stat().st_size,
            "left_alone": dict(kept),
        },
        "proof": {
            "outputs_apart": outputs,
            "allowed": CARRIED_FLOAT64,
            "round_trip": "bit-exact",
            "read_back": "bit-exact",
        },
        "verdict": judged["verdict"],
        "exit_status": 0,
    }
    return dict(finite(found))


def text(result: Document) -> str:
    """In the terminal."""
    moved, proof = result["carried"], result["proof"]
    target = "keras" if result["from"] == "torch" else "torch"
    lines = [
        f"verified  {result['verified']['verdict']}: with drawn weights the outputs are "
        f"{error(result['verified']['outputs_apart'])} apart",
        f"carried   {moved['tensors']} tensors, {moved['numbers']:,} numbers of {moved['dtype']}, "
        f"each once; the way back is exact to the bit",
        f"proof     {result['to']} loaded into {target}, {result['weights']} into "
        f"{result['from']}: outputs {error(proof['outputs_apart'])} apart in float64",
    ]
    for side, names in moved["left_alone"].items():
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            lines.append(f"constants of {side}, as it makes them: {', '.join(names[:SHOWN])}{more}")
    lines.append(f"written   {result['to']} ({moved['bytes']:,} bytes)")
    return "\n".join(lines) + "\n"


__all__ = ["Order", "carry", "text"]
