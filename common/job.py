"""What compare asks of a worker: one JSON object a line. Paths travel, arrays do not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from common.graph import Moves, tupled
from common.layout import Layout
from common.locate import locate
from common.recipe import Recipe
from common.spec import Spec, resized
from common.specs import get

Dtype = Literal["float32", "float64"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Build:
    """Which port to make, with which weights, and how its numbers lie in memory."""

    port: str  # "torch_impl.models.lenet:LeNet" or "path/file.py:Name"
    spec: str  # a name in common.specs, or "path/file.py:NAME"
    weights: str  # safetensors, canonical
    dtype: Dtype = "float32"
    layout: Layout = "nchw"
    device: Device = "cpu"
    size: tuple[int, int] | None = None  # height and width of the inputs, where not the spec's


@dataclass(frozen=True)
class TraceJob:
    """Run the port once, forward and backward, and record everything."""

    build: Build
    probe: str  # safetensors: one array for each input, and "labels"
    out: str  # the trace to write
    loss: str = "cross-entropy"  # a name of common/losses.py
    shares: tuple[float, ...] = ()  # of each output in the loss
    training: bool = False  # in training mode instead of evaluation mode
    seed: int = 0  # of what dropout draws then


@dataclass(frozen=True)
class TrainJob:
    """Train as the recipe says, over saved batches in a saved order.

    It goes on from the checkpoint in the folder, where there is one.
    """

    build: Build
    recipe: Recipe
    data: str  # safetensors: x_train, y_train, x_test, y_test; images normalised
    orders: str  # safetensors: "orders" (epochs, N), one permutation an epoch
    out: str  # folder for weights, history and test logits
    seed: int = 0  # of what is drawn on the way: dropout, crops and flips
    slots: bool = False  # leave what the optimizer remembers, too
    gradients: bool = False  # leave every step's gradients, stacked, too
    diary: bool = False  # leave sketches of what every step made (common/diary.py)
    keep: bool = False  # leave the trained net in the framework's own format, too
    checkpoint_every: int = 0  # epochs; 0: never


@dataclass(frozen=True)
class BenchJob:
    """Time epochs of our training loop and of a bare hand-written one, in turn."""

    build: Build
    recipe: Recipe
    data: str
    orders: str  # the first order is used, again and again
    repeats: int  # timed epochs of each loop, after one of each that is not timed


@dataclass(frozen=True)
class PredictJob:
    """Load a trained net from the framework's own format, and run it on a few images."""

    build: Build
    net: str  # what TrainJob kept
    images: str  # safetensors: "images", normalised
    out: str  # safetensors: "outputs"


@dataclass(frozen=True)
class Load:
    """Somebody's port: what to call, with which arguments, for inputs of which shapes."""

    port: str  # "package.module:callable" or "path/file.py:callable"
    arguments: dict[str, Any]
    inputs: tuple[tuple[int, ...], ...]  # of each input, channels first, without the batch
    dtype: Dtype = "float32"
    device: Device = "cpu"
    weights: str = ""  # a file of the framework's own, judged as it is
    trust: bool = False  # whether that file may hold code
    folder: str = ""  # where the user stands: modules that lie there can be imported


@dataclass(frozen=True)
class LookJob:
    """Build the port, run it once, and leave its graph and what flowed through it.

    A port that was built last, of the same `load`, is used again. What was recorded stays with
    the worker, for a ReplayJob of the same `load` and mode.
    """

    load: Load
    probe: str  # safetensors: "0", "1", ... one array an input, channels first
    out: str  # safetensors; the graph is its note
    given: str = ""  # safetensors: tensors by the port's own names, in its own axes
    calibrate: bool = False  # set running statistics to those of what reaches them, a little off
    training: bool = False
    tensors: bool = True  # leave what the port holds
    values: bool = True  # leave what flowed
    gradients: str = ""  # safetensors: name of an output -> what reaches it on the way back
    totals: bool = False  # leave the gradients of tensors and inputs alone


@dataclass(frozen=True)
class Unit:
    """A few nodes to be run by themselves, on numbers from elsewhere."""

    name: str
    nodes: tuple[str, ...]  # in order
    feeds: dict[
        str, tuple[str, Moves]
    ]  # value -> key of the file, and the moves to the port's axes
    targets: tuple[str, ...]  # values to leave
    gradients: dict[str, tuple[str, Moves]]  # target -> what reaches it on the way back


@dataclass(frozen=True)
class Repair:
    """An operation to be done otherwise, in NumPy: what the other port does in its place."""

    node: str
    kind: str = ""  # of common/operations.py; empty: the node itself, after `before`
    settings: dict[str, Any] = field(default_factory=dict)
    # role -> file, key in it; of what is done `before`: "0.weight" is the first one's weight
    tensors: dict[str, tuple[str, str]] = field(default_factory=dict)
    reads: tuple[Moves, ...] = ()  # what takes each value that it reads to PyTorch's axes
    order: tuple[int, ...] = ()  # which of them comes first, second...; empty: as they are
    makes: Moves = ()  # what takes the result, in PyTorch's axes, to the port's
    before: tuple[tuple[str, dict[str, Any]], ...] = ()  # done first to one that it reads
    at: int = 0  # which one of them
    more: tuple[tuple[str, Moves], ...] = ()  # values that the first of these reads as well


@dataclass(frozen=True)
class ReplayJob:
    """Run parts of the port that was looked at last, each on its own, forward and backward."""

    load: Load
    units: tuple[Unit, ...]
    source: str  # safetensors that the feeds are read from
    out: str  # safetensors
    training: bool = False
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True)
class PrepareJob:
    """Build a port, so that a look at it later need not wait for that."""

    load: Load
    probe: str  # as for a LookJob: a port may make its tensors only when it is called


@dataclass(frozen=True)
class SaveJob:
    """Fill the port with tensors, and write them as the framework writes weights."""

    load: Load
    given: str  # safetensors: tensors by the port's own names, in its own axes
    probe: str  # as for a PrepareJob
    out: str  # .safetensors, .pt, .pth; .weights.h5, .keras


@dataclass(frozen=True)
class DownloadJob:
    """Fetch a data set through torchvision; the PyTorch worker alone can."""

    name: str  # "mnist", "fashion-mnist", "cifar10" or "cifar100"
    out: str  # folder to leave the files in, or in one below it


Job = (
    TraceJob | TrainJob | BenchJob | PredictJob | PrepareJob | LookJob | ReplayJob | SaveJob
    | DownloadJob
)  # fmt: skip
JOBS: dict[str, type[Job]] = {
    "trace": TraceJob,
    "train": TrainJob,
    "bench": BenchJob,
    "predict": PredictJob,
    "prepare": PrepareJob,
    "look": LookJob,
    "replay": ReplayJob,
    "save": SaveJob,
    "download": DownloadJob,
}


def to_line(job: Job, number: int) -> str:
    """The job as one line of JSON."""
    (do,) = [name for name, kind in JOBS.items() if isinstance(job, kind)]
    return json.dumps({"job": number, "do": do, "with": asdict(job)})


def from_dict(do: str, fields: Mapping[str, Any]) -> Job:
    """The job that `to_line` wrote."""
    fields = dict(fields)
    if do == "download":
        return DownloadJob(**fields)
    if do == "prepare":
        return PrepareJob(load_from(fields.pop("load")), **fields)
    if do == "look":
        return LookJob(load_from(fields.pop("load")), **fields)
    if do == "save":
        return SaveJob(load_from(fields.pop("load")), **fields)
    if do == "replay":
        units = tuple(unit_from(unit) for unit in fields.pop("units"))
        repairs = tuple(repair_from(each) for each in fields.pop("repairs", ()))
        return ReplayJob(load_from(fields.pop("load")), units, **fields, repairs=repairs)
    build = build_from(fields.pop("build"))
    if do == "predict":
        return PredictJob(build, **fields)
    if do == "trace":
        return TraceJob(build, **{**fields, "shares": tuple(fields.get("shares", ()))})
    recipe = Recipe.from_dict(fields.pop("recipe"))
    kind = TrainJob if do == "train" else BenchJob
    return kind(build=build, recipe=recipe, **fields)


def build_from(fields: Mapping[str, Any]) -> Build:
    """A Build after its journey through JSON, which knows no tuples."""
    size = fields["size"]
    return Build(**{**fields, "size": tuple(size) if size else None})


def load_from(fields: Mapping[str, Any]) -> Load:
    """A Load after its journey through JSON."""
    return Load(**{**fields, "inputs": tuple(tuple(shape) for shape in fields["inputs"])})


def unit_from(fields: Mapping[str, Any]) -> Unit:
    """A Unit after its journey through JSON."""

    def read(feeds: Mapping[str, Any]) -> dict[str, tuple[str, Moves]]:
        return {value: (key, moves_from(moves)) for value, (key, moves) in feeds.items()}

    return Unit(
        fields["name"],
        tuple(fields["nodes"]),
        read(fields["feeds"]),
        tuple(fields["targets"]),
        read(fields["gradients"]),
    )


def moves_from(moves: Sequence[Any]) -> Moves:
    """Moves after their journey through JSON."""
    return tuple((word, tuple(axes)) for word, axes in moves)


def repair_from(fields: Mapping[str, Any]) -> Repair:
    """A Repair after its journey through JSON."""
    return Repair(
        **{
            **fields,
            "settings": tupled(fields["settings"]),
            "tensors": tupled(fields["tensors"]),
            "reads": tuple(moves_from(moves) for moves in fields["reads"]),
            "order": tuple(fields["order"]),
            "makes": moves_from(fields["makes"]),
            "before": tuple((kind, tupled(settings)) for kind, settings in fields["before"]),
        }
    )


def spec_of(build: Build) -> Spec:
    """The spec that a port is held against."""
    spec = get(build.spec) if ":" not in build.spec else locate(build.spec)
    assert isinstance(spec, Spec)
    return resized(spec, build.size)


def out_folder(job: TrainJob) -> Path:
    """The folder a training writes into, made where it is missing."""
    folder = Path(job.out)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
