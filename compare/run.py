"""Runs both ports: traced on one probe, then trained from the same weights on the same batches."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from common import data as datasets
from common import recipes, specs, tensors, weights
from common.data import DataSet
from common.errors import UsageError, WorkerError
from common.job import Build, Device, Dtype, TraceJob, TrainJob
from common.layout import Layout
from common.recipes import Recipe
from common.result import fed_sha256
from common.spec import Spec, shapes
from compare.download import fetch
from compare.evidence import DTYPES, SIDES, STEPS, Array
from compare.folder import RunFolder, finite, write_json
from compare.progress import Reporter
from compare.workers import Worker, check_python

STEP_BATCH = 16  # images
STEP_IMAGES = 76  # five batches, the last one smaller, as the last of an epoch may be
PROBE_BATCH = 8  # more than one image, and enough that every relu is seen on and off
PORTS = {"torch": "torch_impl.models", "keras": "tf_impl.models"}


@dataclass(frozen=True)
class Options:
    """What the user asked for; the defaults are those of the command line."""

    model: str
    data: str = ""
    recipe: str = "default"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    dtype: Dtype = "float32"
    layout: str = "native"
    device: str = "auto"
    python: dict[str, str] = field(default_factory=dict)  # side -> interpreter
    out: Path | None = None
    data_dir: Path | None = None
    download: bool = False
    timeout: float = 600.0
    jobs: int = 2
    quiet: bool = False
    train: bool = True  # `compare check` leaves the training out


@dataclass
class Outcome:
    """What a run found, whole or in part: a failed side leaves the other's results standing."""

    options: Options
    spec: Spec
    folder: Path
    recipe: Recipe
    device: str = ""
    data: DataSet | None = None
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    layouts: dict[str, Layout] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    training: dict[str, dict[str, Any]] = field(default_factory=dict)


def run(options: Options) -> Outcome:
    """Fills a run folder with what both workers leave. CompareError for a user's mistake."""
    spec = specs.get(options.model)
    recipe = recipe_of(options)
    check_layout(options, options.device)
    pythons = {side: check_python(side, options.python.get(side, sys.executable)) for side in SIDES}
    data = load_data(options, spec, recipe) if options.train else None
    with ExitStack() as stack:
        folder = stack.enter_context(RunFolder(options.out, options.model)).path
        outcome = Outcome(options, spec, folder, recipe, data=data)
        reporter = stack.enter_context(Reporter(SIDES, options.quiet))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        workers = {
            side: stack.enter_context(start_worker(side, pythons[side], options, folder))
            for side in SIDES
        }
        prepare(outcome, scratch)
        get_ready(outcome, workers)
        in_turn_or_at_once(outcome, workers, scratch, reporter)
    return outcome


def recipe_of(options: Options) -> Recipe:
    """The model's recipe with the user's changes."""
    return recipes.get(
        options.model,
        options.recipe,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
    )


def start_worker(side: str, python: str, options: Options, folder: Path) -> Worker:
    log = folder / side / "log.txt"
    return Worker(side, python, log, timeout=options.timeout, device=options.device)


def prepare(outcome: Outcome, scratch: Path) -> None:
    """Writes what both workers are given, while they are still importing their frameworks."""
    spec, seed, folder = outcome.spec, outcome.options.seed, outcome.folder
    tensors.save(folder / "probe-weights.safetensors", weights.draw(spec, seed, "probe"))
    tensors.save(folder / "initial-weights.safetensors", weights.draw(spec, seed))
    tensors.save(folder / "probe.safetensors", probe(spec, seed, PROBE_BATCH, scaled=True))
    prepare_steps(outcome, scratch)
    if outcome.data is not None:
        prepare_data(outcome, outcome.data, scratch)


def probe(spec: Spec, seed: int, images: int, scaled: bool) -> dict[str, Array]:
    """Drawn inputs, and labels for them."""
    classes = shapes(spec)[spec.outputs[0]][0]
    drawn = weights.probe_inputs(spec, seed, images, scaled)
    return {**drawn, "labels": weights.probe_labels(classes, seed, images)}


def prepare_steps(outcome: Outcome, scratch: Path) -> None:
    """Drawn images for the rung that takes a few steps in float64."""
    (name,) = outcome.spec.inputs
    drawn = probe(outcome.spec, outcome.options.seed, STEP_IMAGES, scaled=False)
    first = {key: array[:STEP_BATCH] for key, array in drawn.items()}
    rate = np.asarray(outcome.recipe.rate(0))
    tensors.save(outcome.folder / "first-batch.safetensors", {**first, "rate": rate})
    for steps, batch in ((1, first), (10, drawn)):
        x, y = batch[name], batch["labels"]
        arrays = {"x_train": x, "y_train": y, "x_test": x[:1], "y_test": y[:1]}
        tensors.save(scratch / f"data-{steps}.safetensors", arrays)
        epochs = step_recipe(outcome.recipe, steps).epochs
        orders = np.tile(np.arange(len(y), dtype=np.int32), (epochs, 1))
        tensors.save(scratch / f"orders-{steps}.safetensors", {"orders": orders})


def step_recipe(recipe: Recipe, steps: int) -> Recipe:
    """The recipe for so few steps: ten are two epochs of five, the rate decayed between them."""
    epochs = 1 if steps == 1 else 2
    return replace(recipe, epochs=epochs, batch_size=STEP_BATCH, decay_after=(1,))


def prepare_data(outcome: Outcome, data: DataSet, scratch: Path) -> None:
    """Writes the data normalised, with the order of every epoch."""
    options, recipe, folder = outcome.options, outcome.recipe, outcome.folder
    arrays = normalised(data, recipe, options.dtype)
    orders = datasets.orders(len(data.y_train), recipe.epochs, options.seed)
    to_be_fed = {
        "train": [fed_sha256(arrays["x_train"][order], data.y_train[order]) for order in orders],
        "test": fed_sha256(arrays["x_test"], data.y_test),
    }
    write_json(folder / "fed.json", to_be_fed)
    tensors.save(folder / "orders.safetensors", {"orders": orders})
    tensors.save(folder / "test-labels.safetensors", {"labels": data.y_test})
    tensors.save(scratch / "data.safetensors", arrays)


def load_data(options: Options, spec: Spec, recipe: Recipe) -> DataSet:
    """The data set asked for, or the model's own. DataError where it does not fit the model."""
    (shape,) = spec.inputs.values()
    image_shape = (shape[0], shape[1], shape[2])
    name = options.data or spec.data
    if options.download:
        fetch(name, options.data_dir, options.python.get("torch", sys.executable), options.timeout)
    data = datasets.load(name, data_dir=options.data_dir, image_shape=image_shape)
    datasets.check_fits(data, image_shape, shapes(spec)[spec.outputs[0]][0])
    if recipe.batch_size > len(data.y_train):
        raise UsageError(
            f"--batch-size {recipe.batch_size}: larger than the {len(data.y_train):,} training "
            f"images of {data.name}"
        )
    return data


def normalised(data: DataSet, recipe: Recipe, dtype: Dtype) -> dict[str, Array]:
    """What both workers read: normalised images and their labels."""
    return {
        "x_train": datasets.normalise(data.x_train, recipe.mean, recipe.std, dtype),
        "y_train": data.y_train,
        "x_test": datasets.normalise(data.x_test, recipe.mean, recipe.std, dtype),
        "y_test": data.y_test,
    }


def get_ready(outcome: Outcome, workers: dict[str, Worker]) -> None:
    """Waits for both imports, and settles on a device that both frameworks have."""
    for side, worker in workers.items():
        try:
            outcome.environments[side] = worker.ready()
        except WorkerError as error:
            outcome.failures[side] = str(error)
    outcome.device = choose_device(outcome.options.device, outcome.environments)
    check_layout(outcome.options, outcome.device)
    outcome.layouts = dict.fromkeys(SIDES, choose_layout(outcome.options.layout))


def choose_device(wanted: str, environments: dict[str, dict[str, Any]]) -> Device:
    """`auto` is a GPU where every framework sees one. UsageError where `cuda` is not there."""
    blind = [side for side, environment in environments.items() if not environment["cuda"]]
    if wanted == "cuda" and blind:
        raise UsageError(
            f"--device cuda: {' and '.join(blind)} see{'s' if len(blind) == 1 else ''} no CUDA "
            "device on this machine; use --device auto or cpu (the extra `gpu` brings "
            "TensorFlow's CUDA libraries)"
        )
    return "cpu" if wanted == "cpu" or blind or not environments else "cuda"


def check_layout(options: Options, device: str) -> None:
    """Refuses what Keras cannot do as soon as the device is known, before any work."""
    if options.train and options.layout == "nchw" and device == "cpu":
        raise UsageError(
            "--layout nchw: TensorFlow trains channels first on a GPU alone; use --layout native "
            "or nhwc, or --device cuda (`compare check --layout nchw` needs no GPU)"
        )


def choose_layout(wanted: str) -> Layout:
    """`native` is the fast one of each: channels last, which for PyTorch is a memory format."""
    return "nchw" if wanted == "nchw" else "nhwc"


def in_turn_or_at_once(
    outcome: Outcome, workers: dict[str, Worker], scratch: Path, reporter: Reporter
) -> None:
    """Each side's jobs, both sides at once unless --jobs 1. A failure stops its own side only."""

    def work(side: str) -> None:
        try:
            do_jobs(outcome, side, workers[side], scratch, reporter)
        except WorkerError as error:
            outcome.failures[side] = str(error)

    sides = [side for side in SIDES if side not in outcome.failures]
    with ThreadPoolExecutor(max_workers=outcome.options.jobs) as pool:
        futures = [pool.submit(work, side) for side in sides]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for worker in workers.values():
                worker.kill()
            raise


def do_jobs(outcome: Outcome, side: str, worker: Worker, scratch: Path, reporter: Reporter) -> None:
    """Traces in both precisions, takes a few steps, trains."""
    folder = outcome.folder / side
    for dtype in DTYPES:
        reporter.phase(side, f"traces in {dtype}")
        build = build_of(outcome, side, dtype, "probe-weights")
        trace_path = absolute(folder / f"trace-{dtype}.safetensors")
        worker.ask(TraceJob(build, absolute(outcome.folder / "probe.safetensors"), trace_path))
    build = build_of(outcome, side, "float64", "initial-weights")
    if outcome.device == "cpu":
        build = replace(build, layout="nhwc")  # the one in which Keras can train there
    for steps in STEPS:
        reporter.phase(side, f"takes {steps} step{'s' if steps > 1 else ''} in float64")
        data = absolute(scratch / f"data-{steps}.safetensors")
        orders = absolute(scratch / f"orders-{steps}.safetensors")
        out = absolute(folder / f"steps-{steps}")
        worker.ask(TrainJob(build, step_recipe(outcome.recipe, steps), data, orders, out))
    rounded = replace(build, dtype="float32")
    data, orders = (absolute(scratch / f"{name}-1.safetensors") for name in ("data", "orders"))
    out = absolute(folder / "steps-1-float32")
    worker.ask(TrainJob(rounded, step_recipe(outcome.recipe, 1), data, orders, out))
    if outcome.data is not None:
        train(outcome, side, worker, scratch, reporter, len(outcome.data.y_train))


def train(
    outcome: Outcome, side: str, worker: Worker, scratch: Path, reporter: Reporter, images: int
) -> None:
    """The training itself, epoch by epoch on the progress line."""
    total = outcome.recipe.epochs * images
    reporter.phase(side, "trains", total)
    job = TrainJob(
        build_of(outcome, side, outcome.options.dtype, "initial-weights"),
        outcome.recipe,
        absolute(scratch / "data.safetensors"),
        absolute(outcome.folder / "orders.safetensors"),
        absolute(outcome.folder / side),
    )
    done = worker.ask(job, lambda event: reporter.advance(side, event["samples"], total))
    outcome.training[side] = done
    write_json(outcome.folder / side / "history.json", finite(done["history"]))


def build_of(outcome: Outcome, side: str, dtype: str, weights_name: str) -> Build:
    """The side's own port of the model."""
    return Build(
        port=f"{PORTS[side]}.{outcome.spec.port}",
        spec=outcome.spec.name,
        weights=absolute(outcome.folder / f"{weights_name}.safetensors"),
        dtype="float64" if dtype == "float64" else "float32",
        layout=outcome.layouts[side],
        device="cuda" if outcome.device == "cuda" else "cpu",
    )


def absolute(path: Path) -> str:
    """A path that means the same in a worker, which has its own working folder."""
    return str(path.absolute())
