"""Looks at anybody's Keras port, and runs parts of it again: two kinds of job."""

from __future__ import annotations

import inspect
import io
import re
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.backend.common import global_state
from keras.src.saving import saving_lib
from keras.src.utils.naming import reset_uids

from common import tensors
from common.errors import CompareError, DataError, UsageError
from common.frames import trimmed
from common.graph import fed, moved
from common.job import Load, LookJob, PrepareJob, Repair, ReplayJob, Unit
from common.locate import as_user, beside, locate
from common.operations import done_before, repaired
from common.serve import WRAPPING, Emit
from tf_impl import graph, on_cpu, places
from tf_impl.graph import Entry, Owned, Pass, Recorder, Slot, Variable, mapped, parts

Array = np.ndarray[Any, Any]
BOOKS = ("_layers", "_functional", "_self_", "_tracker", "_operations", "_nodes")  # Keras' own
COUNTS = "object_name_uids"  # where Keras counts the names that it gives
SHOWN = 5  # names in a line that says what does not fit


@dataclass
class Loaded:
    """A port that was built, and what is known of it."""

    load: Load
    model: layers.Layer
    paths: dict[int, str]  # of every layer, by identity
    variables: dict[str, Variable]
    first: list[tuple[Variable, tf.Tensor]]  # every variable as it was built
    moves: list[tuple[int, ...] | None]  # of each input, from channels first
    last: bool
    counts: dict[str, int]  # of the names that Keras has given, as the port was built
    at: dict[int, str]  # identity of a layer or a variable -> what reaches it from `model`
    passes: dict[bool, Pass] = field(default_factory=dict)  # by mode


KEPT: list[Loaded] = []  # the ports that were built last
KEEP = 2  # of these: one in float32 and one in float64


# ------------------------------------------------------------------------------ the jobs


def prepare(job: PrepareJob, progress: Emit) -> dict[str, Any]:
    """Builds the port; the look that follows finds it."""
    with placed(job.load):
        loaded_for(job.load, tensors.load(Path(job.probe)))
    return {}


def look(job: LookJob, progress: Emit) -> dict[str, Any]:
    """Runs the port once and leaves its graph, its tensors and what flowed through it."""
    if job.calibrate:
        raise ValueError("calibrate: statistics are given to a Keras port, not measured on it")
    probe = tensors.load(Path(job.probe))
    with placed(job.load):
        loaded = loaded_for(job.load, probe)
        given = tensors.load(Path(job.given)) if job.given else {}
        replaced = {id(loaded.variables[name]) for name in given if name in loaded.variables}
        restore([(v, x) for v, x in loaded.first if id(v) not in replaced])
        give(loaded, given)
        if job.training in loaded.passes and not (job.tensors or job.values or job.gradients):
            graph = loaded.passes[job.training].graph  # as it ran before: it holds other numbers
            tensors.save(Path(job.out), {}, graph.to_note())
            return {}
        held = loaded.variables if job.tensors else {}
        arrays = {f"tensor:{name}": array_of(v) for name, v in held.items()}
        inputs = [as_input(loaded, i, probe[str(i)]) for i in range(len(job.load.inputs))]
        before = snapshot(loaded)
        try:
            back = bool(job.gradients)
            found, tape, statistics = one_pass(loaded, inputs, job.training, back)
        finally:
            restore(before)
        if found.suspects:
            check_constants(loaded, inputs, job.training, found)
            restore(before)
        arrays |= statistics if job.training else {}
        if job.gradients:
            given = tensors.load(Path(job.gradients))
            arrays |= gradients(loaded, found, tape, given, job.totals)
        with tensors.Writer(Path(job.out), found.graph.to_note()) as out:
            for name, array in arrays.items():
                out.add(name, array)
            for name in list(found.values):  # each is let go as soon as it is written
                x = found.values.pop(name)
                if job.values:
                    out.add(f"value:{name}", array_of(x))
    loaded.passes[job.training] = found
    return {}


def replay(job: ReplayJob, progress: Emit) -> dict[str, Any]:
    """Runs each unit by itself; one that raises is named, and the others run."""
    loaded = kept(job.load)
    if loaded is None or job.training not in loaded.passes:
        raise ValueError(f"{job.load.port}: nobody looked at it in this mode before")
    source, _ = tensors.opened(Path(job.source))
    failed: dict[str, str] = {}
    before = snapshot(loaded) if job.training else []
    repairs = {repair.node: repair for repair in job.repairs}
    with placed(job.load), tensors.Writer(Path(job.out)) as out:
        for unit in job.units:
            touched: dict[str, Variable] = {}
            try:
                arrays = run_unit(loaded, unit, source, job.training, touched, repairs)
            except Exception as error:
                failed[unit.name] = said(error)
                continue
            finally:
                ids = {id(variable) for variable in touched.values()}
                restore([(variable, held) for variable, held in before if id(variable) in ids])
            for name, array in arrays.items():
                out.add(name, array)
    return {"failed": failed}


@contextmanager
def placed(load: Load) -> Iterator[None]:
    """Everything made inside lies on the job's device, in its dtype."""
    if load.device == "cuda" and not tf.config.list_physical_devices("GPU"):
        raise UsageError("--device cuda: TensorFlow sees no CUDA device on this machine")
    around: AbstractContextManager[Any] = nullcontext()
    if load.device == "cpu":
        around = on_cpu.stood_in()
    keras.config.set_dtype_policy(load.dtype)
    with tf.device("/GPU:0" if load.device == "cuda" else "/CPU:0"), around:
        yield


# ------------------------------------------------------------------------------- loading


def kept(load: Load) -> Loaded | None:
    """The port of this load, where it is still there."""
    return next((known for known in KEPT if known.load == load), None)


def loaded_for(load: Load, probe: Mapping[str, Array]) -> Loaded:
    """The port of this load: the one that was built last, where it is the same."""
    if (known := kept(load)) is not None:
        return known
    del KEPT[: 1 - KEEP]
    keras.config.set_image_data_format("channels_last")
    keras.utils.set_random_seed(0)
    reset_uids()
    model = made(load)
    in_the_loads_dtype(model, load.dtype)
    moves, last = orient(model, load)
    if not is_built(model):
        zeros = [
            moved_input(np.zeros_like(probe[str(i)]), axes, load) for i, axes in enumerate(moves)
        ]
        called(model, load, zeros, None)
        in_the_loads_dtype(model, load.dtype)
    paths = {id(layer): path for path, layer in named_layers(model)}
    variables = dict(named_variables(model))
    counts = dict(global_state.get_global_attribute(COUNTS) or {})
    loaded = Loaded(load, model, paths, variables, [], moves, last, counts, reached(model))
    if load.weights:
        load_weights(loaded, Path(load.weights))
    loaded.first = snapshot(loaded)
    KEPT.append(loaded)
    return loaded


def made(load: Load) -> layers.Layer:
    """What the user's callable returns."""
    beside(load.port, load.folder)  # stays on the path: a port may import when it is called
    try:
        call = locate(load.port)
    except CompareError:
        raise
    except (Exception, SystemExit) as error:
        frames = trimmed(error, places.is_users)
        raise UsageError(f"{load.port}: importing it raised {said(error)}{frames}") from error
    if isinstance(call, layers.Layer) or not callable(call):
        raise UsageError(
            f"{load.port} is a {type(call).__name__}, expected a callable that returns a "
            "keras.Model or keras.Layer"
        )
    try:
        with as_user():
            model = call(**load.arguments)
    except (Exception, SystemExit) as error:
        given = ", ".join(f"{name}={value!r}" for name, value in load.arguments.items())
        shown = f"({given})" if given else ""
        raise UsageError(f"{load.port}{shown} raised {said(error)}") from error
    if not isinstance(model, layers.Layer):
        what = "None" if model is None else f"a {type(model).__name__}"
        raise UsageError(f"{load.port} returned {what}, expected a keras.Model or keras.Layer")
    return model


def said(error: BaseException) -> str:
    """An exception in one line: its type, the first line of its text, and the user's line."""
    text = WRAPPING.split(re.sub(r"\x1b\[\d*m|\{\{[^}]*\}\} ?", "", str(error)))[-1].strip()
    where = places.raised(error)
    line = ": ".join([type(error).__name__, *text.splitlines()[:1]])
    return f"{line} ({where})" if where else line


def in_the_loads_dtype(model: layers.Layer, dtype: str) -> None:
    """A functional model's inputs take the dtype of its layers; Keras makes them float32."""
    for layer in model._flatten_layers():
        inner = getattr(layer, "_functional", None) if is_sequential(layer) else layer
        if not isinstance(inner, keras.src.models.functional.Functional):
            continue
        for x in inner._inputs:
            if x.dtype in ("float32", "float64"):
                x._dtype = x._keras_history.operation._dtype = dtype


def is_sequential(layer: layers.Layer) -> bool:
    return isinstance(layer, keras.Sequential)


def known_inputs(model: layers.Layer) -> list[Any] | None:
    """The symbolic inputs of a functional or sequential model that knows them."""
    functional = model._functional if is_sequential(model) else model
    if isinstance(functional, keras.src.models.functional.Functional):
        return list(functional.inputs)
    return None


def is_built(model: layers.Layer) -> bool:
    return known_inputs(model) is not None


def orient(model: layers.Layer, load: Load) -> tuple[list[tuple[int, ...] | None], bool]:
    """How each input is moved to the port's axes, and whether its maps are channels last."""
    last = prefers_last(model)
    known = known_inputs(model)
    if known is None:
        return [to_last(shape, last) for shape in load.inputs], last
    expected = [tuple(x.shape[1:]) for x in known]
    if len(expected) != len(load.inputs):
        raise UsageError(
            f"{load.port} takes {len(expected)} inputs, expected as many as shapes were given, "
            f"{len(load.inputs)}"
        )
    moves = [orient_one(load, *pair, last) for pair in zip(expected, load.inputs, strict=True)]
    maps = [axes for axes, shape in zip(moves, load.inputs, strict=True) if len(shape) == 3]
    return moves, (maps[0] is not None) if maps else last


def prefers_last(model: layers.Layer) -> bool:
    """As the port's layers say, where they agree; else as Keras is set."""
    # a Flatten always says so of the default, and pays no heed to it
    asked = [x for x in model._flatten_layers() if not isinstance(x, layers.Flatten)]
    said = {getattr(layer, "data_format", None) for layer in asked} - {None}
    form = said.pop() if len(said) == 1 else keras.config.image_data_format()
    return bool(form == "channels_last")


def to_last(shape: Sequence[int], last: bool) -> tuple[int, ...] | None:
    return (0, *range(2, len(shape) + 1), 1) if last and len(shape) in (3, 4) else None


def orient_one(
    load: Load, expected: tuple[Any, ...], given: tuple[int, ...], last: bool
) -> tuple[int, ...] | None:
    """One input: as it is given, or with its channels last, whichever the model takes."""
    rank = len(given)
    ways: list[tuple[int, ...] | None] = [None]
    if rank in (2, 3, 4):
        ways.append((0, *range(2, rank + 1), 1))
    fits = [axes for axes in ways if accepts(expected, turned(given, axes))]
    if not fits:
        found = " or ".join(str(turned(given, axes)) for axes in ways)
        raise UsageError(f"{load.port} takes inputs of shape {expected}, found {found}")
    if len(fits) == 1 or rank == 2:
        return fits[0]
    return fits[1] if last else fits[0]


def turned(shape: tuple[int, ...], axes: tuple[int, ...] | None) -> tuple[int, ...]:
    return shape if axes is None else tuple(shape[i - 1] for i in axes[1:])


def accepts(expected: tuple[Any, ...], given: tuple[int, ...]) -> bool:
    if len(expected) != len(given):
        return False
    return all(e is None or e == g for e, g in zip(expected, given, strict=True))


def moved_input(x: Array, axes: tuple[int, ...] | None, load: Load) -> tf.Tensor:
    """An array of the probe in the port's axes; floating numbers in the job's dtype."""
    x = x if axes is None else x.transpose(axes)
    return tf.constant(x, dtype=load.dtype if np.issubdtype(x.dtype, np.floating) else x.dtype)


def as_input(loaded: Loaded, index: int, x: Array) -> tf.Tensor:
    """As `moved_input`, in the dtype that the model asks for where that is a whole number's."""
    if tuple(x.shape[1:]) != loaded.load.inputs[index]:
        raise ValueError(f"probe {index}: {x.shape[1:]}, expected {loaded.load.inputs[index]}")
    known = known_inputs(loaded.model)
    found = moved_input(x, loaded.moves[index], loaded.load)
    if known is not None and "int" in str(known[index].dtype):
        return tf.cast(found, known[index].dtype)
    return found


def called(model: layers.Layer, load: Load, inputs: Sequence[Any], training: bool | None) -> Any:
    """Calls the port as ports are called. UsageError where it raises."""
    mode = {} if training is None else {"training": training}
    try:
        with as_user():
            return model(*arguments(model, inputs), **mode)
    except (Exception, SystemExit) as error:
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        name = type(model).__name__
        raise UsageError(f"{load.port}: {name} called on {shapes}: {said(error)}") from error


def arguments(model: layers.Layer, inputs: Sequence[Any]) -> list[Any]:
    """One input by itself; several in a functional model's own structure, else by position."""
    if len(inputs) == 1 and not isinstance(getattr(model, "_inputs_struct", None), (list, dict)):
        return list(inputs)
    if isinstance(getattr(model, "_inputs_struct", None), (list, tuple, dict)):
        return [keras.tree.pack_sequence_as(model._inputs_struct, list(inputs))]
    taken = inspect.signature(model.call).parameters.values()
    free = [p for p in taken if p.name not in ("training", "mask") and p.kind < p.KEYWORD_ONLY]
    several = len(free) >= len(inputs) or any(p.kind == p.VAR_POSITIONAL for p in free)
    return list(inputs) if several else [list(inputs)]


# --------------------------------------------------------------------------------- names


def named_layers(model: layers.Layer) -> Iterator[tuple[str, layers.Layer]]:
    """The model and every layer below it, each once, by its first path."""
    seen: set[int] = set()

    def walk(path: str, layer: layers.Layer) -> Iterator[tuple[str, layers.Layer]]:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        yield path, layer
        for name, _, child in children(layer):
            yield from walk(f"{path}.{name}".lstrip("."), child)

    return walk("", model)


def children(layer: layers.Layer) -> Iterator[tuple[str, str, layers.Layer]]:
    """Layers right below: of functional and sequential models by name, else by attribute.

    Each with what reaches it from the layer, as Python.
    """
    if is_sequential(layer) or isinstance(layer, keras.src.models.functional.Functional):
        for x in layer.layers:
            if not isinstance(x, layers.InputLayer):
                yield x.name, f'.get_layer("{x.name}")', x
    for private in (False, True):
        for name, value in vars(layer).items():
            if name.startswith("_") is private and not name.startswith(BOOKS):
                for path, child in parts(value):
                    if isinstance(child, layers.Layer) and not isinstance(child, layers.InputLayer):
                        at = f".{name}{indexed(value, path)}"
                        yield ".".join((name.lstrip("_"), *path)), at, child
    for i, x in enumerate(layer._layers):
        if not isinstance(x, layers.InputLayer):
            yield x.name, f"._layers[{i}]", x


def indexed(value: Any, path: Sequence[str]) -> str:
    """What reaches a leaf of lists, dicts and dataclasses."""
    if not path:
        return ""
    if isinstance(value, Mapping):
        key = next(key for key in value if str(key) == path[0])
        return f"[{key!r}]{indexed(value[key], path[1:])}"
    if isinstance(value, (tuple, list)) and path[0].isdigit():
        return f"[{path[0]}]{indexed(value[int(path[0])], path[1:])}"
    return f".{path[0]}{indexed(getattr(value, path[0]), path[1:])}"


def reached(model: layers.Layer) -> dict[int, str]:
    """What reaches every layer and its variables from `model`, by identity."""
    found: dict[int, str] = {}

    def walk(at: str, layer: layers.Layer) -> None:
        if id(layer) in found:
            return
        found[id(layer)] = at
        for _, step, child in children(layer):
            walk(f"{at}{step}", child)
        for i, v in enumerate(layer.weights):
            found.setdefault(id(v), f"{at}.weights[{i}]")
        for name, v in vars(layer).items():
            if isinstance(v, tf.Variable):
                found.setdefault(id(v), f"{at}.{name}")

    walk("model", model)
    return found


def named_variables(model: layers.Layer) -> Iterator[tuple[str, Variable]]:
    """Every tensor that the port owns, each once; no seeds, and nothing that only counts."""
    seen: set[int] = set()
    taken: dict[str, Variable] = {}
    for path, layer in named_layers(model):
        inner = {id(v) for x in layer._flatten_layers(include_self=False) for v in x.weights}
        own = [v for v in layer.weights if id(v) not in inner]
        loose = [v for v in vars(layer).values() if isinstance(v, tf.Variable)]
        for v in [*own, *loose]:
            counts = isinstance(layer, layers.Normalization) and v.name == "count"
            if id(v) in seen or counts:
                continue
            seen.add(id(v))
            name = graph.unique(f"{path}.{own_name(layer, v)}".lstrip("."), taken)
            taken[name] = v
            yield name, v


def own_name(layer: layers.Layer, variable: Variable) -> str:
    """The name that was given to it, or the attribute's where nobody gave one."""
    name = variable.name.partition(":")[0]
    if not re.fullmatch(r"(?i)variable(_\d+)?", name):
        return name
    held = [key for key, value in vars(layer).items() if value is variable]
    return held[0] if held else name


# ------------------------------------------------------------------------------- weights


def load_weights(loaded: Loaded, path: Path) -> None:
    """Fills the port from a file, all of it. UsageError naming what does not fit."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    if path.suffix == ".safetensors":
        fill(loaded, tensors.load(path), path)
        return
    if path.suffix == ".h5" and not path.name.endswith(".weights.h5"):
        load_old_weights(loaded.model, path)
        return
    if path.suffix == ".keras":
        content = keras_archive(path)
    elif path.name.endswith(".weights.h5"):
        content = path.read_bytes()
    else:
        raise UsageError(f"{path}: expected .keras, .weights.h5, .h5 or .safetensors")
    with tempfile.TemporaryDirectory() as room:
        given, mine = Path(room) / "given.weights.h5", Path(room) / "mine.weights.h5"
        given.write_bytes(content)
        saving_lib.save_weights_only(loaded.model, str(mine))
        try:
            complain(path, held_by(mine), held_by(given))
            saving_lib.load_weights_only(loaded.model, str(given))
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{path}: {said(error)}") from error


def load_old_weights(model: layers.Layer, path: Path) -> None:
    """A file of Keras 2, which names layers; Keras refuses one that holds others."""
    if not isinstance(model, keras.Model):
        raise UsageError(f"{path}: Keras reads such a file into a keras.Model alone")
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path}: {said(error)}") from error


def keras_archive(path: Path) -> bytes:
    """The weights within a .keras file; nothing of its code is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read("model.weights.h5")
    except (zipfile.BadZipFile, KeyError):
        raise DataError(f"{path}: not a .keras file, or truncated") from None


def held_by(path: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every array in a weights file, without the optimizer's and the seeds."""
    import h5py  # Keras brings it along

    found: dict[str, tuple[int, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not re.search(r"^optimizer|seed_generator", name):
            found[name] = tuple(item.shape)

    with h5py.File(io.BytesIO(path.read_bytes()), "r") as file:
        file.visititems(visit)
    return found


def complain(
    path: Path, mine: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]
) -> None:
    """UsageError where names or shapes of a file are not the port's."""
    wrong = [f"it lacks {name}" for name in mine.keys() - given.keys()]
    wrong += [f"the port has no {name}" for name in given.keys() - mine.keys()]
    wrong += [
        f"{name} is {given[name]}, expected {mine[name]}"
        for name in mine.keys() & given.keys()
        if mine[name] != given[name]
    ]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise UsageError(f"{path}: {'; '.join(sorted(wrong)[:SHOWN])}{more}")


def fill(loaded: Loaded, given: Mapping[str, Array], path: Path) -> None:
    mine = {name: tuple(v.shape) for name, v in loaded.variables.items()}
    complain(path, mine, {name: array.shape for name, array in given.items()})
    for name, array in given.items():
        assign(loaded.variables[name], array)


def give(loaded: Loaded, given: Mapping[str, Array]) -> None:
    """Sets tensors by name. ValueError where a name or a shape is not the port's."""
    for name, array in given.items():
        if name not in loaded.variables:
            raise ValueError(f"given {name}: the port has no such tensor")
        shape = tuple(loaded.variables[name].shape)
        if shape != array.shape:
            raise ValueError(f"given {name}: {array.shape}, expected {shape}")
        assign(loaded.variables[name], array)


def assign(variable: Variable, array: Array) -> None:
    variable.assign(tf.cast(tf.constant(np.asarray(array, order="C")), variable.dtype))


def array_of(x: Any) -> Array:
    """As an array that safetensors can hold."""
    try:
        array = np.from_dlpack(x)  # no copy
    except (AttributeError, BufferError, RuntimeError, TypeError):  # a variable, or bfloat16
        array = np.asarray(keras.ops.convert_to_numpy(x))
    return array if array.dtype in tensors.DTYPES else array.astype(np.float32)


def snapshot(loaded: Loaded) -> list[tuple[Variable, tf.Tensor]]:
    """Every variable, seeds included, with what it holds: a tensor that no assignment changes."""
    held = {id(v): v for v in [*loaded.model.variables, *loaded.variables.values()]}
    return [(v, tf.convert_to_tensor(raw(v))) for v in held.values()]


def restore(held: Sequence[tuple[Variable, tf.Tensor]]) -> None:
    for variable, x in held:
        variable.assign(x)


# ------------------------------------------------------------------------------- looking


def one_pass(
    loaded: Loaded, inputs: Sequence[tf.Tensor], training: bool, back: bool = True
) -> tuple[Pass, tf.GradientTape, dict[str, Array]]:
    """One recorded pass, its tape, and the statistics that it left."""
    global_state.set_global_attribute(COUNTS, defaultdict(int, loaded.counts))
    with tf.GradientTape() if back else nullcontext() as tape:
        known = loaded.paths, loaded.variables
        recorder = Recorder(loaded.model, *known, inputs, loaded.last, tape, loaded.at)
        if back:
            watch(tape, inputs, loaded.variables)
        with graph.recording(recorder):
            output = called(loaded.model, loaded.load, inputs, training)
        found = recorder.finish(output)
    found.graph.losses = graph.added_losses(loaded.model)
    return found, tape, statistics_of(loaded.variables)


def watch(tape: tf.GradientTape, values: Sequence[Any], variables: Mapping[str, Variable]) -> None:
    """Gradients are asked for all of these, trained or not."""
    for x in values:
        if x.dtype.is_floating:
            tape.watch(x)
    for variable in variables.values():
        if tf.as_dtype(variable.dtype).is_floating:
            tape.watch(raw(variable))


def raw(variable: Variable) -> tf.Variable:
    return variable._value if isinstance(variable, keras.Variable) else variable


def statistics_of(variables: Mapping[str, Variable], prefix: str = "") -> dict[str, Array]:
    return {
        f"{prefix}statistic:{name}": array_of(v)
        for name, v in variables.items()
        if graph.is_statistic(name)
    }


def check_constants(
    loaded: Loaded, inputs: Sequence[tf.Tensor], training: bool, found: Pass
) -> None:
    """What looks like a constant made on the way must not change with inputs or tensors."""
    other = [x * 0.75 + 0.125 if x.dtype.is_floating else x for x in inputs]
    for variable in loaded.variables.values():
        if tf.as_dtype(variable.dtype).is_floating:
            variable.assign(raw(variable) * 0.75 + 0.125)
    try:
        again = one_pass(loaded, other, training, back=False)[0].suspects
    except UsageError:
        again = []
    same = len(again) == len(found.suspects) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(again, found.suspects, strict=True)
    )
    if not same:
        found.graph.unseen.append(
            "numbers that depend on the inputs or on tensors of the port were read as constants: "
            "they were made outside TensorFlow, or by what cannot be seen"
        )


def gradients(
    loaded: Loaded, found: Pass, tape: tf.GradientTape, given: Mapping[str, Array], totals: bool
) -> dict[str, Array]:
    """Of the sum of each output times what reaches it; what has no path to it is left out.

    `totals`: of inputs and tensors alone.
    """
    reaching = [(found.values[found.graph.outputs[name]], array) for name, array in given.items()]
    values = {n: x for n, x in found.values.items() if x.dtype.is_floating}
    if totals:
        values = {n: x for n, x in values.items() if n.startswith("input:")}
    return collected(tape, reaching, values, loaded.variables, "")


def collected(
    tape: tf.GradientTape,
    reaching: Sequence[tuple[tf.Tensor, Array]],
    values: Mapping[str, tf.Tensor],
    variables: Mapping[str, Variable],
    prefix: str,
) -> dict[str, Array]:
    """Of the sum of each value times what reaches it: of values and of variables."""
    for x, array in reaching:
        if tuple(x.shape) != array.shape:
            raise ValueError(f"a gradient of shape {array.shape} for a value of {tuple(x.shape)}")
    owned = {n: raw(v) for n, v in variables.items() if tf.as_dtype(v.dtype).is_floating}
    of_values, of_owned = tape.gradient(
        [x for x, _ in reaching],
        [dict(values), owned],
        [tf.constant(array, dtype=x.dtype) for x, array in reaching],
    )
    found = {f"{prefix}gradient:{n}": g for n, g in of_values.items()}
    found |= {f"{prefix}gradient-of:{n}": g for n, g in of_owned.items()}
    return {n: array_of(tf.convert_to_tensor(g)) for n, g in found.items() if g is not None}


# ----------------------------------------------------------------------------- replaying


def run_unit(
    loaded: Loaded,
    unit: Unit,
    source: Mapping[str, Array],
    training: bool,
    touched: dict[str, Variable],
    repairs: Mapping[str, Repair],
) -> dict[str, Array]:
    """A unit's nodes in order, on what it is fed; its targets, and its gradients.

    Fills `touched` with the variables that the nodes read or change, by name.
    """
    found = loaded.passes[training]
    dtypes = found.graph.dtypes
    feeds = {
        value: tf.constant(moved(fed(source, key), moves), dtype=dtypes[value])
        for value, (key, moves) in unit.feeds.items()
    }
    back = bool(unit.gradients)
    with tf.GradientTape() if back else nullcontext() as tape:
        if back:
            watch(tape, list(feeds.values()), {})
        values = dict(feeds)
        for name in unit.nodes:
            read = variables_of(loaded, found, found.entries[name], values)
            if back:
                watch(tape, [], {n: v for n, v in read.items() if n not in touched})
            touched |= read
            if name in repairs:
                repair_node(loaded, found, found.entries[name], values, repairs[name])
            else:
                run_node(loaded, found, found.entries[name], values)
        if back:
            given = [
                (values[target], moved(fed(source, key), moves))
                for target, (key, moves) in unit.gradients.items()
            ]
            # what is made in another shape than is sent back is told by its value
            fits = [(x, array) for x, array in given if tuple(x.shape) == array.shape]
    arrays = {f"{unit.name}|value:{target}": array_of(values[target]) for target in unit.targets}
    if back and fits:
        floats = {n: x for n, x in feeds.items() if x.dtype.is_floating}
        owned = {name: v for name, v in touched.items() if name in loaded.variables}
        arrays |= collected(tape, fits, floats, owned, f"{unit.name}|")
    if training:
        arrays |= statistics_of(touched, f"{unit.name}|")
    return arrays


def variables_of(
    loaded: Loaded, found: Pass, entry: Entry, values: Mapping[str, Any]
) -> dict[str, Variable]:
    """What a node reads of the port, and what is read to make what it reads; then its seeds."""
    held = {name: loaded.variables[name] for name in entry.tensors.values()}
    for maker in makers(found, entry, values):
        held |= variables_of(loaded, found, maker, values)
    return held | {f"seed {i}": state for i, (state, _) in enumerate(entry.seeds)}


def makers(found: Pass, entry: Entry, values: Mapping[str, Any]) -> list[Entry]:
    """The nodes that make what is read, not there yet, and made of the port's tensors alone."""
    missing = {key for key in entry.reads if found.names[key] not in values}
    wanted = {key for key in missing if found.names[key] not in found.from_inputs}
    return [e for e in found.entries.values() if wanted & set(e.writes)] if wanted else []


def run_node(loaded: Loaded, found: Pass, entry: Entry, values: dict[str, Any]) -> None:
    """One node on what there is; what is made of the port's tensors alone is made on the way."""
    for maker in makers(found, entry, values):
        run_node(loaded, found, maker, values)
    for name in (found.names[key] for key in entry.reads):
        if name not in values:
            raise ValueError(f"it reads {name}, which is not fed")
    for variable, state in entry.seeds:
        variable.assign(state)

    def filled(mark: Any) -> Any:
        if isinstance(mark, Slot):
            x = values[found.names[mark.key]]
            if mark.key in entry.masks:
                keras.src.backend.set_keras_mask(x, entry.masks[mark.key])
            return x
        return resolved(loaded, mark) if isinstance(mark, Owned) else mark

    output = entry.run(*mapped(filled, entry.args), **mapped(filled, entry.kwargs))
    made = [leaf for _, leaf in parts(output) if graph.is_eager(leaf)]
    for key, index in zip(entry.writes, entry.leaves, strict=True):
        values[found.names[key]] = made[index]


def repair_node(
    loaded: Loaded, found: Pass, entry: Entry, values: dict[str, Any], repair: Repair
) -> None:
    """One node as the repair says; forward alone, since NumPy keeps no way back."""
    reads = [found.names[key] for key in entry.reads]
    arrays = [array_of(values[name]) for name in reads if name in values]
    if repair.kind:
        value = found.names[entry.writes[0]]
        values[value] = tf.constant(repaired(repair, arrays), dtype=found.graph.dtypes[value])
        return
    name = reads[repair.at]
    kept = values[name]
    more = [array_of(values[other]) for other, _ in repair.more]
    made = done_before(repair, arrays[repair.at], more)
    values[name] = tf.constant(made, dtype=kept.dtype)
    run_node(loaded, found, entry, values)
    values[name] = kept


def resolved(loaded: Loaded, mark: Owned) -> Any:
    variable = loaded.variables[mark.name]
    if mark.form == "variable":
        return variable
    return raw(variable).handle if mark.form == "handle" else tf.convert_to_tensor(raw(variable))
