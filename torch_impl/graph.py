"""Records one forward pass of a PyTorch port: every function that ran, and what it read and made.

Functions are seen as torch.overrides.TorchFunctionMode shows them: the outermost ones that a port
or one of torch's own layers calls. Each runs exactly as it was written; what it changes in place
is copied before, so that the numbers from before are not lost.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from common.called import Called, placed, written
from common.graph import Graph, Held, Node
from torch_impl import names, ops

# These read a tensor's shape or dtype and none of its numbers.
SHAPES = {
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like",
    "randint_like", "new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided",
}  # fmt: skip
FLAGS = {"requires_grad", "share_memory"}  # these return their tensor, and change no number of it
# These take numbers where no torch function is seen.
ESCAPES = {
    "numpy", "tolist", "item", "array", "float", "int", "index", "complex", "dlpack",
}  # fmt: skip


@dataclass(eq=False)
class Frame:
    """One call of a layer."""

    path: str
    leaf: bool  # a layer without layers inside it
    module: nn.Module
    given: dict[int, Value] = field(default_factory=dict)  # id of an argument -> what it held then


@dataclass(eq=False)
class View:
    """How a tensor was taken out of another, whose numbers it shares."""

    call: Call
    base: Tensor
    take: Callable[[Tensor], Tensor]

    def write(self, base: Tensor, part: Tensor) -> Tensor:
        """The base with other numbers in the part."""
        base = base.clone()
        self.take(base).copy_(part)
        return base


@dataclass(eq=False)
class Value:
    """What a tensor held from when it was made until it was changed."""

    tensor: Any  # let go of once the pass has been written down
    call: Call | None  # that made it; None: an input
    view: View | None = None
    numbers: Tensor | None = None  # a copy, once the tensor has changed
    stale: bool = False  # the tensor has changed by way of another that shares its numbers
    name: str = ""

    @property
    def live(self) -> bool:
        """Whether it depends on the inputs."""
        return self.call is None or self.call.live

    def held(self) -> Tensor:
        """The numbers."""
        return self.tensor if self.numbers is None else self.numbers


@dataclass(frozen=True)
class Slot:
    """Where a value goes among a call's arguments; as a copy where the call changes it."""

    value: Value
    changed: bool


@dataclass(frozen=True)
class Changed:
    """A constant that a call changes in place, as it was before."""

    tensor: Tensor


@dataclass(frozen=True)
class Returned:
    """A layer that has returned: what it was called with, and what it made."""

    path: str
    reads: list[Value]
    form: str
    places: list[str]  # of the tensors in what it returned
    made: list[Value | None]


def output_places(output: Any) -> list[str]:
    """Where the tensors of an output are found in it: "" where it is one."""
    return list(placed(output, lambda x: "" if isinstance(x, Tensor) else None))


@dataclass(eq=False)
class Call:
    """One function that ran, with slots among its arguments for what it read."""

    function: Any
    args: Any = ()
    kwargs: Any = field(default_factory=dict)
    reads: list[Value] = field(default_factory=list)
    writes: list[Value] = field(default_factory=list)
    kind: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)
    frame: Frame | None = None
    place: str = ""
    derived: bool = False  # nobody called it: it says what a change in place did to other tensors
    grad: bool = True  # whether gradients were on
    random: Tensor | None = None  # the generator's state, where the function drew from it
    live: bool = False  # whether it depends on the inputs

    def again(self, known: Callable[[Value], Tensor]) -> list[Tensor]:
        """Everything it makes of other numbers in its slots."""
        copies: dict[int, Tensor] = {}  # a tensor may be among the arguments twice

        def fill(leaf: Any) -> Any:
            if isinstance(leaf, Slot) and not leaf.changed:
                return known(leaf.value)
            if isinstance(leaf, (Slot, Changed)):
                found = known(leaf.value) if isinstance(leaf, Slot) else leaf.tensor
                return copies.setdefault(id(found), found.clone())
            return leaf

        args, kwargs = mapped(self.args, fill), mapped(self.kwargs, fill)
        with torch.set_grad_enabled(self.grad and torch.is_grad_enabled()):
            if self.random is not None:
                torch.set_rng_state(self.random)
            result = run(self.function, args, kwargs)
        made = tensors_in(result)
        return made + [copy for copy in copies.values() if not contains(made, copy)]


def run(function: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Calls the port's function; what is raised here is the port's, and not the recording's own."""
    return function(*args, **kwargs)


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The same tuples, lists, dicts and slices around changed leaves."""
    if isinstance(tree, torch.Size):
        return tree
    if isinstance(tree, tuple):
        parts = [mapped(part, change) for part in tree]
        if type(tree) is tuple:
            return tuple(parts)
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, list):
        return [mapped(part, change) for part in tree]
    if isinstance(tree, dict):
        return {key: mapped(part, change) for key, part in tree.items()}
    if isinstance(tree, slice):
        return slice(*(mapped(part, change) for part in (tree.start, tree.stop, tree.step)))
    return change(tree)


def tensors_in(tree: Any) -> list[Tensor]:
    """Every tensor among tuples, lists, dicts and slices, in order."""
    found: list[Tensor] = []

    def note(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            found.append(leaf)
        return leaf

    mapped(tree, note)
    return found


def contains(tensors: list[Tensor], wanted: Tensor) -> bool:
    """Whether it is one of them, the object itself."""
    return any(tensor is wanted for tensor in tensors)


def storage(tensor: Tensor) -> int:
    """What tensors that share numbers have in common."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):  # a sparse tensor has none
        return id(tensor)


def overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one storage have elements in common."""
    if one.dtype != other.dtype:
        return True
    size = one.untyped_storage().nbytes() // one.element_size()
    touched = torch.zeros(size, dtype=torch.bool)
    touched.as_strided(one.size(), one.stride(), one.storage_offset()).fill_(True)
    return bool(touched.as_strided(other.size(), other.stride(), other.storage_offset()).any())


def version(tensor: Tensor) -> tuple[Any, ...]:
    """What an operation in place changes; a tensor made in inference mode has no counter."""
    count = None if tensor.is_inference() else tensor._version
    return count, tensor.shape, tensor.stride()


def to_change(function: Any, args: Any, kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that a function is going to change in place, by its name and arguments."""
    name = getattr(function, "__name__", "")
    target = kwargs.get("out")
    if target is None:
        inplace = kwargs.get("inplace", False) or stated_inplace(function, args)
        if not inplace and name != "__setitem__" and not augmented(name):
            return []
        target = args[0] if args else kwargs.get("input", kwargs.get("tensor"))
    return tensors_in(target)


def augmented(name: str) -> bool:
    """add_ and __iadd__, but not __add__."""
    if name.endswith("__"):
        return name in INPLACE_OPERATORS
    return name.endswith("_")


WORDS = "add sub mul truediv div floordiv mod pow and or xor lshift rshift matmul"
INPLACE_OPERATORS = {f"__i{word}__" for word in WORDS.split()}


def stated_inplace(function: Any, args: Any) -> bool:
    """Whether `inplace` is among the arguments by position: F.relu(x, True)."""
    code = getattr(function, "__code__", None)
    if code is None or "inplace" not in code.co_varnames[: code.co_argcount]:
        return False
    i = code.co_varnames.index("inplace")
    return len(args) > i and args[i] is True


def part_of_constant(part: Tensor, call: Call) -> View | None:
    """How a tensor that is not followed was taken out of a larger one."""
    base = part._base
    if base is None:
        return None
    size, stride, offset = part.size(), part.stride(), part.storage_offset()
    return View(call, base, lambda source: source.as_strided(size, stride, offset))


class Recorder(TorchFunctionMode):
    """Notes every call while it is entered. One model, one pass."""

    active: Recorder | None = None  # the one that is entered

    def __init__(self, model: nn.Module, *, gradients: bool) -> None:
        super().__init__()
        self.model = model
        self.wanted = gradients
        self.calls: list[Call] = []
        self.returned: list[Returned] = []
        self.inputs: list[Value] = []
        self.latest: dict[int, Value] = {}  # id of a tensor -> what it holds now
        self.family: dict[int, dict[int, Value]] = {}  # storage -> id of a tensor -> the same
        self.constants: dict[int, Tensor] = {}  # made on the way, of nothing that is followed
        self.gradients: dict[Value, Tensor] = {}
        self.unseen: dict[str, None] = {}
        self.owned = {id(tensor): name for name, tensor in owned(model).items()}
        self.grounds = {storage(tensor): name for name, tensor in owned(model).items()}
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.frames = [Frame("", False, model)]
        self.busy = False
        self.exits = ExitStack()

    # ---- entering and leaving

    def __enter__(self) -> Recorder:
        super().__enter__()
        Recorder.active = self
        for handle in (
            hooks.register_module_forward_pre_hook(self.enter_layer),
            hooks.register_module_forward_hook(self.leave_layer, with_kwargs=True),
        ):
            self.exits.callback(handle.remove)
        return self

    def __exit__(self, *error: Any) -> None:
        self.exits.close()
        Recorder.active = None
        super().__exit__(*error)

    def enter_layer(self, module: nn.Module, args: Any) -> None:
        """A layer that the forward pass made itself belongs to the one around it."""
        path = self.paths.get(id(module))
        if path is None:
            self.frames.append(self.frames[-1])
        else:
            self.frames.append(Frame(path, not any(module.children()), module))
            for x in tensors_in(args):
                value = self.latest.get(id(x))
                if value is not None:
                    self.frames[-1].given[id(x)] = value

    def leave_layer(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        frame = self.frames.pop()
        if frame.module is not module:
            return  # made by the forward pass itself
        reads: list[Value] = []

        def slot(x: Any) -> str | None:
            value = frame.given.get(id(x)) or self.latest.get(id(x))
            if value is None or not isinstance(x, Tensor):
                return None
            reads.append(value)
            return f"x{len(reads) - 1}"

        form = written(args, kwargs, slot)
        made = [self.latest.get(id(x)) for x in tensors_in(output)]
        self.returned.append(Returned(frame.path, reads, form, output_places(output), made))

    def input(self, tensor: Tensor) -> None:
        """What the model is given next."""
        value = self.holds(tensor, None)
        value.name = f"input:{len(self.inputs)}"
        self.inputs.append(value)

    # ---- one function

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return self.record(function, args, kwargs or {})

    def record(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Runs the function and notes what it did; returns what it returned."""
        leaves = tensors_in((args, kwargs))
        targets = to_change(function, args, kwargs)
        before: dict[int, Value | None] = {}
        counts = [version(leaf) for leaf in leaves]
        if targets:
            before = {id(leaf): self.read(leaf) for leaf in leaves}
            copies = self.prepare(targets)
        state = torch.get_rng_state() if self.model.training else None
        self.busy = True
        try:
            result = run(function, args, kwargs)
        finally:
            self.busy = False
        made = tensors_in(result)
        counted = zip(leaves, counts, strict=True)
        bumped = [leaf for leaf, count in counted if count[0] is None or version(leaf) != count]
        changed = [target for target in targets if contains(bumped, target)]
        if not made and not changed:
            self.note_escape(function, leaves)
            return result
        if not targets:
            before = {id(leaf): self.read(leaf) for leaf in leaves}
            copies = {}
        announced = {storage(target) for target in changed}
        for leaf in bumped:
            if storage(leaf) in announced or id(leaf) not in self.latest or leaf.is_inference():
                continue
            self.miss(f"{ops.name_of(function)} changed what it reads, unannounced")
        if state is not None and torch.equal(state, torch.get_rng_state()):
            state = None
        return self.noted(function, args, kwargs, result, before, changed, copies, state)

    def noted(
        self,
        function: Any,
        args: Any,
        kwargs: dict[str, Any],
        result: Any,
        before: dict[int, Value | None],
        changed: list[Tensor],
        copies: dict[int, Tensor],
        state: Tensor | None,
    ) -> Any:
        """Notes a call that made or changed tensors; an argument that came back gets an alias."""
        leaves, made = tensors_in((args, kwargs)), tensors_in(result)
        name = ops.name_of(function)
        reads = [value for leaf in leaves if (value := before[id(leaf)]) is not None]
        held = [leaf for leaf in leaves if before[id(leaf)] is None and id(leaf) in self.owned]
        if name in FLAGS:
            return result
        if (not reads and not held) or name in SHAPES:
            for tensor in made:
                self.constants[id(tensor)] = tensor
            return result
        news = [x for x in made if not contains(held, x) or contains(changed, x)]
        if not news and not changed:
            return result  # a parameter as it is
        result, made = self.renamed(result, changed, held)

        def template(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            value, target = before[id(leaf)], contains(changed, leaf)
            if value is not None:
                return Slot(value, target)
            return Changed(copies[id(leaf)]) if target and id(leaf) in copies else leaf

        call = Call(function, mapped(args, template), mapped(kwargs, template), reads)
        call.live = any(value.live for value in reads)
        call.frame, call.place, call.random = self.frames[-1], place(), state
        call.grad = torch.is_grad_enabled()
        first = next(iter(made), changed[0] if changed else leaves[0])
        self.describe(call, args, kwargs, first, leaves, before)
        self.calls.append(call)
        writes = made + [target for target in changed if not contains(made, target)]
        for i, tensor in enumerate(writes):
            if contains(changed, tensor):
                self.changed(tensor, call, before[id(tensor)], copies)
            elif id(tensor) in self.owned:
                call.writes.append(Value(tensor, call))  # keeps the places of the others
            else:
                view = self.view(call, args, kwargs, leaves, tensor, i)
                call.writes.append(self.holds(tensor, call, view))
        return result

    def renamed(
        self, result: Any, changed: list[Tensor], held: list[Tensor]
    ) -> tuple[Any, list[Tensor]]:
        """What came back as it was (dropout, contiguous) as a tensor of its own, same numbers."""
        seen: list[Tensor] = []

        def change(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or contains(changed, leaf) or contains(held, leaf):
                return leaf
            if id(leaf) in self.latest or contains(seen, leaf):
                leaf = torch.ops.aten.alias(leaf)
            seen.append(leaf)
            return leaf

        result = mapped(result, change)
        return result, tensors_in(result)

    def describe(
        self,
        call: Call,
        args: Any,
        kwargs: dict[str, Any],
        first: Tensor,
        leaves: list[Tensor],
        before: dict[int, Value | None],
    ) -> None:
        """Kind, settings and tensors of a call; lists what it read that nobody has seen made."""
        module = self.frames[-1].module
        constants = {
            id(leaf) for leaf in leaves if before[id(leaf)] is None and id(leaf) not in self.owned
        }
        try:
            read, roles = ops.describe(call.function, args, kwargs, first, module, constants)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            read, roles = (ops.name_of(call.function), {}), {}
            self.miss(f"the settings of {read[0]} could not be read ({error!r})")
        call.kind, call.settings = read
        for i, leaf in enumerate(leaves):
            if before[id(leaf)] is not None:
                continue
            name = self.owned.get(id(leaf))
            if name is not None:
                if name.rpartition(".")[2] not in names.UNCOUNTED:
                    call.tensors[roles.get(id(leaf), f"operand{i}")] = name
            elif isinstance(leaf, nn.Parameter):
                self.miss(f"{call.kind} reads a parameter that the model does not register")
            elif leaf.grad_fn is not None and id(leaf) not in self.constants:
                self.miss(f"{call.kind} reads what no function that can be seen has made")

    # ---- which tensor holds what

    def holds(self, tensor: Tensor, call: Call | None, view: View | None = None) -> Value:
        """From now on the tensor holds a new value."""
        value = Value(tensor, call, view)
        self.latest[id(tensor)] = value
        self.family.setdefault(storage(tensor), {})[id(tensor)] = value
        if self.wanted and tensor.grad_fn is not None:
            node, i = tensor.grad_fn, tensor.output_nr

            def keep(gradients: tuple[Tensor | None, ...]) -> None:
                gradient = gradients[i]
                if gradient is not None:
                    self.gradients[value] = gradient

            node.register_prehook(keep)
        return value

    def read(self, tensor: Tensor) -> Value | None:
        """What the tensor holds; None where it does not come from anything that is followed."""
        value = self.latest.get(id(tensor))
        if value is None or not value.stale:
            return value
        base = self.read(value.view.base) if value.view is not None else None
        if value.view is None or base is None:
            value.stale = False
            self.miss("a tensor was changed by way of another that shares its numbers")
            return value
        seen = value.view.call
        call = self.derive(value.view.take, (base,), seen.kind, seen.settings)
        call.writes.append(self.holds(tensor, call, value.view))
        return call.writes[0]

    def derive(
        self, function: Any, reads: tuple[Value, ...], kind: str, settings: dict[str, Any]
    ) -> Call:
        """A call that nobody made, which says what became of a tensor."""
        call = Call(function, tuple(Slot(value, False) for value in reads), {}, list(reads))
        call.kind, call.settings, call.derived = kind, settings, True
        call.live = any(value.live for value in reads)
        call.frame, call.place, call.grad = self.frames[-1], place(), torch.is_grad_enabled()
        self.calls.append(call)
        return call

    def prepare(self, targets: list[Tensor]) -> dict[int, Tensor]:
        """Copies of all that is about to change; those of constants are returned."""
        copies = {}
        for target in targets:
            value = self.latest.get(id(target))
            while value is not None and value.view is not None:
                value = self.read(value.view.base)
            for other in self.relatives(target):
                if other.numbers is None:
                    other.numbers = other.tensor.detach().clone()
            for constant in (target, target._base):
                if constant is not None and id(constant) not in self.latest:
                    copies[id(constant)] = constant.detach().clone()
        return copies

    def relatives(self, target: Tensor) -> Iterator[Value]:
        """What the tensors hold that share numbers with this one, itself among them."""
        for value in list(self.family.get(storage(target), {}).values()):
            if value.tensor is target or overlap(value.tensor, target):
                yield value

    def changed(
        self, target: Tensor, call: Call, old: Value | None, copies: dict[int, Tensor]
    ) -> None:
        """The call has changed the tensor: so are those that it was taken from, and their parts."""
        touched = list(self.relatives(target))
        view = part_of_constant(target, call) if old is None else old.view
        value = self.holds(target, call, view)
        call.writes.append(value)
        if id(target) not in self.owned and storage(target) in self.grounds:
            self.miss(f"{call.kind} changes {self.grounds[storage(target)]!r} in place")
        fresh = {id(target)}
        while value.view is not None:
            base = value.view.base
            known = self.latest.get(id(base))
            if known is not None:
                made = self.derive(value.view.write, (known, value), "assign", {})
            elif id(base) in copies:
                made = self.derive(
                    partial(value.view.write, copies[id(base)]), (value,), "assign", {}
                )
            else:
                break
            value = self.holds(base, made, known.view if known is not None else None)
            made.writes.append(value)
            fresh.add(id(base))
        for other in touched:
            other.stale = id(other.tensor) not in fresh

    def view(
        self, call: Call, args: Any, kwargs: Any, leaves: list[Tensor], made: Tensor, i: int
    ) -> View | None:
        """How the i-th thing that a call made was taken out of one that it read."""
        shared = [leaf for leaf in leaves if storage(leaf) == storage(made)]
        if not shared:
            return None
        base = shared[0]
        marker = object()
        marked, named = mapped((args, kwargs), lambda x: marker if x is base else x)
        function = call.function

        def take(source: Tensor) -> Tensor:
            filled = mapped((marked, named), lambda x: source if x is marker else x)
            return tensors_in(function(*filled[0], **filled[1]))[i]

        return View(call, base, take)

    # ---- what could not be recorded

    def note_escape(self, function: Any, leaves: list[Tensor]) -> None:
        """Numbers that leave for Python or NumPy may come back unseen."""
        name = ops.name_of(function)
        values = [self.latest[id(leaf)] for leaf in leaves if id(leaf) in self.latest]
        if name in ESCAPES and any(value.live for value in values):
            self.miss(f"{name} takes numbers to where they cannot be followed")
        if getattr(function, "__name__", "") == "__set__" and values:
            self.miss(f"{name} puts other numbers into a tensor")

    def miss(self, what: str) -> None:
        at, layer = place(), self.frames[-1].path
        where = at or layer or "the model"
        self.unseen[f"{where}: {what}"] = None

    # ---- the graph

    def graph(self, returned: Any) -> tuple[Graph, dict[str, Call], dict[str, Value]]:
        """The graph; its calls by the names of nodes; what its outputs and other values hold."""
        graph = Graph(channels="first")
        outputs = self.outputs(returned, graph)
        kept, needed = self.kept([outputs[name] for name in outputs])
        calls = {name: call for name, call in zip(named(kept), kept, strict=True)}
        values = {value.name: value for value in self.inputs}
        for name, call in calls.items():
            writes = [value for value in call.writes if value in needed or listed(call, value)]
            for i, value in enumerate(writes):
                value.name = f"{name}:{i}" if len(writes) > 1 else name
                values[value.name] = value
        graph.outputs = {name: value.name for name, value in outputs.items()}
        graph.nodes = [node(name, call) for name, call in calls.items()]
        for name, value in values.items():
            shape = tuple(value.held().shape)
            graph.shapes[name] = shape[1:] if value.live else shape
            graph.dtypes[name] = str(value.held().dtype).removeprefix("torch.")
        graph.tensors = self.held(graph.nodes)
        graph.unseen = list(self.unseen)
        graph.calls = [known for each in self.returned if (known := called(each)) is not None]
        return graph, calls, values

    def states(self) -> dict[str, Value]:
        """What the recorded functions left in the model's buffers, by name."""
        buffers = owned(self.model).items()
        return {name: self.latest[id(x)] for name, x in buffers if id(x) in self.latest}

    def outputs(self, returned: Any, graph: Graph) -> dict[str, Value]:
        """Every tensor that the model returned, by name."""
        found = {}
        for name, tensor in leaves_of(returned):
            value = self.read(tensor)
            if value is None:
                self.unseen[f"output {name!r} is made of nothing that was recorded"] = None
            else:
                found[name] = value
        return found

    def kept(self, outputs: list[Value]) -> tuple[list[Call], set[Value]]:
        """Calls that made numbers out of the inputs, and all that those or the outputs needed."""
        needed = set(outputs)
        kept = []
        for call in reversed(self.calls):
            own = any(listed(call, value) for value in call.writes)
            if own or any(value in needed for value in call.writes):
                kept.append(call)
                needed.update(call.reads)
        return kept[::-1], needed

    def held(self, nodes: list[Node]) -> dict[str, Held]:
        """What the port owns: what its state_dict holds, and other buffers that were read."""
        read = {name for node in nodes for name in node.tensors.values()}
        return {
            name: Held(
                tuple(tensor.shape),
                str(tensor.dtype).removeprefix("torch."),
                isinstance(tensor, nn.Parameter) and tensor.requires_grad,
                name.rpartition(".")[2] in ("running_mean", "running_var"),
                at=reached(name, tensor),
            )
            for name, tensor in owned(self.model).items()
            if is_listed(self.model, name) or name in read
        }


def back_through(calls: Iterable[Call], reaching: Mapping[Value, Tensor]) -> dict[Value, Tensor]:
    """Gradients of all values, from call to call, each run again alone.

    This is for a port that changes a part of a tensor in place: what such a part held has no
    gradient in PyTorch's own graph, which knows the whole tensor alone.
    """
    found = dict(reaching)
    for call in reversed(list(calls)):
        with torch.enable_grad():
            fresh = {
                value: value.held().detach().clone().requires_grad_()
                for value in call.reads
                if value.held().is_floating_point()
            }
            made = call.again(lambda value, fresh=fresh: fresh.get(value, value.held()))
        pairs = [
            (tensor, found[value])
            for value, tensor in zip(call.writes, made, strict=True)
            if value in found and tensor.requires_grad
        ]
        if pairs and fresh:
            targets, gradients = zip(*pairs, strict=True)
            wanted = list(fresh.values())
            reached = torch.autograd.grad(targets, wanted, gradients, allow_unused=True)
            for value, gradient in zip(fresh, reached, strict=True):
                if gradient is not None:
                    found[value] = found[value] + gradient if value in found else gradient
    return found


def listed(call: Call, value: Value) -> bool:
    """Whether a value counts without being read: numbers that a function made of the inputs."""
    return call.live and not call.derived and value.tensor.is_floating_point()


def named(calls: list[Call]) -> list[str]:
    """A name for each: the layer's where it made one call alone, else "layer/op"."""
    alone = Counter(call.frame for call in calls)
    used: Counter[str] = Counter()
    found = []
    for call in calls:
        frame = call.frame
        assert frame is not None
        name = frame.path
        if not (frame.leaf and frame.path and alone[frame] == 1):
            name = f"{frame.path}/{call.kind}".lstrip("/")
        used[name] += 1
        found.append(name if used[name] == 1 else f"{name}#{used[name]}")
    return found


def node(name: str, call: Call) -> Node:
    assert call.frame is not None
    return Node(
        name,
        call.kind,
        tuple(value.name for value in call.reads),
        tuple(value.name for value in call.writes if value.name),
        call.tensors,
        call.settings,
        call.frame.path,
        call.place,
    )


def called(returned: Returned) -> Called | None:
    """By names; None where it read or made what the graph does not keep."""
    reads = tuple(value.name for value in returned.reads)
    values = zip(returned.places, returned.made, strict=False)
    writes = {at: value.name for at, value in values if value is not None and value.name}
    if not writes or not all(reads):
        return None
    at = f'model.get_submodule("{returned.path}")' if returned.path else "model"
    return Called(returned.path, at, reads, returned.form, writes)


def reached(name: str, tensor: Tensor) -> str:
    """What reaches a tensor from `model`, as Python."""
    kind = "parameter" if isinstance(tensor, nn.Parameter) else "buffer"
    return f'model.get_{kind}("{name}")'


def owned(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer, layer after layer; one that is tied has its first name."""
    found: dict[int, tuple[str, Tensor]] = {}
    for path, module in model.named_modules():
        for own in (module._parameters, module._buffers):
            for name, tensor in own.items():
                if tensor is not None and id(tensor) not in found:
                    found[id(tensor)] = (f"{path}.{name}".lstrip("."), tensor)
    return dict(found.values())


def is_listed(model: nn.Module, name: str) -> bool:
    """Whether a tensor is the model's own: no counter, and no buffer that is a constant."""
    path, _, own = name.rpartition(".")
    module = model.get_submodule(path)
    return own not in names.UNCOUNTED and own not in module._non_persistent_buffers_set


def leaves_of(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of what a model returned, by keys, fields and places, joined by dots."""
    if isinstance(tree, Tensor):
        yield path or "0", tree
        return
    if isinstance(tree, Mapping):
        parts = [(str(key), part) for key, part in tree.items()]
    elif is_dataclass(tree) and not isinstance(tree, type):
        parts = [(part.name, getattr(tree, part.name)) for part in fields(tree)]
    elif hasattr(tree, "_fields"):
        parts = list(zip(tree._fields, tree, strict=True))
    elif isinstance(tree, (tuple, list)):
        parts = [(str(i), part) for i, part in enumerate(tree)]
    else:
        return
    for name, part in parts:
        yield from leaves_of(part, f"{path}.{name}".lstrip("."))


OURS = {Path(__file__).parent, Path(__file__).parents[1] / "common"}
LIBRARY = sysconfig.get_path("stdlib")


@cache
def is_users(file: str) -> bool:
    """Whether a source file is a port's: no package that was installed, and no part of this."""
    installed = "site-packages" in file or "dist-packages" in file
    return not (installed or file.startswith(("<", LIBRARY)) or Path(file).parent in OURS)


def place() -> str:
    """ "net.py:31", the innermost line that runs and is the port's."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


# ---- functions with a backward of their own, which no mode sees


class Opaque:
    """What `apply` of a torch.autograd.Function does."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.__name__ = owner.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return APPLY(self.owner, *args, **kwargs)


APPLY = vars(torch.autograd.Function)["apply"].__func__


def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """One call of the graph, whatever happens inside: its gradient is not that of its parts."""
    recorder = Recorder.active
    if recorder is None or recorder.busy:
        return APPLY(cls, *args, **kwargs)
    with torch._C.DisableTorchFunction():
        return recorder.record(Opaque(cls), args, kwargs)


# A port may keep `apply` under a name of its own as soon as it is imported.
torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment]
