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
from common import recipes, rules, specs, tensors, weights
from common.data import DataSet
from common.errors import UsageError, WorkerError
from common.job import Build, Device, Dtype, TraceJob, TrainJob, spec_of
from common.layout import Layout, side_by_side
from common.recipe import Recipe
from common.result import fed_sha256
from common.spec import Spec, joint_shape, resized, shapes
from compare import lockstep, resume
from compare.download import fetch
from compare.evidence import (
    CONTROL,
    CONTROL_SIDE,
    DTYPES,
    SIDES,
    STEPS,
    Array,
    seed_folder,
    steps_folder,
)
from compare.folder import RunFolder, finite, read_json, write_json
from compare.progress import Reporter
from compare.steps import step_recipe
from compare.workers import Worker, check_python

STEP_BATCH = 16  # images, of a net of few multiply-adds
WITNESSED = 1_000_000  # parameters; of a larger net, only the first of ten gradients is kept
PROBE_BATCH = 8  # more than one image, and enough that every relu is seen on and off
LARGE = 500_000_000  # multiply-adds an image; a larger net's many values are seen on and off by 2
# A loss whose gradient divides by a probability: where large images saturate it, two right ports
# are 1e-9 to 1e-4 apart in float64 (digits-cnn, 8 of 16 seeds; with images of one size, 0 of 12).
PROBABILITIES = "binary-cross-entropy"
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
    checkpoint_every: int = 0  # epochs; 0: never
    keep_steps: bool = False  # leave the arrays of rung 6 in a large net's folder
    seeds: int = 1  # trainings of each side, from `seed` on
    margin: float = 0.5  # of accuracy in percentage points, judged with several seeds


@dataclass
class Outcome:
    """What a run found, whole or in part: a failed side leaves the other's results standing."""

    options: Options
    spec: Spec
    folder: Path
    recipe: Recipe
    device: str = ""
    data: DataSet | None = None
    prepared: str = ""  # what was done to the images, in words
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    layouts: dict[str, Layout] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    training: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the first seed

    @property
    def seeds(self) -> range:
        return range(self.options.seed, self.options.seed + self.options.seeds)

    def place(self, seed: int) -> Path:
        """Where a seed's trainings lie."""
        return seed_folder(self.folder, self.options.seed, seed)


def run(options: Options, resumed: Path | None = None) -> Outcome:
    """Fills a run folder with what both workers leave. CompareError for a user's mistake.

    `resumed` is the folder of an interrupted run of these options, to go on with.
    """
    spec = specs.get(options.model)
    recipe = recipe_of(options)
    check_layout(options, options.device)
    check_seeds(options)
    pythons = {side: check_python(side, options.python.get(side, sys.executable)) for side in SIDES}
    data, prepared = load_data(options, spec, recipe) if options.train else (None, "")
    with ExitStack() as stack:
        folder = stack.enter_context(RunFolder(options.out, options.model, resumed)).path
        outcome = Outcome(options, spec, folder, recipe, data=data, prepared=prepared)
        reporter = stack.enter_context(Reporter(SIDES, options.quiet))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        workers = {
            side: stack.enter_context(start_worker(side, pythons[side], options, folder))
            for side in SIDES
        }
        prepare(outcome, scratch)
        get_ready(outcome, workers)
        if options.train:
            resume.note(outcome) if resumed is None else resume.check(outcome)
        in_turn_or_at_once(outcome, workers, scratch, reporter)
        if outcome.data is not None:
            for seed in outcome.seeds:
                write_json(outcome.place(seed) / "fed.json", to_be_fed(outcome, seed, scratch))
    return outcome


def check_seeds(options: Options) -> None:
    """Refuses a last seed that is none."""
    if options.seed + options.seeds > 2**32:
        raise UsageError(
            f"--seeds {options.seeds} from --seed {options.seed} on: the last one must be "
            f"{2**32 - 1} or less"
        )


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
    scaled = outcome.recipe.loss != PROBABILITIES
    tensors.save(folder / "probe.safetensors", probe(spec, seed, probe_batch(spec), scaled))
    prepare_steps(spec, outcome.recipe, seed, folder, scratch)
    if outcome.data is not None:
        prepare_data(outcome, outcome.data, scratch)


def probe_batch(spec: Spec) -> int:
    """Images of the probe."""
    return PROBE_BATCH if multiply_adds(spec) <= LARGE else 2


def multiply_adds(spec: Spec) -> int:
    """Of one image."""
    known = shapes(spec)
    return sum(
        rules.multiply_adds(layer, [known[name] for name in layer.reads]) for layer in spec.layers
    )


def probe(spec: Spec, seed: int, images: int, scaled: bool) -> dict[str, Array]:
    """Drawn inputs, and labels for them."""
    classes = shapes(spec)[spec.outputs[0]][0]
    drawn = weights.probe_inputs(spec, seed, images, scaled)
    return {**drawn, "labels": weights.probe_labels(classes, seed, images)}


def prepare_steps(spec: Spec, recipe: Recipe, seed: int, folder: Path, scratch: Path) -> None:
    """Initial weights, and drawn images, for the rung that takes a few steps in float64."""
    initial = weights.draw(spec, seed, recipe.initial)
    tensors.save(folder / "initial-weights.safetensors", initial)
    spec = resized(spec, recipe.size)
    if lockstep.is_small(spec):
        lockstep.prepare(spec, seed, initial, folder, scratch)
    size = step_batch(spec)
    images = 4 * size + 3 * size // 4  # five batches, the last one smaller, as in an epoch
    drawn = probe(spec, seed, images, scaled=False)
    first = {key: array[:size] for key, array in drawn.items()}
    tensors.save(folder / "first-batch.safetensors", first)
    for steps, batch in ((1, first), (10, drawn)):
        x, y = side_by_side([batch[name] for name in spec.inputs]), batch["labels"]
        arrays = {"x_train": x, "y_train": y, "x_test": x[:1], "y_test": y[:1]}
        tensors.save(scratch / f"data-{steps}.safetensors", arrays)
        orders = np.tile(np.arange(len(y), dtype=np.int32), (1 if steps == 1 else 2, 1))
        tensors.save(scratch / f"orders-{steps}.safetensors", {"orders": orders})


def step_batch(spec: Spec) -> int:
    """Images of one step."""
    return STEP_BATCH if multiply_adds(spec) <= LARGE // 10 else 4


def prepare_data(outcome: Outcome, data: DataSet, scratch: Path) -> None:
    """Writes the data normalised, with each seed's weights and the order of its every epoch."""
    options, recipe, folder = outcome.options, outcome.recipe, outcome.folder
    tensors.save(folder / "test-labels.safetensors", {"labels": data.y_test})
    arrays = normalised(data, recipe, options.dtype)
    tensors.save(scratch / "data.safetensors", arrays)
    for seed in outcome.seeds:
        place = outcome.place(seed)
        place.mkdir(exist_ok=True)
        orders = datasets.orders(len(data.y_train), recipe.epochs, seed)
        if not recipe.shuffle:
            orders[:] = np.arange(len(data.y_train))
        tensors.save(place / "orders.safetensors", {"orders": orders})
        if place != folder:  # the first seed's are there already, for its few steps
            initial = weights.draw(outcome.spec, seed, recipe.initial)
            tensors.save(place / "initial-weights.safetensors", initial)
    if options.seeds > 1:
        (folder / CONTROL).mkdir(exist_ok=True)
        initial = tensors.load(folder / "initial-weights.safetensors")
        moved = nudged(initial, options.dtype)
        tensors.save(folder / CONTROL / "initial-weights.safetensors", moved)


def nudged(initial: dict[str, Array], dtype: Dtype) -> dict[str, Array]:
    """The weights one unit in the last place apart: the largest element of the first of them.

    The largest, because its products are the least likely to be rounded back to what they were.
    """
    name = next(name for name in initial if name.endswith(".weight"))
    moved = initial[name].astype(dtype)
    largest = np.unravel_index(np.abs(moved).argmax(), moved.shape)
    moved[largest] = np.nextafter(moved[largest], np.inf, dtype=moved.dtype)
    return {**initial, name: moved}


def to_be_fed(outcome: Outcome, seed: int, scratch: Path) -> dict[str, Any]:
    """Digests of what both sides should have been fed: one an epoch, and one of the test images."""
    arrays = tensors.load(scratch / "data.safetensors")
    orders = tensors.load(outcome.place(seed) / "orders.safetensors")["orders"]

    def epoch_sha256(epoch: int, order: Array) -> str:
        x = arrays["x_train"][order]
        if outcome.recipe.augment:
            x = datasets.augment(x, seed, epoch)
        return fed_sha256(x, arrays["y_train"][order])

    return {
        "train": [epoch_sha256(epoch, order) for epoch, order in enumerate(orders)],
        "test": fed_sha256(arrays["x_test"], arrays["y_test"]),
    }


def load_data(options: Options, spec: Spec, recipe: Recipe) -> tuple[DataSet, str]:
    """The data set asked for, or the recipe's, or the model's own; and what was done to fit it.

    DataError where it does not fit the model.
    """
    image_shape = joint_shape(resized(spec, recipe.size))
    name = options.data or recipe.data or spec.data
    if options.download:
        fetch(name, options.data_dir, options.python.get("torch", sys.executable), options.timeout)
    data = datasets.load(name, data_dir=options.data_dir, image_shape=image_shape)
    data, prepared = fitted(data, image_shape, recipe, whole=bool(options.data))
    datasets.check_fits(data, image_shape, shapes(spec)[spec.outputs[0]][0])
    if recipe.batch_size > len(data.y_train):
        raise UsageError(
            f"--batch-size {recipe.batch_size}: larger than the {len(data.y_train):,} training "
            f"images of {data.name}"
        )
    return data, prepared


def fitted(
    data: DataSet, image_shape: tuple[int, int, int], recipe: Recipe, whole: bool
) -> tuple[DataSet, str]:
    """The images as the recipe wants them, and in words what was done.

    A recipe may take only some of a data set that it has chosen itself, never of the user's.
    """
    before = data.x_train.shape[1:]
    train, test = (None, None) if whole else (recipe.train_images, recipe.test_images)
    changed = replace(
        data,
        x_train=datasets.fit(data.x_train[:train], image_shape, recipe.fit),
        y_train=data.y_train[:train],
        x_test=datasets.fit(data.x_test[:test], image_shape, recipe.fit),
        y_test=data.y_test[:test],
    )
    after = changed.x_train.shape[1:]
    shape = (before[0], before[1], before[2])
    return changed, datasets.described(shape, (after[0], after[1], after[2]), recipe.fit)


def normalised(data: DataSet, recipe: Recipe, dtype: Dtype) -> dict[str, Array]:
    """What both workers read: normalised images and their labels."""
    return {
        "x_train": datasets.normalise(data.x_train, recipe.mean, recipe.std, dtype, recipe.divisor),
        "y_train": data.y_train,
        "x_test": datasets.normalise(data.x_test, recipe.mean, recipe.std, dtype, recipe.divisor),
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
    """Traces in both precisions, takes a few steps, trains: once for every seed."""
    folder, recipe = outcome.folder / side, outcome.recipe
    for dtype in DTYPES:
        reporter.phase(side, f"traces in {dtype}")
        build = build_of(outcome, side, dtype, "probe-weights")
        trace_path = absolute(folder / f"trace-{dtype}.safetensors")
        given = absolute(outcome.folder / "probe.safetensors")
        worker.ask(TraceJob(build, given, trace_path, recipe.loss, recipe.shares))
    build = build_of(outcome, side, "float64", "initial-weights", recipe.size)
    if outcome.device == "cpu":
        build = replace(build, layout="nhwc")  # the one in which Keras can train there
    reporter.phase(side, "traces in training mode")
    given = absolute(outcome.folder / "probe-weights.safetensors")
    worker.ask(training_trace(replace(build, weights=given), outcome, folder))
    for steps, dtype in [*((n, "float64") for n in STEPS), (1, "float32")]:
        reporter.phase(side, f"takes {steps} step{'s' if steps > 1 else ''} in {dtype}")
        build = replace(build, dtype="float64" if dtype == "float64" else "float32")
        worker.ask(step_job(build, recipe, steps, outcome.options.seed, scratch, folder))
    if lockstep.is_small(outcome.spec):
        for leg in lockstep.legs(side):
            reporter.phase(side, f"takes 100 steps in {leg.dtype}")
            given = absolute(outcome.folder / f"{leg.weights}.safetensors")
            begin = replace(build, dtype=leg.dtype, weights=given)
            seed = outcome.options.seed
            worker.ask(lockstep.job(begin, leg, recipe, seed, scratch, folder))
    if outcome.data is not None:
        total = outcome.recipe.epochs * len(outcome.data.y_train)
        for task in tasks(outcome, side):
            done = train(outcome, task, side, worker, scratch, reporter, total)
            if task.place == outcome.folder:
                outcome.training[side] = done


def training_trace(build: Build, outcome: Outcome, folder: Path) -> TraceJob:
    """What a side is asked, to pass the first step's batch forward and back in training mode."""
    recipe = outcome.recipe
    return TraceJob(
        build,
        absolute(outcome.folder / "first-batch.safetensors"),
        absolute(folder / "trace-training-float64.safetensors"),
        recipe.loss,
        recipe.shares,
        training=True,
        seed=outcome.options.seed,
    )


def step_job(
    build: Build, recipe: Recipe, steps: int, seed: int, scratch: Path, folder: Path
) -> TrainJob:
    """What a side is asked, to take one step or ten from the prepared files."""
    spec = spec_of(build)
    return TrainJob(
        build,
        step_recipe(recipe, steps, step_batch(spec)),
        absolute(scratch / f"data-{steps}.safetensors"),
        absolute(scratch / f"orders-{steps}.safetensors"),
        absolute(folder / steps_folder(steps, build.dtype)),
        seed,
        slots=build.dtype == "float64",
        gradients=build.dtype == "float64" and (steps == 1 or spec.params <= WITNESSED),
    )


@dataclass(frozen=True)
class Task:
    """One training of one side, in the folder that holds its weights."""

    words: str  # for the progress line
    seed: int
    place: Path
    orders: Path


def tasks(outcome: Outcome, side: str) -> list[Task]:
    """Every seed in turn, then, where there are several, the first once more as a control."""
    seeds, several = outcome.seeds, len(outcome.seeds) > 1
    found = []
    for number, seed in enumerate(seeds, start=1):
        words = f"trains seed {seed} ({number} of {len(seeds)})" if several else "trains"
        place = outcome.place(seed)
        found.append(Task(words, seed, place, place))
    if several and side == CONTROL_SIDE:
        words = f"trains seed {seeds[0]} again, one weight moved by its last bit"
        found.append(Task(words, seeds[0], outcome.folder / CONTROL, outcome.folder))
    return found


def train(
    outcome: Outcome,
    task: Task,
    side: str,
    worker: Worker,
    scratch: Path,
    reporter: Reporter,
    total: int,
) -> dict[str, Any]:
    """One training, epoch by epoch on the progress line of `total` images."""
    folder, options = task.place / side, outcome.options
    if (folder / "history.json").exists():  # finished before the run was interrupted
        return {"history": read_json(folder / "history.json")}
    reporter.phase(side, task.words, total)
    initial = str((task.place / "initial-weights").relative_to(outcome.folder))
    job = TrainJob(
        build_of(outcome, side, options.dtype, initial, outcome.recipe.size),
        outcome.recipe,
        absolute(scratch / "data.safetensors"),
        absolute(task.orders / "orders.safetensors"),
        absolute(folder),
        task.seed,
        keep=True,
        checkpoint_every=options.checkpoint_every,
    )
    done = worker.ask(job, lambda event: reporter.advance(side, event["samples"], total))
    write_json(folder / "history.json", finite(done["history"]))
    return done


def build_of(
    outcome: Outcome,
    side: str,
    dtype: str,
    weights_name: str,
    size: tuple[int, int] | None = None,
) -> Build:
    """The side's own port of the model."""
    return Build(
        port=f"{PORTS[side]}.{outcome.spec.port}",
        spec=outcome.spec.name,
        weights=absolute(outcome.folder / f"{weights_name}.safetensors"),
        dtype="float64" if dtype == "float64" else "float32",
        layout=outcome.layouts[side],
        device="cuda" if outcome.device == "cuda" else "cpu",
        size=size,
    )


def absolute(path: Path) -> str:
    """A path that means the same in a worker, which has its own working folder."""
    return str(path.absolute())
