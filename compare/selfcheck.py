"""`compare selfcheck`: faults planted in right ports, and right ports that look wrong.

compare/suite.py says what the files hold. Most are judged by the ladder against their spec; pairs
of files, and with `--ports` everything, by `compare verify`, which knows of no spec.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from common import tensors, weights
from common.errors import CompareError, UsageError
from common.job import Build, TraceJob, spec_of
from common.recipe import Recipe
from common.spec import Spec
from compare import evidence, kernels, lockstep
from compare.checks import climb, step
from compare.document import findings
from compare.evidence import DTYPES, SIDES, STEPS, Array
from compare.ports.trial import tried
from compare.progress import Reporter
from compare.report import rendered
from compare.run import prepare_steps, probe, probe_batch, step_job
from compare.suite import Case, cases, right_port, spec_path
from compare.thresholds import FORWARD_FLOAT32, FORWARD_FLOAT64
from compare.verdict import Verdict
from compare.workers import Worker

Document = dict[str, Any]
RECIPE = Recipe("selfcheck", 1, 16, 0.05, momentum=0.9)
SHARES = {"ops": (1.0, 0.3)}  # of the outputs of the pairs that have two
QUICK = 4  # every fourth file
EXACT = 0.95  # of the faults are found at the very layer
NAMED = 0.85  # of the faults in ports without a spec are given their cause


# ------------------------------------------------------------------------------ data of one side


def rolled(arrays: dict[str, Array]) -> dict[str, Array]:
    """Each image with the next one's label."""
    return arrays | {"y_train": np.roll(arrays["y_train"], 1)}


def transposed(arrays: dict[str, Array]) -> dict[str, Array]:
    """Height and width exchanged, as far as the shape allows."""
    x = arrays["x_train"]
    return arrays | {"x_train": x.transpose(0, 1, 3, 2).reshape(x.shape)}


def flipped(arrays: dict[str, Array]) -> dict[str, Array]:
    """Half of the images mirrored: an augmentation that the other side does not have."""
    x = arrays["x_train"].copy()
    x[::2] = x[::2, :, :, ::-1]
    return arrays | {"x_train": np.ascontiguousarray(x)}


def unscaled(arrays: dict[str, Array]) -> dict[str, Array]:
    """Not divided by 255."""
    return arrays | {"x_train": arrays["x_train"] * np.float32(255)}


def reversed_order(arrays: dict[str, Array]) -> dict[str, Array]:
    """Every epoch in the other order."""
    return {"orders": np.ascontiguousarray(arrays["orders"][:, ::-1])}


def whole_batches(arrays: dict[str, Array]) -> dict[str, Array]:
    """The last, smaller batch of every epoch left out."""
    size = arrays["orders"].shape[1]
    kept = size - size % lockstep.BATCH or size
    return {"orders": np.ascontiguousarray(arrays["orders"][:, :kept])}


FEEDS: dict[str, tuple[str, Callable[[dict[str, Array]], dict[str, Array]]]] = {
    "labels rolled": ("data", rolled),
    "transposed": ("data", transposed),
    "flipped": ("data", flipped),
    "unscaled": ("data", unscaled),
    "other order": ("orders", reversed_order),
    "whole batches": ("orders", whole_batches),
}


# ------------------------------------------------------------------------------ running and judging


class Bench:
    """Two workers, and what they have already left of the right ports."""

    def __init__(self, workers: dict[str, Worker], room: Path) -> None:
        self.workers, self.room = workers, room
        self.known: dict[str, Path] = {}

    def evidence(self, case: Case) -> evidence.Evidence:
        """The pair with the case's port in it, through the whole ladder where that is needed."""
        recipe = replace(RECIPE, shares=SHARES.get(case.spec, ()), **case.recipe)
        spec = spec_of(Build("", spec_path(case.spec), ""))
        steps = case.kind == "correct" or (case.rung or 0) >= step.RUNG
        steps = steps and can_be_trained(spec)
        folder = self.new("case")
        given, _ = self.given(case.spec, recipe)
        for path in given.iterdir():
            (folder / path.name).symlink_to(path)

        def work(side: str) -> Path:
            if side != case.side:
                port = right_port(case.spec, side)
                return self.side(side, port, case.spec, recipe, recipe, "", steps)
            port = case.port or right_port(case.spec, side)
            taken = replace(recipe, **case.takes)
            return self.side(side, port, case.spec, recipe, taken, case.feeds, steps)

        with ThreadPoolExecutor(max_workers=2) as pool:
            for side, left in zip(SIDES, pool.map(work, SIDES), strict=True):
                (folder / side).symlink_to(left)
        found = evidence.load(folder, spec, recipe, 0, seeds=0, margin=0.0)
        return found if steps else replace(found, steps=None, lockstep=None)

    def new(self, stem: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{stem}-", dir=self.room))

    def given(self, pair: str, recipe: Recipe) -> tuple[Path, Path]:
        """What both sides are given, and the folder of the data that they train on."""
        key = f"given {pair} {asdict(recipe)}"
        if key not in self.known:
            folder, spec = self.new("given"), spec_of(Build("", spec_path(pair), ""))
            scratch = self.new("scratch")
            drawn = weights.draw(spec, 0, "probe")
            tensors.save(folder / "probe-weights.safetensors", drawn)
            inputs = probe(spec, 0, probe_batch(spec), scaled=True)
            tensors.save(folder / "probe.safetensors", inputs)
            if can_be_trained(spec):
                prepare_steps(spec, recipe, 0, folder, scratch)
            else:
                tensors.save(folder / "initial-weights.safetensors", drawn)
                batch = probe(spec, 0, recipe.batch_size, scaled=False)
                tensors.save(folder / "first-batch.safetensors", batch)
            self.known[key], self.known[f"{key} data"] = folder, scratch
        return self.known[key], self.known[f"{key} data"]

    def side(
        self,
        side: str,
        port: str,
        pair: str,
        recipe: Recipe,
        taken: Recipe,
        feeds: str,
        steps: bool,
    ) -> Path:
        """What a side leaves of a port: the traces, and where asked for, steps and trajectory."""
        key = f"{side} {port} {pair} {asdict(recipe)} {asdict(taken)} {feeds}"
        if key not in self.known:
            self.known[key] = self.new(side)
            self.traces(side, port, pair, recipe, self.known[key])
        if steps and f"{key} steps" not in self.known:
            self.known[f"{key} steps"] = self.known[key]
            self.steps(side, port, pair, recipe, taken, feeds, self.known[key])
        return self.known[key]

    def traces(self, side: str, port: str, pair: str, recipe: Recipe, folder: Path) -> None:
        """Of both precisions, and of training mode."""
        given, _ = self.given(pair, recipe)
        loaded = str(given / "probe-weights.safetensors")
        for name, dtype, batch, training in (
            *((f"trace-{dtype}", dtype, "probe", False) for dtype in DTYPES),
            ("trace-training-float64", "float64", "first-batch", True),
        ):
            exact: Any = dtype
            build = Build(port, spec_path(pair), loaded, exact, "nhwc")
            job = TraceJob(
                build,
                str(given / f"{batch}.safetensors"),
                str(folder / f"{name}.safetensors"),
                recipe.loss,
                recipe.shares,
                training,
            )
            self.workers[side].ask(job)

    def steps(
        self,
        side: str,
        port: str,
        pair: str,
        recipe: Recipe,
        taken: Recipe,
        feeds: str,
        folder: Path,
    ) -> None:
        """One step, ten and a hundred."""
        given, data = self.given(pair, recipe)
        data = self.fed(data, feeds) if feeds else data
        build = Build(port, spec_path(pair), str(given / "initial-weights.safetensors"))
        build = replace(build, layout="nhwc", dtype="float64")
        changes = {k: v for k, v in asdict(taken).items() if v != getattr(recipe, k)}
        for count, dtype in (*((n, "float64") for n in STEPS), (1, "float32")):
            exact: Any = dtype
            job = step_job(replace(build, dtype=exact), recipe, count, 0, data, folder)
            if count > 1:  # at a millionth of the rate
                short = job.recipe.learning_rate / recipe.learning_rate
                changes["learning_rate"] = taken.learning_rate * short
            self.workers[side].ask(replace(job, recipe=replace(job.recipe, **changes)))
        changes["learning_rate"] = taken.learning_rate
        for leg in lockstep.legs(side):
            start = str(given / f"{leg.weights}.safetensors")
            begin = replace(build, dtype=leg.dtype, weights=start)
            job = lockstep.job(begin, leg, recipe, 0, data, folder)
            self.workers[side].ask(replace(job, recipe=replace(job.recipe, **changes)))

    def fed(self, data: Path, feeds: str) -> Path:
        """The data as the other side does not have them."""
        kind, change = FEEDS[feeds]
        folder = self.new("fed")
        for path in data.iterdir():
            arrays = tensors.load(path)
            tensors.save(folder / path.name, change(arrays) if kind in path.name else arrays)
        return folder


def can_be_trained(spec: Spec) -> bool:
    """Whether the inputs are parts of one image, which are what a training is given."""
    return len({shape[:2] for shape in spec.inputs.values()}) == 1


def judged(case: Case, found: evidence.Evidence) -> Document:
    """One row of the table: what was said of the case, and whether that is right."""
    document = findings(found, climb(found))
    verdict = Verdict(document["verdict"])
    first = (document["culprits"] or [{}])[0]
    detected = verdict is Verdict.DIFFERENT
    return {
        "name": case.name,
        "kind": case.kind,
        "verdict": verdict.value,
        "rung": first.get("rung"),
        "layer": first.get("torch"),
        "side": first.get("side"),
        "cause": first.get("cause"),
        "expected": {"rung": case.rung, "layer": case.layer, "side": case.side}
        | {"cause": case.cause},
        "detected": detected,
        "exact_layer": detected
        and (first.get("torch"), first.get("side")) == (case.layer, case.side),
        "right_cause": detected and first.get("cause") is not None and first["cause"] == case.cause,
        "wrong_cause": first.get("cause") not in (None, case.cause),
        "false_alarm": case.kind == "correct" and not verdict.agrees,
        **by_kernels(found),
    }


def by_kernels(found: evidence.Evidence) -> Document:
    """What other tools' comparisons say of the pair's float32 numbers, and what these can show.

    They are given the outputs alone, then every layer's, in the evaluation that a trace is of. A
    fault is not in them where both precisions agree as those of right ports do.
    """
    layers = [layer.name for layer in found.spec.layers]
    said, shown = {}, {}
    for which, names in (("outputs", found.spec.outputs), ("layers", layers)):
        pairs = {d: [found.pair(f"output:{name}", d) for name in names] for d in DTYPES}
        gaps = {d: max(evidence.relative_error(*pair) for pair in pairs[d]) for d in DTYPES}
        said[which] = kernels.verdicts(pairs["float32"])
        shown[which] = gaps["float64"] > FORWARD_FLOAT64 or gaps["float32"] > FORWARD_FLOAT32
    return {"kernels": said, "shows": shown}


def by_verify(case: Case, workers: dict[str, Worker], room: Path, names: bool) -> Document:
    """One row of the table: what `compare verify` says of a pair that it knows nothing of.

    `names`: whether names that are alike may speak for two layers being one.
    """
    folder = Path(tempfile.mkdtemp(prefix="pair-", dir=room))
    try:
        said = tried(case, workers, folder, names)
    except CompareError as error:
        said = {"verdict": f"error: {error}", "culprits": []}
    finally:
        shutil.rmtree(folder)
    first = (said["culprits"] or [{}])[0]
    layers, cause = [first[side] for side in SIDES if first.get(side)], first.get("cause")
    detected = said["verdict"] == Verdict.DIFFERENT.value
    agrees = said["verdict"] in {v.value for v in Verdict if v.agrees}
    expected = {"layer": case.layer, "cause": case.cause} | case.as_port
    return {
        "name": case.name,
        "kind": case.kind,
        "verdict": said["verdict"],
        "rung": first.get("rung"),
        "layer": " | ".join(dict.fromkeys(layers)) or None,
        "side": None,  # neither port is the right one
        "cause": cause,
        "expected": {"rung": None, "side": None} | expected,
        "detected": detected,
        "exact_layer": detected and expected["layer"] in {n for one in layers for n in parts(one)},
        "right_cause": detected and cause is not None and cause == expected["cause"],
        "wrong_cause": cause not in (None, expected["cause"]),
        "false_alarm": case.kind == "correct" and not agrees,
    }


def parts(layers: str) -> set[str]:
    """Names of the layers in a culprit's: "conv1, relu/max#2" -> conv1 and relu."""
    return {name.partition("/")[0].partition("#")[0] for name in layers.split(", ")}


def selfcheck(
    names: Sequence[str] = (),
    quick: bool = False,
    quiet: bool = False,
    timeout: float = 600.0,
    ports: bool = False,
) -> Document:
    """Both suites through real workers; `quick` takes every fourth file.

    `ports`: every fault as somebody's port without spec, names of layers counting for nothing.
    """
    known = cases()
    if unknown := set(names) - {case.name for case in known}:
        raise UsageError(f"selfcheck: no file of tests/broken or tests/correct is {min(unknown)}")
    if ports:
        known = [case for case in known if case.port or case.kind == "correct"]
    chosen = [case for case in known if case.name in names or not names][:: QUICK if quick else 1]
    left_out = {c.name: c.not_a_port for c in chosen if ports and c.not_a_port}
    chosen = [case for case in chosen if case.name not in left_out]
    rows = []
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reporter = stack.enter_context(Reporter(SIDES, quiet))
        workers = {
            side: stack.enter_context(
                Worker(side, sys.executable, room / f"{side}.log", timeout=timeout, device="cpu")
            )
            for side in SIDES
        }
        for worker in workers.values():
            worker.ready()
        bench = Bench(workers, room)
        for number, case in enumerate(chosen):
            for side in SIDES:
                reporter.phase(side, f"{case.name} ({number + 1} of {len(chosen)})")
            began = time.perf_counter()
            if ports or case.twin:
                row = by_verify(case, workers, room, names=not ports)
            else:
                row = judged(case, bench.evidence(case))
            rows.append(row | {"seconds": time.perf_counter() - began})
    return summary(rows, left_out, NAMED if ports else 0.0)


def summary(
    rows: list[Document], left_out: dict[str, str] | None = None, named: float = 0.0
) -> Document:
    """The totals, and the exit status that they make. `named`: of the faults have their cause."""
    faults = [row for row in rows if row["kind"] == "fault"]
    correct = [row for row in rows if row["kind"] == "correct"]
    keys = ("detected", "exact_layer", "right_cause", "wrong_cause")
    counts = {key: sum(row[key] for row in faults) for key in keys}
    alarms = sum(row["false_alarm"] for row in correct)
    compared = [row for row in rows if "kernels" in row]  # by the ladder: verify keeps no outputs
    good = counts["detected"] == len(faults) and not alarms and not counts["wrong_cause"]
    good = good and counts["exact_layer"] >= EXACT * len(faults)
    good = good and counts["right_cause"] >= named * len(faults)
    return {
        "schema_version": 1,
        "kind": "selfcheck",
        "faults": {"total": len(faults), **counts},
        "correct": {"total": len(correct), "false_alarms": alarms},
        "kernels": kernels.score(compared) if compared else [],
        "rows": rows,
        "left_out": left_out or {},
        "exit_status": 0 if good else 1,
    }


def text(document: Document) -> str:
    """A row for each file, and the totals."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("file", "verdict", "rung", "layer", "side", "cause"):
        table.add_column(name)
    table.add_column("seconds", justify="right")
    table.add_column("")
    for row in document["rows"]:
        cells = [row["name"], row["verdict"]]
        cells += [str(row[key] if row[key] is not None else "-") for key in SAID]
        table.add_row(*cells, f"{row['seconds']:.1f}", remark(row))
    faults, correct = document["faults"], document["correct"]
    return rendered(table) + (
        f"\n\nfaults   {faults['detected']} of {faults['total']} detected, "
        f"{faults['exact_layer']} at their very layer and side; cause named for "
        f"{faults['right_cause']}, wrongly for {faults['wrong_cause']}\n"
        f"correct  {correct['false_alarms']} false alarms in {correct['total']}\n"
        + "".join(f"not seen in a port: {n} ({why})\n" for n, why in document["left_out"].items())
        + (f"\n{kernel_table(document['kernels'])}\n" if document["kernels"] else "")
    )


def kernel_table(scores: list[Document]) -> str:
    """What other tools' comparisons would have said of the same ports."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("comparison")
    for which in ("outputs", "layers"):
        for name in ("missed", "false alarms"):
            table.add_column(f"{which}: {name}", justify="right")
    for score in scores:
        pairs = [score[which] for which in ("outputs", "layers")]
        cells = [
            (
                f"{own['missed_of_shown']} of {own['shown']}",
                f"{own['false_alarms']} of {own['equal']}",
            )
            for own in pairs
        ]
        table.add_row(score["name"], *(cell for pair in cells for cell in pair))
    return f"{rendered(table)}\n{LEGEND}"


LEGEND = (
    "missed: passed, of the faults that show in both ports' outputs, or in any layer's, float32;\n"
    "false alarms: failed, of the pairs whose numbers there agree to rounding"
)
SAID = ("rung", "layer", "side", "cause")


def remark(row: Document) -> str:
    """What is not as expected; empty where all is."""
    if row["kind"] == "correct":
        return "FALSE ALARM" if row["false_alarm"] else ""
    if not row["detected"]:
        return "MISSED"
    expected = row["expected"]
    missed = [f"{key} {expected[key]}" for key in SAID if not as_expected(row, key)]
    return "expected " + ", ".join(missed) if missed else ""


def as_expected(row: Document, key: str) -> bool:
    """Whether the row says what its file does; where the ports are anybody's, no rung or side."""
    if key == "layer" and row["exact_layer"]:
        return True
    without_spec = row["expected"]["side"] is None
    return bool(row[key] == row["expected"][key] or (without_spec and key in ("rung", "side")))
