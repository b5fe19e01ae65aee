"""Both workers, started once for the whole session, and what tests ask of them."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common import tensors, weights
from common.job import Build, TraceJob, spec_of
from common.result import Trace
from common.spec import Spec, shapes
from compare.checks import climb
from compare.evidence import DTYPES, SIDES, Evidence
from compare.run import PROBABILITIES
from compare.verdict import Check
from compare.workers import Worker

# A worker imports its framework three times as fast where compiled modules are kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent.parent
Judge = Callable[..., Evidence]
Size = tuple[int, int] | None
KEPT = 2**26  # bytes of a trace that is kept for whoever asks again


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Worker]]:
    """A torch worker and a Keras worker, on the CPU; importing the frameworks takes seconds."""
    logs = tmp_path_factory.mktemp("logs")
    started = {
        side: Worker(side, sys.executable, logs / f"{side}.txt", timeout=300, device="cpu")
        for side in SIDES
    }
    for worker in started.values():
        worker.ready()
    yield started
    for worker in started.values():
        worker.close()


@pytest.fixture(scope="session")
def trace(
    workers: dict[str, Worker], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Build], Trace]:
    """Traces one port on a probe drawn from seed 0 (or `seed`); each question is asked once."""
    known: dict[tuple[object, ...], Trace] = {}
    room = tmp_path_factory.mktemp("traces")
    numbers = itertools.count()

    def ask(
        side: str,
        port: str,
        spec: str,
        dtype: str,
        layout: str,
        seed: int,
        batch: int,
        size: Size = None,
        spoilt: str = "",
        **loss: Any,
    ) -> Trace:
        key = (side, port, spec, dtype, layout, seed, batch, size, spoilt)
        if key not in known:
            scaled = loss.get("loss") != PROBABILITIES
            given, probe = give(room, spec, seed, batch, size, spoilt, scaled)
            build = Build(port, spec, str(given), dtype, layout, "cpu", size)
            out = room / f"{next(numbers)}.safetensors"
            workers[side].ask(TraceJob(build, str(probe), str(out), **loss))
            found = Trace.load(out)
            if out.stat().st_size > KEPT:
                out.unlink()  # what is mapped stays readable until nobody reads it any more
                return found
            known[key] = found
        return known[key]

    return ask


def give(
    room: Path,
    spec: str,
    seed: int,
    batch: int,
    size: Size,
    spoilt: str = "",
    scaled: bool = True,
) -> tuple[Path, Path]:
    """Probe weights and probe of a spec, written for a worker."""
    stem = f"{spec.rpartition('/')[2].replace(':', '-')}-{seed}-{batch}-{size}-{spoilt}-{scaled}"
    given, probe = room / f"{stem}-weights", room / f"{stem}-probe"
    if not probe.exists():  # the later one; both workers may be asked at once
        known = spec_of(Build("", spec, "", size=size))
        tensors.save(given, weights.draw(known, seed, "probe"))
        tensors.save(probe, probe_of(known, seed, batch, spoilt, scaled))
    return given, probe


# What makes a probe blind; of a batch of one, nothing more is needed.
SPOILT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda x: x,
    "ones": np.ones_like,
    "zeros": np.zeros_like,
    "symmetric": lambda x: np.triu(x) + np.triu(x, 1).swapaxes(2, 3),
    "small": lambda x: x / np.abs(x).max(axis=(1, 2, 3), keepdims=True),
    "repeated": lambda x: np.repeat(x[:1], len(x), axis=0),
}


def probe_of(
    spec: Spec, seed: int, batch: int = 8, spoilt: str = "", scaled: bool = True
) -> dict[str, np.ndarray]:
    classes = shapes(spec)[spec.outputs[0]][0]
    labels = weights.probe_labels(classes, seed, batch)
    drawn = weights.probe_inputs(spec, seed, batch, scaled)
    return {**{name: SPOILT[spoilt](x) for name, x in drawn.items()}, "labels": labels}


@pytest.fixture(scope="session")
def evidence(trace: Callable[..., Trace]) -> Judge:
    """Evidence on a pair of ports, both in one layout of maps."""

    def gather(
        torch: str,
        keras: str,
        spec: str,
        seed: int = 0,
        layout: str = "nhwc",
        batch: int = 8,
        loss: str = "cross-entropy",
        shares: tuple[float, ...] = (),
        size: Size = None,
        spoilt: str = "",
    ) -> Evidence:
        known = spec_of(Build("", spec, "", size=size))
        ports = {"torch": torch, "keras": keras}

        def traced(side: str) -> dict[tuple[str, str], Trace]:
            how = {"loss": loss, "shares": shares}
            asked = (layout, seed, batch, size, spoilt)
            return {
                (side, dtype): trace(side, ports[side], spec, dtype, *asked, **how)
                for dtype in DTYPES
            }

        with ThreadPoolExecutor(len(SIDES)) as pool:  # both workers at once
            torch_traces, keras_traces = pool.map(traced, SIDES)
        return Evidence(
            known,
            weights.draw(known, seed, "probe"),
            probe_of(known, seed, batch, spoilt, loss != PROBABILITIES),
            torch_traces | keras_traces,
            loss,
            shares,
        )

    return gather


@pytest.fixture(scope="session")
def climbed(evidence: Judge) -> Callable[..., list[Check]]:
    """The answers of all rungs on a pair of ports; the same question is asked once."""
    known: dict[str, list[Check]] = {}

    def ask(**pair: Any) -> list[Check]:
        key = repr(sorted(pair.items()))
        if key not in known:
            known[key] = climb(evidence(**pair))
        return known[key]

    return ask


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests leave in the folder for temporary files lies with pytest's own."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.mktemp("temporary"))
    yield
    tempfile.tempdir = before


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment of a `python -m compare` that finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
