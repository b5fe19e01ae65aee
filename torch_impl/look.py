"""Looks at anybody's PyTorch port: builds it, runs it, and runs parts of it again by themselves."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common import tensors
from common.errors import CompareError, DataError, UsageError
from common.frames import trimmed
from common.graph import Array, Graph, fed, moved
from common.job import Load, LookJob, PrepareJob, Repair, ReplayJob, Unit
from common.locate import as_user, beside, locate
from common.operations import done_before, repaired
from common.serve import Emit
from torch_impl import device, names, ops
from torch_impl.graph import Call, Recorder, Value, back_through, is_users, owned, run

SHOWN = 3  # names in an error line, of those that it is about
WRAPPED = ("state_dict", "model_state_dict", "model")  # under which a checkpoint holds the weights


@dataclass
class Looked:
    """What was recorded in one mode."""

    graph: Graph
    calls: dict[str, Call]
    states: dict[str, Value]  # buffer -> what the port's own functions left in it


@dataclass
class Port:
    """A port as it was built, and what has been recorded of it."""

    load: Load
    model: nn.Module
    initial: list[Copy]
    looked: dict[bool, Looked] = field(default_factory=dict)  # by whether it was training


@dataclass
class Copy:
    """A tensor of a model, where it hangs, and its numbers; a forward pass may change all."""

    holder: dict[str, Tensor | None]
    name: str
    tensor: Tensor
    numbers: Tensor

    def restore(self) -> None:
        with torch.no_grad():
            self.holder[self.name] = self.tensor
            self.tensor.copy_(self.numbers)


kept: list[Port] = []  # the ones that were built last
KEEP = 2  # of these: one in float32 and one in float64


def prepare(job: PrepareJob, progress: Emit) -> dict[str, Any]:
    """Builds the port; the look that follows finds it."""
    built(job.load)
    return {}


def look(job: LookJob, progress: Emit) -> dict[str, Any]:
    """Runs the port once and writes its graph, and what it held and made."""
    port = built(job.load)
    restore(port.initial)
    give(port, job.given)
    inputs = probe(job)
    if job.calibrate:
        with Calibration(), torch.no_grad():
            forward(port, inputs)
    held = owned(port.model) if job.tensors else {}
    arrays = {f"tensor:{name}": names.canonical(x) for name, x in held.items()}
    if job.calibrate and not job.values and job.training in port.looked:
        graph = port.looked[job.training].graph  # as it ran before: what was measured is wanted
        own = {f"tensor:{name}" for name, held in graph.tensors.items() if held.statistic}
        tensors.save(Path(job.out), {n: arrays[n] for n in arrays if n in own}, graph.to_note())
        return {}
    buffers = copies(port.model, parameters=False)
    port.model.train(job.training)
    try:
        recorded(port, job, inputs, arrays)
    finally:
        port.model.eval()
        restore(buffers)
    return {}


def recorded(port: Port, job: LookJob, inputs: list[Tensor], held: Mapping[str, Array]) -> None:
    """One pass under the recorder, and back where that is asked for, written to the job's file.

    `held`: what the port held before.
    """
    torch.manual_seed(0)
    recorder = Recorder(port.model, gradients=bool(job.gradients))
    given = [tracked(x) for x in inputs]
    for x in given:
        recorder.input(x)
    returned = forward(port, given, recorder)
    graph, calls, values = recorder.graph(returned)
    port.looked[job.training] = Looked(graph, calls, recorder.states())
    known = {f"tensor:{name}" for name in graph.tensors}
    arrays = {name: x for name, x in held.items() if name in known}
    if job.training:
        arrays |= {f"statistic:{name}": x for name, x in statistics(port, graph).items()}
    if job.gradients:
        arrays |= backward(port, job, graph, values, recorder)
    del returned
    recorder.gradients.clear()
    for value in values.values():  # the way back is done: what it needs may go
        if value.tensor is not None:
            value.tensor = value.tensor.detach()
    with tensors.Writer(Path(job.out), graph.to_note()) as out:
        for name, array in arrays.items():
            out.add(name, array)
        for name, value in values.items():  # each is let go as soon as it is written
            if job.values:
                out.add(f"value:{name}", numbers(value.held()))
            value.tensor = value.numbers = None
    for call in recorder.calls:  # the numbers may go; the arguments stay for a replay
        for value in (*call.reads, *call.writes):
            value.tensor = value.numbers = value.view = None


def tracked(x: Tensor) -> Tensor:
    """An input whose gradient can be asked for, and which the port may still change in place."""
    return x.clone().requires_grad_().clone() if x.is_floating_point() else x.clone()


def fresh(x: Tensor) -> Array:
    """The same without a copy, of what nobody else holds."""
    plain = x.dtype != torch.bfloat16 and not x.is_complex()
    return x.detach().cpu().numpy() if plain else numbers(x)


def numbers(x: Tensor) -> Array:
    """A copy that safetensors can hold; NumPy knows no bfloat16."""
    x = torch.view_as_real(x) if x.is_complex() else x
    return names.canonical(x.float() if x.dtype == torch.bfloat16 else x)


def backward(
    port: Port, job: LookJob, graph: Graph, values: Mapping[str, Value], recorder: Recorder
) -> dict[str, Array]:
    """The gradients of every value and tensor for what reaches the outputs."""
    reaching = reaching_outputs(job, graph, values)
    mine = owned(port.model).items()
    parameters = {name: x for name, x in mine if isinstance(x, nn.Parameter)}
    for parameter in parameters.values():
        parameter.grad = None
    try:
        if reaching:
            torch.autograd.backward([value.tensor for value in reaching], [*reaching.values()])
    except Exception as error:  # such as a change in place of what the way back needs
        name = type(port.model).__name__
        raise UsageError(f"{name} raised {blamed(error)} on the way back") from error
    found = recorder.gradients
    calls = port.looked[job.training].calls.values()
    if any(call.derived for call in calls):
        found = parts_too(graph, calls, reaching, recorder)
    arrays = {
        f"gradient:{name}": numbers(found[value])
        for name, value in values.items()
        if value in found and (name.startswith("input:") or not job.totals)
    }
    for name, parameter in parameters.items():
        if parameter.grad is not None:
            arrays[f"gradient-of:{name}"] = numbers(parameter.grad)
            parameter.grad = None
    return arrays


def reaching_outputs(
    job: LookJob, graph: Graph, values: Mapping[str, Value]
) -> dict[Value, Tensor]:
    """What reaches each output that has a way back; two outputs may be one value."""
    found: dict[Value, Tensor] = {}
    for name, array in tensors.load(Path(job.gradients)).items():
        if name not in graph.outputs:
            known = ", ".join(graph.outputs) or "none"
            raise UsageError(f"{job.gradients}: {name!r} is no output; the outputs are {known}")
        value = values[graph.outputs[name]]
        x = value.tensor
        if x.requires_grad:
            gradient = cast(array, x.shape, x.dtype, job.load, name)
            found[value] = found[value] + gradient if value in found else gradient
    return found


def parts_too(
    graph: Graph, calls: Iterable[Call], reaching: Mapping[Value, Tensor], recorder: Recorder
) -> dict[Value, Tensor]:
    """Gradients from call to call; they must be those of PyTorch's own graph at the inputs."""
    found = back_through(calls, reaching)
    for value in recorder.inputs:
        own, ours = recorder.gradients.get(value), found.get(value)
        if (own is None) != (ours is None) or (
            own is not None and ours is not None and not torch.allclose(own, ours, rtol=1e-3)
        ):
            graph.unseen.append(f"{value.name}: its gradient is not that of the recorded calls")
    return found


def statistics(port: Port, graph: Graph) -> dict[str, Array]:
    """The running statistics as they are now."""
    now = owned(port.model)
    return {name: numbers(now[name]) for name, held in graph.tensors.items() if held.statistic}


# ---- building


def built(load: Load) -> Port:
    """The port of this load, made anew unless it is the one that was made last."""
    known = next((port for port in kept if port.load == load), None)
    if known is None:
        del kept[: 1 - KEEP]
        known = build(load)
        kept.append(known)
    return known


def build(load: Load) -> Port:
    """The port in the load's dtype, with its weights, in evaluation mode."""
    if load.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch sees no CUDA device on this machine")
    beside(load.port, load.folder)
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    try:
        torch.set_default_dtype(getattr(torch, load.dtype))
        model = made(load)
    finally:
        torch.set_default_dtype(before)
        device.configure()  # what the port set up for itself must not change its numbers
    model = model.to(load.device, getattr(torch, load.dtype)).eval()
    if load.weights:
        load_weights(model, load)
    return Port(load, model, copies(model))


def made(load: Load) -> nn.Module:
    """What the user's callable returns. UsageError unless it is a module."""
    try:
        call = locate(load.port)
    except CompareError:
        raise
    except (Exception, SystemExit) as error:
        frames = trimmed(error, is_users)
        raise UsageError(f"{load.port}: importing it raised {blamed(error)}{frames}") from error
    if isinstance(call, nn.Module) or not callable(call):
        raise UsageError(
            f"{load.port} is a {type(call).__name__}, expected a callable that returns a "
            "torch.nn.Module"
        )
    try:
        with as_user():
            model = call(**load.arguments)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{load.port}({written(load.arguments)}) raised {blamed(error)}"
        ) from error
    if not isinstance(model, nn.Module):
        what = "None" if model is None else f"a {type(model).__name__}"
        raise UsageError(f"{load.port} returned {what}, expected a torch.nn.Module")
    return model


def written(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def blamed(error: BaseException) -> str:
    """An exception in one line: type, first line of its text, and the innermost line of a port."""
    said = ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno}" for frame in frames if is_users(frame.filename)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f"{error.filename}:{error.lineno}")
    return f"{said} ({lines[-1]})" if lines else said


def load_weights(model: nn.Module, load: Load) -> None:
    """Fills the model with a state_dict, all of it. UsageError where the two differ."""
    state, own = read_weights(load), model.state_dict()
    counters = {name for name in own if name.rpartition(".")[2] in names.UNCOUNTED}
    misshapen = [
        f"{name} {tuple(state[name].shape)} where the model has {tuple(own[name].shape)}"
        for name in own.keys() & state.keys()
        if isinstance(own[name], Tensor) and state[name].shape != own[name].shape
    ]
    wrong = {
        "missing": [name for name in own if name not in state and name not in counters],
        "unexpected": [name for name in state if name not in own],
        "misshapen": sorted(misshapen),
    }
    said = [f"{word}: {few(items)}" for word, items in wrong.items() if items]
    if said:
        prefix = prefix_of(list(state), [name for name in own if name not in counters])
        if prefix:
            said += [
                f"each name in it begins with {prefix} as a wrapped model's do: save "
                f"{{name.removeprefix('{prefix}'): x for name, x in state.items()}}"
            ]
        raise UsageError(f"{load.weights} does not fit {type(model).__name__}; {'; '.join(said)}")
    model.load_state_dict(state, strict=False)  # a counter alone may be missing


def prefix_of(held: list[str], own: list[str]) -> str:
    """What DataParallel ("module.") or compile ("_orig_mod.") put in front of each name; or ""."""
    prefixes = [name.removesuffix(own[0]) for name in held if own and name.endswith(f".{own[0]}")]
    for prefix in prefixes:
        if all(name.startswith(prefix) for name in held) and {prefix + n for n in own} <= {*held}:
            return prefix
    return ""


def few(items: list[str]) -> str:
    rest = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + rest


def read_weights(load: Load) -> dict[str, Tensor]:
    """The tensors of a state_dict file, by name."""
    path = Path(load.weights)
    if path.suffix == ".safetensors":
        return {name: torch.tensor(x) for name, x in tensors.load(path).items()}
    try:
        found = torch.load(path, map_location="cpu", weights_only=not load.trust)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except pickle.UnpicklingError as error:
        if load.trust:
            raise DataError(f"{path}: cannot be read ({blamed(error)})") from None
        raise UsageError(
            f"{path}: holds more than tensors, which may be code; save model.state_dict(), or "
            "use --trust if you made it"
        ) from None
    except Exception as error:
        raise DataError(f"{path}: cannot be read ({blamed(error)})") from None
    if isinstance(found, nn.Module):
        found = found.state_dict()
    while isinstance(found, Mapping) and not is_state(found):
        inner = [found[name] for name in WRAPPED if isinstance(found.get(name), Mapping)]
        if not inner:
            break
        found = inner[0]
    if not isinstance(found, Mapping) or not is_state(found):
        raise UsageError(f"{path}: holds a {type(found).__name__}, expected a state_dict")
    return dict(found)


def is_state(found: Mapping[Any, Any]) -> bool:
    return all(isinstance(x, Tensor) for x in found.values())


# ---- what it is given


def copies(model: nn.Module, *, parameters: bool = True) -> list[Copy]:
    """Every buffer, and every parameter, with its numbers."""
    return [
        Copy(holder, name, tensor, tensor.detach().clone())
        for module in model.modules()
        for holder in ([module._parameters] if parameters else []) + [module._buffers]
        for name, tensor in holder.items()
        if tensor is not None
    ]


def restore(copied: Iterable[Copy]) -> None:
    for copy in copied:
        copy.restore()


def give(port: Port, given: str) -> None:
    """Sets tensors by the port's own names; the others keep what they began with."""
    if not given:
        return
    mine = owned(port.model)
    for name, array in tensors.load(Path(given)).items():
        if name not in mine:
            raise UsageError(f"{given}: the port has no tensor {name!r}")
        if tuple(array.shape) != tuple(mine[name].shape):
            found = f"{tuple(array.shape)} where the port has {tuple(mine[name].shape)}"
            raise UsageError(f"{given}: {name!r} is {found}")
        with torch.no_grad():
            mine[name].copy_(torch.tensor(array))


def probe(job: LookJob) -> list[Tensor]:
    """The inputs, in order."""
    arrays = tensors.load(Path(job.probe))
    wanted = [str(i) for i in range(len(job.load.inputs))]
    if sorted(arrays) != sorted(wanted):
        found = ", ".join(sorted(arrays))
        raise UsageError(f"{job.probe}: expected inputs {', '.join(wanted)}, found {found}")
    return [floats(arrays[name], job.load) for name in wanted]


def floats(array: Array, load: Load) -> Tensor:
    """Floating numbers in the load's dtype, others as they are."""
    x = torch.tensor(array).to(load.device)
    return x.to(getattr(torch, load.dtype)) if x.is_floating_point() else x


def cast(array: Array, shape: Iterable[int], dtype: torch.dtype, load: Load, name: str) -> Tensor:
    """An array for a tensor of this shape."""
    if tuple(array.shape) != tuple(shape):
        raise UsageError(f"what reaches {name!r} is {array.shape}, expected {tuple(shape)}")
    return torch.tensor(array).to(load.device, dtype)


def forward(port: Port, inputs: list[Tensor], recorder: Recorder | None = None) -> Any:
    """What the model returns. UsageError where it raises."""
    shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
    try:
        with (
            torch.compiler.set_stance("force_eager"),
            torch.set_grad_enabled(recorder is not None),
            as_user(),
            recorder or nullcontext(),
        ):
            return port.model(*inputs)
    except (Exception, SystemExit) as error:
        if not of_the_port(error):
            raise
        name = type(port.model).__name__
        raise UsageError(f"{name} raised {blamed(error)}; it was given {shapes}") from error


def of_the_port(error: BaseException) -> bool:
    """Whether an exception is the port's, and not our recording's own."""
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    ours = Path(innermost.filename).parent == Path(__file__).parent
    return not ours or innermost.name in (run.__name__, forward.__name__)


class Calibration(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
    """Sets running statistics, layer after layer, to those of what reaches them, a little off.

    Drawn ones would let numbers grow or die from layer to layer: two equal deep nets then differ
    by a third in float32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.random = np.random.default_rng(0)
        self.done: list[Tensor] = []  # a layer that is called twice is set by its first call

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if ops.name_of(function) == "batch_norm":
            call = ops.arguments(function, args, kwargs)
            mean = call["running_mean"]
            if mean is not None and not call["training"] and not any(mean is x for x in self.done):
                self.set(call["input"], mean, call["running_var"])
                self.done.append(mean)
        return run(function, args, kwargs)

    def set(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        """A channel without variance, which would make its scale infinite, is given 1."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        own_var, own_mean = torch.var_mean(x.double(), axes, correction=0)
        dead = own_var <= 1e-10 * (own_mean**2 + own_var.mean())
        own_var = torch.where(dead, torch.ones_like(own_var), own_var)
        shift = torch.from_numpy(self.random.standard_normal(len(own_mean))).to(x.device)
        factor = torch.from_numpy(self.random.uniform(0.5, 1.5, len(own_mean))).to(x.device)
        mean.copy_(own_mean + 0.1 * own_var.sqrt() * shift)
        var.copy_(own_var * factor)


# ---- parts of it, run again


def replay(job: ReplayJob, progress: Emit) -> dict[str, Any]:
    """Runs each unit by itself; what one raises is told and does not end the others."""
    port = next((port for port in kept if port.load == job.load), None)
    if port is None or job.training not in port.looked:
        raise UsageError("a replay needs a look at the same port, in the same mode, before it")
    looked = port.looked[job.training]
    source, _ = tensors.opened(Path(job.source))
    mine = owned(port.model)
    buffers = copies(port.model, parameters=False)
    repairs = {repair.node: repair for repair in job.repairs}
    failed = {}
    with tensors.Writer(Path(job.out)) as out:
        for unit in job.units:
            try:
                run = Run(port, looked, unit, source, mine)
                found = run_unit(run, job.training, repairs)
            except Exception as error:
                failed[unit.name] = blamed(error)
                continue
            finally:
                if job.training:
                    restore(buffers)
            for name, array in found.items():
                out.add(f"{unit.name}|{name}", array)
    return {"failed": failed}


class Run:
    """One unit on its way: what is known so far, by value."""

    def __init__(
        self,
        port: Port,
        looked: Looked,
        unit: Unit,
        source: Mapping[str, Array],
        mine: Mapping[str, Tensor],
    ) -> None:
        self.port, self.looked, self.unit, self.source = port, looked, unit, source
        self.mine = mine  # the port's tensors by name
        self.known: dict[str, Tensor] = {}
        self.made: dict[int, Tensor] = {}  # id of a value of parameters alone -> its numbers
        self.ran: list[Call] = []

    def feed(self, value: str, key: str, moves: Any) -> Tensor:
        """Numbers from the file, in the axes and the dtype in which the port held that value."""
        graph = self.looked.graph
        if value not in graph.dtypes:
            raise KeyError(f"the graph has no value {value!r}")
        array = moved(fed(self.source, key), moves)
        x = torch.tensor(array).to(self.port.load.device, getattr(torch, graph.dtypes[value]))
        expected = graph.shapes[value]
        if tuple(x.shape[x.ndim - len(expected) :]) != expected:
            raise ValueError(f"{value!r} was fed {tuple(x.shape)}, expected (N, {expected})")
        return x

    def value(self, value: Value) -> Tensor:
        """What a call reads; what is made of parameters alone is made here."""
        if value.name in self.known:
            return self.known[value.name]
        if id(value) not in self.made:
            if value.live or value.call is None:
                raise KeyError(f"{value.name!r} is neither fed to this unit nor made in it")
            self.run(value.call)
        return self.made[id(value)]

    def run(self, call: Call) -> None:
        """Runs one call on what is known."""
        self.ran.append(call)
        for value, tensor in zip(call.writes, call.again(self.value), strict=True):
            self.made[id(value)] = tensor
            if value.name:
                self.known[value.name] = tensor

    def repair(self, call: Call, repair: Repair) -> None:
        """Runs a call as the repair says; forward alone, since NumPy keeps no way back."""
        reads = [numbers(self.value(value)) for value in call.reads]
        if repair.kind:
            made = repaired(repair, reads)
        else:
            more = [numbers(self.known[other]) for other, _ in repair.more]
            made = done_before(repair, reads[repair.at], more)
        x = torch.tensor(made).to(self.port.load.device, getattr(torch, self.port.load.dtype))
        if repair.kind:
            self.known[call.writes[0].name] = self.made[id(call.writes[0])] = x
            return
        name = call.reads[repair.at].name
        kept, self.known[name] = self.known[name], x
        self.run(call)
        self.known[name] = kept

    def owned(self) -> dict[str, Tensor]:
        """The port's tensors that the calls read directly."""
        return {name: self.mine[name] for call in self.ran for name in call.tensors.values()}

    def statistics(self) -> dict[str, Tensor]:
        """The running statistics that the calls read, as they left them.

        torch's own batch norm changes the buffer. A port's own formula ran on a copy of it, and
        says nothing where it did not run to its end.
        """
        held, states = self.looked.graph.tensors, self.looked.states
        found = {name: x for name, x in self.owned().items() if held[name].statistic}
        left = {name: self.made.get(id(value)) for name, value in states.items()}
        found = {name: left.get(name, x) for name, x in found.items()}
        return {name: x for name, x in found.items() if x is not None}


def run_unit(run: Run, training: bool, repairs: Mapping[str, Repair]) -> dict[str, Array]:
    """The targets of a unit, and the gradients of its feeds and tensors."""
    unit = run.unit
    feeds = {value: run.feed(value, *fed) for value, fed in unit.feeds.items()}
    if unit.gradients:
        feeds = {
            name: x.requires_grad_() if x.is_floating_point() else x for name, x in feeds.items()
        }
    run.known |= feeds
    with torch.set_grad_enabled(bool(unit.gradients)):
        for name in unit.nodes:
            if name not in run.looked.calls:
                raise KeyError(f"the graph has no node {name!r}")
            if name in repairs:
                run.repair(run.looked.calls[name], repairs[name])
            else:
                run.run(run.looked.calls[name])
    found = {f"value:{name}": numbers(run.known[name]) for name in unit.targets}
    if unit.gradients:
        found |= unit_gradients(run, feeds)
    if training:
        found |= {f"statistic:{name}": numbers(x) for name, x in run.statistics().items()}
    return found


def unit_gradients(run: Run, feeds: Mapping[str, Tensor]) -> dict[str, Array]:
    """Of the feeds and of the tensors, as far as there is a path to them."""
    pairs = [(run.known[name], run.feed(name, *fed)) for name, fed in run.unit.gradients.items()]
    pairs = [(target, gradient) for target, gradient in pairs if target.requires_grad]
    wanted = {f"gradient:{name}": x for name, x in feeds.items()}
    wanted |= {f"gradient-of:{name}": x for name, x in run.owned().items()}
    wanted = {name: x for name, x in wanted.items() if x.requires_grad}
    if not pairs or not wanted:
        return {}
    targets, gradients = zip(*pairs, strict=True)
    found = torch.autograd.grad(targets, list(wanted.values()), gradients, allow_unused=True)
    made = zip(wanted, found, strict=True)
    return {name: fresh(gradient) for name, gradient in made if gradient is not None}
