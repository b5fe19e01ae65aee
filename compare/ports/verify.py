"""Looks at two ports that should be one network, with the same weights in both.

What happens, in order: each port is run once to see what it is made of; layers are paired, and
weights drawn for one port and carried over to the other; both run forward and backward on a probe;
then every part of the Keras port runs alone on PyTorch's numbers (compare/ports/cuts.py says why).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from common import tensors
from common.errors import DataError, UsageError
from common.graph import Moves, back, fed, moved, noise
from common.job import Load, Unit
from compare.folder import RunFolder, read_json, write_json
from compare.ports import cuts, gaps, pairing, parts, transfer
from compare.ports.cuts import Cut, Cuts, Part, part
from compare.ports.exchange import exchanged
from compare.ports.finer import refine
from compare.ports.folded import Folded, take_out
from compare.ports.looks import SIDES, Look, Replay, Room, both, one_replay
from compare.ports.orders import feature_orders
from compare.ports.outputs import paired_outputs
from compare.ports.pairing import Holder, Pairs
from compare.ports.relax import relax
from compare.ports.short import Short, measured
from compare.progress import Reporter
from compare.workers import Worker, check_python, threads

T = TypeVar("T")
Array = NDArray[Any]
RUNGS = range(7)  # of the ladder, as far as two ports without a recipe are judged
MODAL = {"batch_norm", "dropout"}  # kinds that do otherwise in training
ROUTES = {"concat", "flatten", "reshape", "transpose", "identity", "add", "pad", "slice", "split"}
DRAWN = {"weight", "bias", "scale", "shift"}  # where frozen, too; else what never changes stays
EXCHANGES = 8  # of layers that are alike: how deep branches of branches may lie
SCALES = (1.0, 8.0)  # of a probe's samples in turn: a bound shows where numbers are large
TURN = 2**22  # numbers of a sample that parts make before what they left is looked at
OUTPUT = "output:"  # in front of an output's name: a value of its own, which the model gives back


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    torch: str
    keras: str
    inputs: tuple[tuple[int, ...], ...]  # channels first, without the batch
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by side
    weights: Mapping[str, str] = field(default_factory=dict)  # by side; empty: drawn
    map: Mapping[str, str] | None = None  # torch layer -> keras layer
    names: bool = True  # whether names that are alike speak for a pair
    batch: int = 0  # 0: as suits the size
    probe: Path | None = None
    seed: int = 0
    rungs: tuple[int, ...] = ()  # these alone decide; empty: all of them
    trust: bool = False
    python: Mapping[str, str] = field(default_factory=dict)
    out: Path | None = None
    timeout: float = 600.0
    device: str = "cpu"
    quiet: bool = False


@dataclass
class Seen:
    """Everything that both ports showed, for the judge."""

    request: Request
    room: Room
    pairs: Pairs
    moves: transfer.Transfer
    torch: Look  # float64, forward and backward
    keras: Look
    outputs: list[tuple[str, str]]  # names of outputs that are a pair
    first: Mapping[str, Look]  # at the ports as they were built
    given: Mapping[str, str]  # side -> file of its tensors; none: those that it was built with
    folded: Sequence[Folded] = ()
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    shown_in: Path | None = None  # numbers in the probe's place, where its own hide a fault

    @cached_property
    def held(self) -> dict[str, Mapping[str, Array]]:
        """Side -> its tensors by its own names, in its own axes."""
        return {
            side: self.first[side].held()
            | dict(self.room.given(side, self.given[side]) if side in self.given else {})
            for side in SIDES
        }

    @cached_property
    def carried(self) -> dict[str, transfer.Carried]:
        """By the name of the Keras tensor."""
        return {c.keras: c for c in self.moves.carried}

    @cached_property
    def carried_from(self) -> dict[str, transfer.Carried]:
        """By the name of the PyTorch tensor."""
        return {c.torch: c for c in self.moves.carried}

    @cached_property
    def names_given(self) -> dict[str, frozenset[str]]:
        """Side -> the tensors that it was given."""
        files = {side: self.given.get(side) for side in SIDES}
        return {s: frozenset(tensors.load(Path(f)) if f else ()) for s, f in files.items()}

    def tensor_file(self, side: str, name: str) -> tuple[str, str]:
        """Where a tensor lies: a file, and its key there."""
        if name in self.names_given[side]:
            return self.given[side], name
        if parts.PART.match(name):
            pieces = {n: x for n, x in self.held[side].items() if parts.PART.match(n)}
            return self.room.save(f"parts-{side}", pieces), name
        return str(self.room.path(side, "survey").absolute()), f"tensor:{name}"

    @cached_property
    def cuts(self) -> Cuts:
        ours, theirs = self.torch.arrays, self.keras.arrays
        return cuts.find(self.torch.net, self.keras.net, self.pairs, ours, theirs)

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Of the Keras port, by the value that each ends in; outputs under a name of their own."""
        net, known = self.keras.net, self.cuts.by_keras
        found = {
            cut.keras: part(net, cut.keras, known) for cut in self.cuts.found if cut.why != "input"
        }
        for _, theirs in self.outputs:
            value = self.keras.graph.outputs[theirs]
            if value not in known:
                found[f"{OUTPUT}{theirs}"] = part(net, value, known)
        return {value: p for value, p in found.items() if p.nodes}

    def target(self, name: str) -> str:
        """The value that a part ends in."""
        return self.keras.graph.outputs[name.removeprefix(OUTPUT)] if OUTPUT in name else name

    def cut_of(self, name: str) -> Cut:
        """The cut that a part leads to."""
        if not name.startswith(OUTPUT):
            return self.cuts.by_keras[name]
        theirs = name.removeprefix(OUTPUT)
        ours = next(t for t, k in self.outputs if k == theirs)
        value = self.torch.graph.outputs[ours]
        shapes = self.keras.graph.shapes[self.target(name)], self.torch.graph.shapes[value]
        moves = next(cuts.ways_between(*shapes, self.keras.graph), ())
        return Cut(value, self.target(name), moves, "output")

    def units(self, gradients: bool, only: frozenset[str] | None = None) -> list[Unit]:
        """The Keras port in parts, each fed what PyTorch has."""
        made = []
        for name, own in self.parts.items():
            if only is not None and name not in only:
                continue
            if any(source not in self.cuts.by_keras for source in own.sources):
                continue  # reads what nothing stands for: the judge says so
            cut = self.cut_of(name)
            back_in: dict[str, tuple[str, Moves]] = {}
            if gradients and self.same_size(cut):
                shape = self.torch.value(cut.torch).shape
                back_in = {cut.keras: (noise(cut.torch, shape), self.to_keras(cut))}
            feeds = {
                source: (
                    f"value:{self.cuts.by_keras[source].torch}",
                    self.to_keras(self.cuts.by_keras[source]),
                )
                for source in own.sources
            }
            made.append(Unit(name, own.names, feeds, (self.target(name),), back_in))
        return made

    def torch_units(self, gradients: bool, only: Collection[str] | None = None) -> list[Unit]:
        """The parts of the PyTorch port that make the same values, by the names of Keras' parts."""
        made = []
        for name in self.parts if only is None else only:
            cut = self.cut_of(name)
            mine = (
                part(self.torch.net, cut.torch, self.cuts.by_torch)
                if gradients
                else self.torch_part(name)
            )
            feeds: dict[str, tuple[str, Moves]] = {s: (f"value:{s}", ()) for s in mine.sources}
            shape = self.torch.value(cut.torch).shape
            back_in: dict[str, tuple[str, Moves]] = {}
            if gradients and mine.nodes:
                back_in = {cut.torch: (noise(cut.torch, shape), ())}
            targets = () if gradients else (cut.torch,)  # what it makes is known
            made.append(Unit(name, mine.names, feeds, targets, back_in))
        return made

    def torch_part(self, name: str) -> Part:
        """What makes the same value in PyTorch; nothing, where Keras goes on from that value."""
        cut = self.cut_of(name)
        read = [self.cuts.by_keras[s].torch for s in self.keras_sources(name)]
        if read == [cut.torch]:
            return Part((), (cut.torch,))
        return part(self.torch.net, cut.torch, self.cuts.by_torch)

    def keras_sources(self, name: str) -> list[str]:
        """What the Keras part reads, as far as anything stands for it."""
        own = self.parts.get(name)
        return [s for s in own.sources if s in self.cuts.by_keras] if own else []

    @cached_property
    def whole(self) -> tuple[Look, Look]:
        """Both ports back from the same random numbers at their outputs, in float64."""
        ours: dict[str, Array] = {}
        theirs: dict[str, Array] = {}
        for t, k in self.outputs:
            values = self.torch.graph.outputs[t], self.keras.graph.outputs[k]
            ours[t] = fed({}, noise(f"output {t}", self.torch.value(values[0]).shape))
            cut = self.cuts.by_keras.get(values[1])
            same = cut if cut is not None and cut.torch == values[0] else None
            shapes = self.keras.graph.shapes[values[1]], self.torch.graph.shapes[values[0]]
            moves = same.moves if same else next(cuts.ways_between(*shapes, self.keras.graph), ())
            theirs[k] = moved(ours[t], back(moves, (-1, *shapes[0])))
        looks = []
        for side, reach in (("torch", ours), ("keras", theirs)):
            kept: dict[str, Any] = {"tensors": False, "values": False, "totals": True}
            kept |= {"given": self.given.get(side, "")}
            kept |= {"gradients": self.room.save(f"directions-{side}", reach)}
            looks.append(self.room.look(side, "whole-float64", **kept))
        return looks[0], looks[1]

    def in_step(self, name: str) -> tuple[Part, Part]:
        """The parts of either side that end in one value and read the same ones.

        What one side reads on its way and the other does not is taken into the part: a port that
        joins two at a time and one that joins all at once hand their gradients on by other ways.
        """
        cut = self.cut_of(name)
        left_out: set[str] = set()
        for _ in range(len(self.cuts.found)):
            known = [c for c in self.cuts.found if c.torch not in left_out]
            theirs = part(self.keras.net, cut.keras, {c.keras: c for c in known})
            ours = part(self.torch.net, cut.torch, {c.torch: c for c in known})
            read = {self.cuts.by_keras[s].torch for s in theirs.sources if s in self.cuts.by_keras}
            other = {s for s in read ^ set(ours.sources) if s in self.cuts.by_torch}
            other = {s for s in other if self.cuts.by_torch[s].why != "input"}
            if not other:
                break
            left_out |= other
        return ours, theirs

    @cached_property
    def out_of_step(self) -> list[str]:
        """Parts whose own sources are not the same values on both sides."""
        found = []
        for name, own in self.parts.items():
            mine = part(self.torch.net, self.cut_of(name).torch, self.cuts.by_torch)
            read = {self.cuts.by_keras[s].torch for s in own.sources if s in self.cuts.by_keras}
            routes = {node.kind for node in (*own.nodes, *mine.nodes)} <= ROUTES
            if read != set(mine.sources) and not routes and self.same_size(self.cut_of(name)):
                found.append(name)
        return found

    def only_routes(self, name: str) -> bool:
        """Whether a part hands numbers on, and reads other values than its partner.

        It is linear: made the same of random numbers, it is the same map, on the way back, too.
        """
        cut, own = self.cut_of(name), self.parts[name]
        mine = part(self.torch.net, cut.torch, self.cuts.by_torch)
        read = {self.cuts.by_keras[s].torch for s in own.sources if s in self.cuts.by_keras}
        return read != set(mine.sources) and (
            {node.kind for node in (*own.nodes, *mine.nodes)} <= ROUTES
        )

    def both_ways(self, name: str) -> tuple[Replay, Replay]:
        """Where what either side's part hands back lies: PyTorch's, Keras'."""
        if name in self.out_of_step:
            return self.in_step_replayed
        return self.torch_replayed, self.replayed

    @cached_property
    def in_step_replayed(self) -> tuple[Replay, Replay]:
        """The longer parts of those that read otherwise."""
        ours, theirs = [], []
        for name in self.out_of_step:
            cut, (mine, own) = self.cut_of(name), self.in_step(name)
            if any(source not in self.cuts.by_keras for source in own.sources):
                continue
            key = noise(cut.torch, self.torch.value(cut.torch).shape)
            feeds: dict[str, tuple[str, Moves]] = {s: (f"value:{s}", ()) for s in mine.sources}
            ours.append(Unit(name, mine.names, feeds, (), {cut.torch: (key, ())}))
            known = [self.cuts.by_keras[source] for source in own.sources]
            feeds = {c.keras: (f"value:{c.torch}", self.to_keras(c)) for c in known}
            back_in: dict[str, tuple[str, Moves]] = {cut.keras: (key, self.to_keras(cut))}
            theirs.append(Unit(name, own.names, feeds, (), back_in))
        source = self.room.path("torch", "look-float64")
        return (
            self.room.replay("torch", "in-step-float64", ours, source),
            self.room.replay("keras", "in-step-float64", theirs, source),
        )

    def same_size(self, cut: Cut) -> bool:
        """Whether both ports make as much there; layers that are a pair may be set otherwise."""
        shapes = self.torch.graph.shapes[cut.torch], self.keras.graph.shapes[cut.keras]
        return sorted(shapes[0]) == sorted(shapes[1]) or prod(shapes[0]) == prod(shapes[1])

    def to_keras(self, cut: Cut) -> Moves:
        """What takes a value of PyTorch to Keras' axes."""
        return back(cut.moves, (-1, *self.keras.graph.shapes[cut.keras]))

    @cached_property
    def replayed(self) -> Replay:
        """Every part of the Keras port alone, in float64, in evaluation mode.

        Turn by turn: what one left is measured while the next one runs.
        """
        source, found = self.room.path("torch", "look-float64"), []
        with threads(1) as pool:
            for turn, units in enumerate(self.in_turns(self.units(gradients=True))):
                left = self.room.replay("keras", f"replay-float64-{turn}", units, source)
                pool.submit(gaps.measure, self, left, units)
                found.append(left)
        return one_replay(found)

    def in_turns(self, units: Sequence[Unit]) -> list[list[Unit]]:
        """One after the other, so many that each turn makes enough numbers to be worth a file."""
        turns: list[list[Unit]] = [[]]
        made = 0
        for unit in units:
            if made > TURN:
                turns.append([])
                made = 0
            turns[-1].append(unit)
            made += sum(prod(self.keras.graph.shapes[target]) for target in unit.targets)
        return turns

    @cached_property
    def torch_replayed(self) -> Replay:
        """What every part of the PyTorch port hands back."""
        source = self.room.path("torch", "look-float64")
        return self.room.replay("torch", "replay-float64", self.torch_units(True), source)

    @cached_property
    def short(self) -> Short:
        """Parts that rest on fewer bits than float64 has."""
        return measured(self)

    def in_float32(self) -> None:
        """Has both ports run in float32, which any replay in float32 needs before it."""
        both(lambda side: self.torch_float32 if side == "torch" else self.keras_float32)

    @cached_property
    def torch_float32(self) -> Look:
        """The PyTorch port in float32, forward alone."""
        kept: dict[str, Any] = {"given": self.given.get("torch", ""), "tensors": False}
        return self.room.look("torch", "look-float32", "float32", **kept)

    @cached_property
    def keras_float32(self) -> Look:
        """The graph of the Keras port in float32, which holds what it is given from now on."""
        kept: dict[str, Any] = {"given": self.given.get("keras", ""), "tensors": False}
        return self.room.look("keras", "look-float32", "float32", values=False, **kept)

    @cached_property
    def replayed_float32(self) -> Replay:
        """Every part of the Keras port alone, on PyTorch's numbers in float32."""
        self.in_float32()
        source = self.room.path("torch", "look-float32")
        return self.room.replay("keras", "replay-float32", self.units(False), source, "float32")


def verify(
    request: Request, use: Callable[[Seen], T], workers: Mapping[str, Worker] | None = None
) -> T:
    """Fills a folder with what both ports show, and uses it while the workers live.

    `workers` are somebody's who keeps them. CompareError for a user's mistake.
    """
    check(request)
    loads = {side: load(request, side) for side in SIDES}
    if workers is not None:
        with RunFolder(request.out, "verify") as room:
            note(request, room.path)
            made = use(seen(request, Room(room.path, loads, workers)))
            if request.out is None:
                thin(room.path)
            return made
    pythons = {s: check_python(s, request.python.get(s, sys.executable)) for s in SIDES}
    with ExitStack() as last, ExitStack() as stack:
        folder = stack.enter_context(RunFolder(request.out, "verify")).path
        reporter = stack.enter_context(Reporter(SIDES, request.quiet))
        workers = {
            side: stack.enter_context(start(side, pythons[side], request, folder)) for side in SIDES
        }
        for side in SIDES:
            reporter.phase(side, "looks at the port")
        note(request, folder)
        made = use(seen(request, Room(folder, loads, workers)))
        if request.out is None:
            pool = last.enter_context(threads(1))
            last.callback(pool.submit(thin, folder).result)  # while the workers end
        return made


def thin(folder: Path) -> None:
    """Leaves the report without the arrays behind it, gigabytes of a large net."""
    for path in folder.rglob("*.safetensors"):
        os.truncate(path, 0)  # who has it mapped would keep its room until they end
        path.unlink()
    for path in folder.rglob("*.failed.json"):
        path.unlink()


def start(side: str, python: str, request: Request, folder: Path) -> Worker:
    (folder / side).mkdir(exist_ok=True)
    log = folder / side / "log.txt"
    return Worker(side, python, log, timeout=request.timeout, device=request.device)


@np.errstate(all="ignore")  # what is not finite is told as a finding
def seen(request: Request, room: Room) -> Seen:
    """All looks and replays that the judge needs."""
    probe(request, room)

    def survey(side: str) -> Look:
        if room.workers:
            room.workers[side].ready()  # one framework is imported sooner than the other
        look = room.look(side, "survey", "float32", values=False)
        if side == "torch" and not request.weights:  # while the other port is still looked at
            ready.update(drawn_for_torch(request, room, look))
        pool.submit(room.prepare, side)
        return look

    ready: dict[str, Array] = {}
    with threads(2) as pool:
        first = both(survey)
        known = matched(request, room, first, ready)

    def look(side: str) -> Look:
        kept: dict[str, Any] = {"given": known.given.get(side, ""), "tensors": False}
        try:
            return room.look(side, "look-float64", **kept)
        except UsageError as error:  # it ran in float32 just now
            room.lower(side, str(error))
            return room.look(side, "look-float64", **kept)

    exact = both(look)
    looks = {"torch": exact["torch"], "keras": exact["keras"]}
    outputs = paired_outputs(looks, known.pairs)
    found = Seen(
        request, room, known.pairs, known.moves, **looks, outputs=outputs, first=known.first,
        given=known.given, folded=known.folded, environments=known_environments(room),
    )  # fmt: skip
    if not request.weights:
        for turn in range(EXCHANGES):
            other = exchanged(found)
            if other is None:
                break
            found = carried_again(found, other, f"exchanged-{turn}")
        measured = other_orders(found)
        if measured:  # the Keras port hands features on otherwise than its layers tell
            found = carried_again(found, found.pairs, "again", measured)

    def replayed(side: str) -> object:
        if side == "keras":
            return found.replayed
        return found.torch_replayed, found.torch_float32  # which is done sooner

    both(replayed)
    refine(found)
    if any(cut.why in ("neighbours", "layers") for cut in found.cuts.found):
        relax(found)
    return found


@dataclass(frozen=True)
class Matched:
    """What is one layer in both ports, and the tensors that each is given for it."""

    first: Mapping[str, Look]
    pairs: Pairs
    moves: transfer.Transfer
    given: Mapping[str, str]
    folded: Sequence[Folded]


def matched(
    request: Request, room: Room, first: Mapping[str, Look], drawn: Mapping[str, Array]
) -> Matched:
    """By what both ports showed as they were built, at a `first` look."""
    graphs = {side: look.graph for side, look in first.items()}
    trained = held_by(first) if request.weights else None
    pairs = pairing.paired(graphs["torch"], graphs["keras"], request.map, request.names, trained)
    for _ in range(2):  # what is one layer here and several there; then the other way round
        splits = parts.wanted(graphs["torch"], graphs["keras"], pairs)
        if not any(splits.values()):
            break
        for side in SIDES:
            room.splits[side] = room.splits.get(side, {}) | splits[side]
        first = both(lambda side: room.look(side, "survey", "float32", values=False))
        graphs = {side: look.graph for side, look in first.items()}
        trained = held_by(first) if request.weights else None
        known = request.map, request.names, trained
        pairs = pairing.paired(graphs["torch"], graphs["keras"], *known)
    folded, unrounded = take_out(pairs, first) if request.weights else ([], {})
    moves = transfer.transfer(pairs, graphs["torch"], graphs["keras"])
    given = weights(request, room, first, moves, drawn)
    given |= {side: room.save(f"unrounded-{side}", x, side) for side, x in unrounded.items()}
    return Matched(first, pairs, moves, given, folded)


def carried_again(
    found: Seen, pairs: Pairs, name: str, measured: Mapping[str, Moves] | None = None
) -> Seen:
    """The Keras port with PyTorch's tensors as other pairs, or other orders, have them."""
    room, graphs = found.room, (found.first["torch"].graph, found.first["keras"].graph)
    moves = transfer.transfer(pairs, *graphs, measured or {})
    theirs = dict(room.given("keras", found.given["keras"]))
    theirs |= moves.to_keras(found.held["torch"], graphs[1])
    theirs = {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in theirs.items()}
    given = {**found.given, "keras": room.save(f"given-keras-{name}", theirs, "keras")}
    look = room.look("keras", f"look-float64-{name}", given=given["keras"], tensors=False)
    outputs = paired_outputs({"torch": found.torch, "keras": look}, pairs)
    return replace(found, pairs=pairs, moves=moves, keras=look, given=given, outputs=outputs)


def held_by(looks: Mapping[str, Look]) -> dict[str, dict[str, Array]]:
    """Side -> its tensors."""
    return {side: look.held() for side, look in looks.items()}


def known_environments(room: Room) -> dict[str, dict[str, Any]]:
    """What the workers are, or were."""
    path = room.folder / "environments.json"
    if room.workers:
        write_json(path, both(lambda side: room.workers[side].ready()))
    return dict(read_json(path))


def check(request: Request) -> None:
    """What can be refused before a framework is imported. UsageError, DataError."""
    if request.weights and set(request.weights) != set(SIDES):
        raise UsageError("expected --torch-weights and --keras-weights, or neither")
    for side, path in request.weights.items():
        if not Path(path).is_file():
            raise UsageError(f"--{side}-weights {path}: there is no such file")
    if request.probe is not None:
        given_probe(request)


def other_orders(found: Seen) -> dict[str, Moves]:
    """Features that a Keras layer with weights reads in another order than was assumed."""
    orders = transfer.Orders(
        found.torch.graph,
        found.keras.graph,
        feature_orders(found.torch.graph, True),
        feature_orders(found.keras.graph, False),
        {},
    )
    measured = {}
    for pair in found.pairs.pairs:
        ours, theirs = pair.torch.node, pair.keras.node
        if not ours.reads or not theirs.reads or ours.kind not in ("dense", "matmul", "block"):
            continue
        cut = found.cuts.by_keras.get(theirs.reads[0])
        shape = found.keras.graph.shapes.get(theirs.reads[0], ())
        if cut is None or cut.why != "values" or len(shape) != 1:
            continue
        if found.torch.graph.shapes[cut.torch] != shape:
            continue
        places = moved(np.arange(shape[0])[None], cut.moves)[0]
        seen_order: Moves = (("order", tuple(int(i) for i in places)),)
        if np.array_equal(places, np.arange(shape[0])):
            seen_order = ()
        if seen_order != orders.order(ours, theirs):
            measured[theirs.reads[0]] = seen_order
    return measured


def load(request: Request, side: str) -> Load:
    weights = request.weights.get(side, "")
    return Load(
        absolute_port(getattr(request, side)),
        dict(request.arguments.get(side, {})),
        request.inputs,
        weights=str(Path(weights).absolute()) if weights else "",  # a worker's folder is its own
        trust=request.trust,
        folder=str(Path.cwd()),
    )


def absolute_port(port: str) -> str:
    """The same port for a worker, which has its own working folder. UsageError: it is not there."""
    place, colon, name = port.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(f"{port!r}: expected package.module:callable or path/file.py:callable")
    if not place.endswith(".py"):
        return port
    if not Path(place).is_file():
        raise UsageError(f"there is no file {place}")
    return f"{Path(place).absolute()}:{name}"


def probe(request: Request, room: Room) -> None:
    """Random numbers of both signs, sample by sample of another scale, or what the user gave."""
    if request.probe is not None:
        room.save("probe", given_probe(request))
        return
    rng = np.random.default_rng(request.seed)
    size = sum(int(np.prod(shape)) for shape in request.inputs)
    batch = request.batch or (4 if size < 20_000 else 2)
    arrays = {}
    for i, shape in enumerate(request.inputs):
        x = rng.normal(size=(batch, *shape))
        x *= np.resize(SCALES, batch).reshape(-1, *(1,) * len(shape))
        arrays[str(i)] = x.astype(np.float32)
    room.save("probe", arrays)


def given_probe(request: Request) -> dict[str, Array]:
    """The arrays of the user's file, in order, which have to fit --input."""
    try:
        with np.load(str(request.probe), allow_pickle=False) as file:
            arrays = [file[name] for name in file.files]
    except (OSError, ValueError) as error:
        raise DataError(f"--probe {request.probe}: expected an .npz of arrays ({error})") from None
    if [a.shape[1:] for a in arrays] != list(request.inputs):
        raise DataError(
            f"--probe {request.probe}: expected arrays of the shapes (N, ...) "
            f"{[('N', *shape) for shape in request.inputs]}, found {[a.shape for a in arrays]}"
        )
    return {str(i): a for i, a in enumerate(arrays)}


def weights(
    request: Request,
    room: Room,
    first: Mapping[str, Look],
    moves: transfer.Transfer,
    drawn: Mapping[str, Array],
) -> dict[str, str]:
    """Files of the tensors that each port is given; none where the user's own are judged.

    `drawn`: PyTorch's, as they were drawn before anything was known of layers in parts.
    """
    if request.weights:
        return {}
    if any(room.splits.values()):
        drawn = drawn_for_torch(request, room, first["torch"], "-parts")
    ours = first["torch"].held() | dict(drawn)
    carried = moves.to_keras(ours, first["keras"].graph)
    theirs = draw(first["keras"], "keras", request.seed, carried) | carried
    return {
        "torch": room.save("given-torch", drawn, "torch"),
        "keras": room.save("given-keras", theirs, "keras"),
    }


def drawn_for_torch(request: Request, room: Room, look: Look, name: str = "") -> dict[str, Array]:
    """Random tensors for PyTorch's port, its running statistics off those of what reaches them."""
    drawn = draw(look, "torch", request.seed)
    raw = room.save(f"drawn-torch{name}", drawn, "torch")
    measured = room.look(
        "torch", f"calibrated{name}", "float32", given=raw, calibrate=True, values=False
    ).held()
    return drawn | {n: x.astype(np.float32, copy=False) for n, x in measured.items() if n in drawn}


def draw(look: Look, side: str, seed: int, but: Collection[str] = ()) -> dict[str, Array]:
    """Random tensors by the side's own names, in its own axes, exact in float32.

    He et al. 2015 for kernels; biases and shifts off zero, scales off one, statistics off both, so
    that each of them shows. What no known layer holds is moved from where the port put it.
    """
    rng = np.random.default_rng((seed, 1))
    known: dict[str, tuple[Holder, str]] = {}
    for held in pairing.holders(look.graph, side == "torch"):
        for role, name in held.tensors.items():
            known.setdefault(name, (held, role))
    found = {}
    for name, initial in look.held().items():
        if initial.dtype.kind != "f" or name in but:
            continue
        holder, role = known.get(name, (None, ""))
        tensor = look.graph.tensors[name]
        if tensor.trainable or tensor.statistic or role in DRAWN:
            found[name] = drawn(rng, initial, holder, role).astype(np.float32)
    return found


def drawn(rng: np.random.Generator, initial: Array, holder: Holder | None, role: str) -> Array:
    """One tensor."""
    noise = rng.standard_normal(initial.shape, np.float32)
    kind = holder.node.kind if holder else ""
    if role == "weight" and kind in ("conv", "dense", "conv_transpose"):
        assert holder is not None
        shape = holder.shapes["weight"]
        fan_in = (
            int(np.prod(shape[1:])) if kind != "conv_transpose" else int(np.prod(shape) / shape[1])
        )
        return np.asarray(noise * float(np.sqrt(2 / max(fan_in, 1))))
    if role in ("bias", "shift"):
        return np.asarray(0.2 * noise)
    if role == "scale":
        return np.asarray(1 + 0.2 * noise)
    if role == "mean":
        return np.asarray(0.2 * noise)
    if role == "var":
        return rng.uniform(0.5, 1.5, size=initial.shape)
    return np.asarray(initial + 0.1 * noise)


def note(request: Request, folder: Path) -> None:
    """What `compare judge` needs to judge the folder again."""
    fields = {
        "torch": request.torch, "keras": request.keras,
        "inputs": [list(shape) for shape in request.inputs],
        "arguments": {s: dict(a) for s, a in request.arguments.items()},
        "weights": dict(request.weights), "map": dict(request.map) if request.map else None,
        "seed": request.seed, "batch": request.batch, "names": request.names,
        "rungs": list(request.rungs),
    }  # fmt: skip
    write_json(folder / "verify.json", fields)
