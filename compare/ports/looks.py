"""What both ports did, on disk: looked at by the workers, or read again from a run folder.

Everything that a verdict needs lies in the folder under a name of its own, so that a folder made
last week, or elsewhere, is judged by the same code with neither framework installed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from common import tensors
from common.errors import DataError
from common.graph import Graph
from common.job import Load, LookJob, PrepareJob, Repair, ReplayJob, Unit
from compare.folder import read_json, write_json
from compare.ports import parts
from compare.ports.fold import folded
from compare.ports.pairing import Net
from compare.workers import Worker, threads

Array = NDArray[Any]
Dtype = Literal["float32", "float64"]
SIDES = ("torch", "keras")
LOWERED = "no-float64.json"


@dataclass(frozen=True)
class Look:
    """One pass of one port: its graph, and what flowed through it, in its own axes."""

    graph: Graph
    arrays: Mapping[str, Array]

    @cached_property
    def net(self) -> Net:
        return Net(self.graph)

    def value(self, name: str) -> Array:
        return self.arrays[f"value:{name}"]

    def held(self) -> dict[str, Array]:
        """Every tensor of the port."""
        return {
            key.removeprefix("tensor:"): array
            for key, array in self.arrays.items()
            if key.startswith("tensor:")
        }


@dataclass(frozen=True)
class Renamed(Mapping[str, Array]):
    """Some of the arrays, by other names; each is read when it is asked for."""

    arrays: Mapping[str, Array]
    keys_of: Mapping[str, str]

    def __getitem__(self, name: str) -> Array:
        return self.arrays[self.keys_of[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys_of)

    def __len__(self) -> int:
        return len(self.keys_of)


@dataclass(frozen=True)
class Replay:
    """What units made of what they were fed."""

    arrays: Mapping[str, Array]
    failed: Mapping[str, str]  # unit -> why it could not be run
    errors: dict[str, float] = field(default_factory=dict)  # of units, as compare/ports/gaps.py
    gradients: dict[str, tuple[float, str]] = field(default_factory=dict)  # found: and of what

    def value(self, unit: str, name: str) -> Array | None:
        return self.arrays.get(f"{unit}|value:{name}")

    def forget(self, units: Collection[str]) -> None:
        """What these hand back is no longer what it was held against."""
        for name in units:
            self.gradients.pop(name, None)

    @cached_property
    def by_unit(self) -> dict[str, Mapping[str, Array]]:
        """Unit -> what it left -> array."""
        found: dict[str, dict[str, str]] = {}
        for key in self.arrays:
            own, _, what = key.partition("|")
            found.setdefault(own, {})[what] = key
        return {own: Renamed(self.arrays, keys) for own, keys in found.items()}


@dataclass(frozen=True)
class Gathered(Mapping[str, Array]):
    """Arrays of several files, each read when it is asked for."""

    files: Mapping[str, Mapping[str, Array]]  # by the array's name

    def __getitem__(self, name: str) -> Array:
        return self.files[name][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def replaced(before: Replay, again: Replay, units: Collection[str]) -> Replay:
    """A replay with these units as another one left them."""
    files = {k: before.arrays for k in before.arrays if k.partition("|")[0] not in units}
    files |= {k: again.arrays for k in again.arrays if k.partition("|")[0] in units}
    failed = {n: why for n, why in before.failed.items() if n not in units}
    failed |= {n: why for n, why in again.failed.items() if n in units}
    errors = {n: error for n, error in before.errors.items() if n not in units}
    found = Replay(Gathered(files), failed, errors | again.errors, dict(before.gradients))
    found.forget(units)
    return found


def one_replay(found: Sequence[Replay]) -> Replay:
    """Several of different units as one."""
    return Replay(
        Gathered({key: one.arrays for one in found for key in one.arrays}),
        {name: why for one in found for name, why in one.failed.items()},
        {name: error for one in found for name, error in one.errors.items()},
        {name: worst for one in found for name, worst in one.gradients.items()},
    )


@dataclass
class Room:
    """The folder of a verification, and the workers that fill it; without them it is only read."""

    folder: Path
    loads: Mapping[str, Load]
    workers: Mapping[str, Worker] = field(default_factory=dict)
    splits: dict[str, dict[str, int]] = field(default_factory=dict)  # of layers, by side
    graphs: dict[str, Graph] = field(default_factory=dict)  # as they were seen last
    locks: Mapping[str, RLock] = field(default_factory=lambda: {s: RLock() for s in (*SIDES, "")})

    def lower(self, side: str, why: str) -> None:
        """From now on a side that cannot run in float64 runs in float32 in its place."""
        (self.folder / side).mkdir(parents=True, exist_ok=True)
        write_json(self.folder / side / LOWERED, {"why": why})

    def lowered(self, side: str) -> str:
        """Why it was; empty where it was not."""
        path = self.folder / side / LOWERED
        return str(read_json(path)["why"]) if path.exists() else ""

    def path(self, side: str, name: str) -> Path:
        return self.folder / side / f"{name}.safetensors"

    def prepare(self, side: str) -> None:
        """Has a port built for float64, so that the look that follows need not wait for it."""
        if side in self.workers:
            with self.locks[side]:
                self.workers[side].ask(PrepareJob(self.load(side, "float64"), self.probe()))

    def look(self, side: str, name: str, dtype: Dtype = "float64", **job: Any) -> Look:
        """Looks at a port; once for each name."""
        path = self.path(side, name)
        with self.locks[side]:
            if not path.exists():
                asked = LookJob(self.load(side, dtype), self.probe(), str(path), **job)
                self.ask(side, path, asked)
        arrays, note = tensors.opened(path)
        graph = parts.parted(folded(Graph.from_note(note)), self.splits.get(side, {}), side)
        self.graphs[side] = graph
        return Look(graph, parts.in_pieces(arrays, graph, side))

    def replay(
        self,
        side: str,
        name: str,
        units: Sequence[Unit],
        source: Path,
        dtype: Dtype = "float64",
        training: bool = False,
        repairs: tuple[Repair, ...] = (),
    ) -> Replay:
        """Runs units of the port as it was looked at in this dtype and mode; once for each name."""
        path = self.path(side, name)
        failed = path.with_suffix(".failed.json")
        with self.locks[side]:
            if not path.exists():
                job = ReplayJob(
                    self.load(side, dtype), tuple(units), str(source.absolute()), str(path),
                    training, repairs,
                )  # fmt: skip
                write_json(failed, self.ask(side, path, job).get("failed", {}))
        arrays = parts.in_pieces(tensors.opened(path)[0], self.graphs[side], side)
        return Replay(arrays, read_json(failed))

    def ask(self, side: str, path: Path, job: LookJob | ReplayJob) -> dict[str, Any]:
        if side not in self.workers:
            raise DataError(f"{path}: is not there; verify again, with --out to keep arrays")
        path.parent.mkdir(parents=True, exist_ok=True)
        return self.workers[side].ask(replace(job, out=str(path.absolute())))

    def load(self, side: str, dtype: Dtype) -> Load:
        if side not in self.loads:
            raise DataError(f"{self.folder}: incomplete; verify the ports again")
        return replace(self.loads[side], dtype="float32" if self.lowered(side) else dtype)

    def probe(self) -> str:
        return str((self.folder / "probe.safetensors").absolute())

    def given(self, side: str, path: str) -> Mapping[str, Array]:
        """The tensors of a file, by their parts where the port's layers are taken so."""
        return parts.in_pieces(tensors.load(Path(path)), self.graphs[side], side)

    def save(self, name: str, arrays: Mapping[str, Array], side: str = "") -> str:
        """Leaves arrays in the folder, tensors of a `side` whole; their path, for a worker."""
        path = self.folder / f"{name}.safetensors"
        arrays = parts.joined(arrays, side) if side else arrays
        with self.locks[""]:
            if path.exists():
                return str(path.absolute())
            tensors.save(path, {key: np.asarray(x, order="C") for key, x in arrays.items()})
        return str(path.absolute())


@contextmanager
def meanwhile(do: Callable[[], object]) -> Iterator[None]:
    """Does something while what is inside goes on, and ends when both have ended.

    It is a head start, no more: what it raises is raised again by whoever asks for the same.
    """
    with threads(1) as pool:
        pool.submit(do)
        yield


def both(ask: Any) -> dict[str, Any]:
    """What `ask(side)` gives of either side, both at once."""
    with threads(2) as pool:
        return dict(zip(SIDES, pool.map(ask, SIDES), strict=True))
