"""`compare bench`: our training loops against bare ones, start-up and memory, with the spread."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from common import data as datasets
from common import specs, tensors, weights
from common.job import BenchJob, Build
from compare.evidence import SIDES
from compare.progress import Reporter
from compare.report import rendered
from compare.run import (
    PORTS,
    Options,
    check_layout,
    choose_device,
    choose_layout,
    load_data,
    normalised,
    recipe_of,
)
from compare.workers import Worker, check_python

Document = dict[str, Any]
ALLOWED = 1.05  # of the bare loop's time: what the harness may cost


def bench(options: Options, repeats: int, launches: int) -> Document:
    """Each worker started `launches` times, in turn and alone; `repeats` pairs of epochs each."""
    spec, recipe = specs.get(options.model), recipe_of(options)
    check_layout(options, options.device)
    pythons = {s: check_python(s, options.python.get(s, sys.executable)) for s in SIDES}
    data, _ = load_data(options, spec, recipe)
    measured: dict[str, list[Document]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as scratch, Reporter(SIDES, options.quiet) as reporter:
        room = Path(scratch)
        tensors.save(room / "weights.safetensors", weights.draw(spec, options.seed, recipe.initial))
        orders = datasets.orders(len(data.y_train), 1, options.seed)
        tensors.save(room / "orders.safetensors", {"orders": orders})
        arrays = normalised(data, recipe, options.dtype)
        tensors.save(room / "data.safetensors", arrays)
        for launch in range(launches):
            for side in SIDES if launch % 2 == 0 else SIDES[::-1]:
                reporter.phase(side, f"launch {launch + 1} of {launches}", repeats)
                measured[side].append(
                    one_launch(options, side, pythons[side], room, recipe, repeats, reporter)
                )
    return summary(options, data.name, recipe.batch_size, measured)


def one_launch(
    options: Options,
    side: str,
    python: str,
    room: Path,
    recipe: Any,
    repeats: int,
    reporter: Reporter,
) -> Document:
    """One worker from its start to its end: start-up, epochs of both loops, peak memory."""
    spec = specs.get(options.model)
    log = room / f"{side}.log"
    with Worker(side, python, log, timeout=options.timeout, device=options.device) as worker:
        ready = worker.ready()
        device = choose_device(options.device, {side: ready})
        build = Build(
            port=f"{PORTS[side]}.{spec.port}",
            spec=spec.name,
            weights=str(room / "weights.safetensors"),
            dtype=options.dtype,
            layout=choose_layout(options.layout),
            device=device,
            size=recipe.size,
        )
        job = BenchJob(
            build,
            recipe,
            str(room / "data.safetensors"),
            str(room / "orders.safetensors"),
            repeats,
        )

        def on_progress(event: Document) -> None:
            if "pairs" in event:
                reporter.advance(side, event["pairs"], repeats)

        done = worker.ask(job, on_progress)
        return {**ready, **done, "device": device}


def summary(
    options: Options, data: str, batch_size: int, measured: dict[str, list[Document]]
) -> Document:
    """Medians and spread; ratios pair by pair, since the machine's speed drifts."""
    backends = {}
    for side, launches in measured.items():
        seconds = {
            loop: [s for launch in launches for s in launch["seconds"][loop]]
            for loop in ("harness", "bare")
        }
        samples = launches[0]["samples"]
        pairs = zip(seconds["harness"], seconds["bare"], strict=True)
        backends[side] = {
            "framework": launches[0]["framework"],
            "device": launches[0]["device"],
            "samples_per_second": spread([samples / s for s in seconds["harness"]]),
            "bare_samples_per_second": spread([samples / s for s in seconds["bare"]]),
            "harness_over_bare": spread([harness / bare for harness, bare in pairs]),
            "startup_seconds": spread([launch["startup_seconds"] for launch in launches]),
            "peak_memory_bytes": spread([launch["peak_memory_bytes"] for launch in launches]),
        }
    return {
        "schema_version": 1,
        "kind": "bench",
        "model": options.model,
        "data": {"name": data},
        "batch_size": batch_size,
        "dtype": options.dtype,
        "pairs": sum(len(launch["seconds"]["bare"]) for launch in measured["torch"]),
        "launches": len(measured["torch"]),
        "backends": backends,
        "exit_status": 0,
    }


def spread(values: list[float]) -> Document:
    """Median, quartiles, least and most."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {"median": middle, "quartiles": [low, high], "least": min(values), "most": max(values)}


def text(document: Document) -> str:
    """A table with a column for each framework, medians and quartiles."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(
        f"{document['model']}, {document['data']['name']}, batch {document['batch_size']}"
    )
    for side, backend in document["backends"].items():
        table.add_column(f"{side} ({backend['device']})", justify="right")
    for label, key, shown, unit in ROWS:
        cells = [cell(backend[key], shown, unit) for backend in document["backends"].values()]
        table.add_row(label, *cells)
    note = (
        f"median (lower to upper quartile) of {document['pairs']} pairs of epochs, our loop and "
        f"the bare one in turn,\nand of {document['launches']} launches, one worker at a time"
    )
    worst = max(b["harness_over_bare"]["median"] for b in document["backends"].values())
    verdict = "within" if worst <= ALLOWED else "over"
    return (
        f"{rendered(table)}\n{note}\n"
        f"the harness takes {worst:.3f} times what the bare loop takes, in the worse of the two "
        f"medians: {verdict} 5%\n"
    )


ROWS = (
    ("samples a second, our loop", "samples_per_second", "{:,.0f}", 1),
    ("samples a second, bare loop", "bare_samples_per_second", "{:,.0f}", 1),
    ("our time / bare time, pair by pair", "harness_over_bare", "{:.3f}", 1),
    ("start-up seconds", "startup_seconds", "{:.1f}", 1),
    ("peak memory, MiB", "peak_memory_bytes", "{:,.0f}", 2**20),
)


def cell(value: Document, shown: str, unit: int) -> str:
    low, high = (shown.format(x / unit) for x in value["quartiles"])
    return f"{shown.format(value['median'] / unit)} ({low} to {high})"
