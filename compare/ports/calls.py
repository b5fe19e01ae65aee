"""A verification that Python code asks for, instead of the command line."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from common.errors import CompareError, UsageError
from compare.folder import write_json, write_text
from compare.ports import document, maps, report
from compare.ports.looks import SIDES
from compare.ports.verify import RUNGS, Request, thin, verify
from compare.workers import Worker, check_python

Document = dict[str, Any]


def request_of(
    torch: str,
    keras: str,
    inputs: Sequence[int] | Sequence[Sequence[int]],
    *,
    arguments: Mapping[str, Mapping[str, Any] | None],
    weights: Mapping[str, str | Path | None],
    python: Mapping[str, str | None],
    map: str | Path | None,
    probe: str | Path | None,
    rungs: Sequence[int],
    out: str | Path | None,
    **same: Any,
) -> Request:
    """A call in the words of the command line. UsageError for what it would refuse, too."""
    if set(rungs) - set(RUNGS):
        raise UsageError(f"rungs: expected some of {RUNGS[0]} to {RUNGS[-1]}, got {list(rungs)}")
    return Request(
        torch=torch,
        keras=keras,
        inputs=shapes_of(inputs),
        arguments={side: dict(arguments[side] or {}) for side in SIDES},
        weights={side: str(path) for side, path in weights.items() if path is not None},
        python={side: path for side, path in python.items() if path is not None},
        map=maps.read(Path(map)) if map is not None else None,
        probe=Path(probe) if probe is not None else None,
        rungs=tuple(rungs),
        out=Path(out) if out is not None else None,
        quiet=True,
        **same,
    )


def shapes_of(inputs: Sequence[int] | Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """One shape may stand alone: (3, 32, 32) for [(3, 32, 32)]."""
    several = [inputs] if all(isinstance(n, int) for n in inputs) else inputs
    found = tuple(tuple(shape) for shape in cast("Sequence[Sequence[int]]", several))
    if not all(shape and all(isinstance(n, int) and n > 0 for n in shape) for shape in found):
        raise UsageError(f"inputs: expected shapes such as [(3, 32, 32)], got {inputs!r}")
    return found


def call(request: Request, workers: Mapping[str, Worker] | None = None) -> Document:
    """The document; the report of ports that do not match stays, without `out` as well."""
    own = request.out is None
    folder = Path(tempfile.mkdtemp(prefix="compare-verify-")) if own else Path(str(request.out))
    keep = True
    try:
        result = verify(replace(request, out=folder), lambda seen: document.of(seen, []), workers)
        keep = result["exit_status"] != 0
        keep_report(folder, result)
        return result
    except CompareError as error:
        keep = error.exit_status != 2
        raise
    finally:
        if own:
            thin(folder)
        if own and not keep:
            shutil.rmtree(folder, ignore_errors=True)


def keep_report(folder: Path, result: Document) -> None:
    """What `compare report` prints again."""
    write_json(folder / "result.json", result)
    write_text(folder / "report.txt", report.text(result))


class SharedWorkers:
    """Both workers, started when first asked for, and anew where one has died."""

    def __init__(
        self, folder: Path, timeout: float = 600.0, python: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.timeout = folder, timeout
        self.python = {side: (python or {}).get(side, sys.executable) for side in SIDES}
        self.stack = ExitStack()
        self.started: dict[str, Worker] = {}
        self.numbers = 0

    def get(self) -> dict[str, Worker]:
        """The workers, alive."""
        for side in SIDES:
            if side not in self.started or self.started[side].process.poll() is not None:
                path = check_python(side, self.python[side])
                self.numbers += 1
                log = self.folder / f"{side}-{self.numbers}.log"
                worker = Worker(side, path, log, timeout=self.timeout, device="cpu")
                self.started[side] = self.stack.enter_context(worker)
        return self.started

    def close(self) -> None:
        self.stack.close()
