"""`compare verify` on a file of the suites, with workers that are already there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.job import Build, spec_of
from compare.ports import document
from compare.ports.looks import SIDES, Room
from compare.ports.verify import Request, load, seen
from compare.suite import Case, right_port, spec_path
from compare.workers import Worker


def tried(case: Case, workers: dict[str, Worker], folder: Path, names: bool) -> dict[str, Any]:
    """The document of a verification, as `compare verify --json` gives it."""
    request = as_users(case, names)
    loads = {side: load(request, side) for side in SIDES}
    for side in SIDES:
        (folder / side).mkdir()
    return document.of(seen(request, Room(folder, loads, workers)), ())


def as_users(case: Case, names: bool) -> Request:
    """Two ports of anybody's: the case's pair, or its port and the right one of the other side."""
    if case.twin:
        inputs = tuple(tuple(shape) for shape in case.inputs)
        return Request(case.port, case.twin, inputs, arguments=case.args, names=names)
    spec = spec_of(Build("", spec_path(case.spec), ""))
    ports = {side: right_port(case.spec, side) for side in SIDES}
    if case.port:
        ports[case.side] = case.port
    return Request(ports["torch"], ports["keras"], tuple(spec.inputs.values()), names=names)
