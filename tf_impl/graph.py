"""Records one forward pass of a Keras port: layers, functions, and what TensorFlow ran besides.

Three things are recognised, each hiding what runs inside it: a layer of Keras' own that holds no
other, a function of keras.ops or keras.activations, an op that TensorFlow ran. What a user's layer
computes is seen as what it is made of. Tensors are told apart by identity; what reads neither a
known value, nor a tensor of the port, nor a constant ends in `unseen`.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.backend.common.variables import Variable as KerasVariable
from keras.src.ops.operation import Operation
from tensorflow.python.eager import context, execute
from tensorflow.python.framework import op_callbacks
from tensorflow.python.framework.ops import _EagerTensorBase

from common.called import Called, placed, written
from common.graph import Graph, Held, Node
from tf_impl import on_cpu, ops, places

Variable = Any  # a keras.Variable or a tf.Variable
ACTIVE: list[Recorder] = []  # the one that listens, if any

# Functions that run others given to them, or only make or ask: what they do is seen by itself.
TRANSPARENT = {
    "associative_scan", "cond", "custom_gradient", "fori_loop", "map", "scan", "switch",
    "vectorized_map", "vectorize", "while_loop", "convert_to_numpy", "convert_to_tensor", "dtype",
    "is_tensor", "shape", "ndim", "size", "shape_equal", "array", "rearrange",
}  # fmt: skip
SHAPES = {"Shape", "ShapeN", "Rank", "Size"}  # do not depend on the numbers that they read
HARMLESS = {"__init__", "get_config", "from_config", "__module__", "__doc__", "__qualname__"}
FUSED = (
    layers.Dense,
    layers.EinsumDense,
    *(getattr(layers, f"Conv{n}D").__base__ for n in (1, 2, 3)),
    *(getattr(layers, f"Conv{n}DTranspose").__base__ for n in (1, 2, 3)),
    *(getattr(layers, f"DepthwiseConv{n}D").__base__ for n in (1, 2)),
    *(getattr(layers, f"SeparableConv{n}D").__base__ for n in (1, 2)),
)
CALLS = {  # classes of Keras' own with a call that a user's class may inherit
    base
    for kind in ops.LAYERS
    for base in kind.__mro__
    if "call" in vars(base) and base.__module__.startswith("keras.src.layers.")
    if base is not layers.Layer
}
LOOPS = (layers.RNN, layers.Bidirectional, layers.TimeDistributed)  # one node, whatever they hold


# ------------------------------------------------------------------------ the templates


@dataclass(frozen=True)
class Slot:
    """Where a value goes."""

    key: int


@dataclass(frozen=True)
class Owned:
    """Where a tensor of the port goes: read ("tensor"), itself ("variable") or its "handle"."""

    name: str
    form: str


@dataclass
class Entry:
    """One node while the pass goes on, and how it is run again."""

    path: str  # of the layer that it is, or that ran it
    op: str  # empty where the layer is all there is
    kind: str
    settings: dict[str, Any]
    reads: list[int]
    tensors: dict[str, str]
    writes: list[int]
    leaves: list[int]  # which tensors of the output the writes are
    run: Callable[..., Any]
    args: Any  # with Slot and Owned where something goes
    kwargs: Any
    seeds: list[tuple[Variable, Any]] = field(default_factory=list)  # as it found them
    masks: dict[int, Any] = field(default_factory=dict)  # key -> Keras' mask on the value
    layer: str = ""
    place: str = ""


@dataclass
class Pass:
    """What a recorded pass leaves: the graph, its values, and each node's template."""

    graph: Graph
    names: dict[int, str]  # key -> value
    values: dict[str, Any]  # value -> tensor
    entries: dict[str, Entry]  # by the node's name
    from_inputs: set[str]  # values that depend on what the model was given
    suspects: list[np.ndarray[Any, Any]]  # constants that were made on the way


def is_eager(x: Any) -> bool:
    return isinstance(x, _EagerTensorBase)


def is_variable(x: Any) -> bool:
    return isinstance(x, (keras.Variable, tf.Variable))


def handle(variable: Variable) -> Any:
    """What TensorFlow knows a variable by."""
    return (variable._value if isinstance(variable, keras.Variable) else variable).handle


def parts(x: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf of tuples, lists, dicts and dataclasses, with its keys, indices or fields."""
    if isinstance(x, Mapping):
        inside = [(str(key), value) for key, value in x.items()]
    elif isinstance(x, tuple) and hasattr(x, "_fields"):
        inside = list(zip(x._fields, x, strict=True))
    elif isinstance(x, (tuple, list)):
        inside = [(str(index), value) for index, value in enumerate(x)]
    elif dataclasses.is_dataclass(x) and not isinstance(x, type):
        inside = [(f.name, getattr(x, f.name)) for f in dataclasses.fields(x)]
    else:
        yield path, x
        return
    for key, value in inside:
        yield from parts(value, (*path, key))


def mapped(change: Callable[[Any], Any], x: Any) -> Any:
    """The same tuples, lists, dicts and dataclasses around changed leaves."""
    if isinstance(x, Mapping):
        return {key: mapped(change, value) for key, value in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(mapped(change, value) for value in x))
    if isinstance(x, (tuple, list)):
        return (list if isinstance(x, list) else tuple)(mapped(change, value) for value in x)
    if dataclasses.is_dataclass(x) and not isinstance(x, (type, Slot, Owned)):
        inside = {f.name: mapped(change, getattr(x, f.name)) for f in dataclasses.fields(x)}
        return dataclasses.replace(x, **inside)
    return change(x)


# ------------------------------------------------------------------------- the recorder


class Recorder:
    """Listens to one forward pass."""

    def __init__(
        self,
        model: layers.Layer,
        paths: Mapping[int, str],
        variables: Mapping[str, Variable],
        inputs: Sequence[Any],
        last: bool,
        tape: tf.GradientTape | None = None,
        at: Mapping[int, str] | None = None,
    ) -> None:
        self.paths, self.last, self.tape = paths, last, tape
        self.at = at or {}  # identity of a layer or a variable -> what reaches it from `model`
        self.returned: list[Returned] = []
        self.root = model
        self.owned = {id(v): name for name, v in variables.items()}
        self.owned |= {
            id(v._value): name for name, v in variables.items() if isinstance(v, keras.Variable)
        }
        self.variables = variables
        self.handles = {handle(v)._id: name for name, v in variables.items()}
        self.entries: list[Entry] = []
        self.known: dict[int, int] = {}  # tensor -> key
        self.tensors: list[Any] = []  # by key; also keeps what is told apart by identity alive
        self.from_inputs: set[int] = set()
        self.read: dict[int, str] = {}  # tensor -> the variable it was read from
        self.made: set[int] = set()  # tensors made of constants alone
        self.suspects: list[np.ndarray[Any, Any]] = []
        self.unseen: list[str] = []
        self.stack: list[str] = []
        self.failed = ""  # the innermost layer that raised
        self.depth = 0
        self.region: Region | None = None
        self.inputs = [self.key(x) for x in inputs]
        self.from_inputs |= set(self.inputs)
        self.first = tf.constant(0)._id  # what is older was there before the pass

    def key(self, tensor: Any) -> int:
        self.tensors.append(tensor)
        self.known[tensor._id] = len(self.tensors) - 1
        return len(self.tensors) - 1

    def listens(self) -> bool:
        return self.depth == 0 and tf.executing_eagerly()

    def note(self, text: str) -> None:
        """Something that ran and was not seen."""
        place = places.now()
        text = f"{text} ({place})" if place else text
        if text not in self.unseen:
            self.unseen.append(text)

    @contextmanager
    def hidden(self, region: Region) -> Iterator[None]:
        """What runs inside belongs to one node; compiled functions are left compiled."""
        self.depth, before, self.region = self.depth + 1, self.region, region
        tf.config.run_functions_eagerly(False)
        try:
            yield
        finally:
            self.depth, self.region = self.depth - 1, before
            tf.config.run_functions_eagerly(self.depth == 0)

    # ------------------------------------------------------------------ what is recognised

    def layer(self, original: Callable[..., Any], x: layers.Layer, args: Any, kwargs: Any) -> Any:
        """A layer's call: one node, or a name for what runs inside."""
        if not self.listens():
            return original(x, *args, **kwargs)
        path = self.path(x)
        if is_atomic(x):
            output = self.atomic(original, x, path, args, kwargs)
            self.has_returned(x, path, args, kwargs, output)
            return output
        self.stack.append(path)
        try:
            output = original(x, *args, **kwargs)
        except BaseException:
            self.failed = self.failed or path
            raise
        finally:
            self.stack.pop()
        self.has_returned(x, path, args, kwargs, output)
        return output

    def has_returned(
        self, x: layers.Layer, path: str, args: Any, kwargs: Any, output: Any, **form: str
    ) -> None:
        """Notes a layer's call, where the port holds it and values went in and came out."""
        at = self.at.get(id(x))
        if at is None:
            return
        reads: list[int] = []

        def slot(leaf: Any) -> str | None:
            if not is_eager(leaf) or leaf._id not in self.known:
                return None
            reads.append(self.known[leaf._id])
            return f"x{len(reads) - 1}"

        given = {name: value for name, value in kwargs.items() if name != "training"}
        text = written(args, given, slot)
        made = placed(output, lambda y: str(self.known.get(y._id, "")) if is_eager(y) else None)
        writes = {where: int(key) for where, key in made.items() if key}
        own = {"at": at, "first": "", **form}
        self.returned.append(Returned(path, own["at"], reads, text, writes, own["first"]))

    def path(self, x: layers.Layer) -> str:
        if id(x) in self.paths:
            return self.paths[id(x)]
        return ".".join([*filter(None, self.stack[-1:]), x.name])

    def atomic(
        self,
        original: Callable[..., Any],
        x: layers.Layer,
        path: str,
        args: Any,
        kwargs: Any,
        inside: bool = False,
    ) -> Any:
        """A layer of Keras' own; what it does to its own output is a node of its own.

        `inside`: a user's layer ran the call that it inherits, and may do more.
        """
        own = fused_activation(x)
        region = Region(x)
        seeds = [(v, v.numpy()) for v in seeds_of(x)]
        try:
            with self.hidden(region), without_activation(x, own):
                output = mapped(self.anew, original(x, *args, **kwargs))
        except BaseException:
            self.failed = self.failed or path
            raise
        if not inside:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"} | region.training
        if x.weights and id(x) not in self.paths:
            self.note(f"{path}: a layer that the port does not hold, with weights of its own")
        read = [leaf for _, leaf in parts((args, kwargs)) if is_eager(leaf)]
        made = [leaf for _, leaf in parts(output) if is_eager(leaf)]
        tensors: dict[str, str] = {}
        for v in x.weights:
            if id(v) in self.owned:
                add_role(tensors, ops.role(x, v.name), self.owned[id(v)])
        entry = self.add(
            functools.partial(call_layer, original, x, own),
            args,
            kwargs,
            output,
            lambda: ops.of_layer(x, read[0], made[0], self.last),
            tensors,
            region,
            path=path or x.name,
            named=(),
        )
        if entry is not None:
            entry.seeds = seeds
            entry.layer = path or x.name
            entry.op = ops.snake(entry.kind) if inside else ""
        if own is None:
            return output
        self.stack.append(path)
        try:
            mask = [keras.src.backend.get_keras_mask(y) for y in made]
            before, output = output, own(output)
            at = self.at.get(id(x), "")
            first = f"{at}.activation = None"
            if not inside:
                self.has_returned(x, path, args, kwargs, before, first=first)
            self.has_returned(x, path, [before], {}, output, at=f"{at}.activation")
            if len(mask) == 1 and mask[0] is not None:
                keras.src.backend.set_keras_mask(output, mask[0])
            return output
        finally:
            self.stack.pop()

    def anew(self, leaf: Any) -> Any:
        """A tensor of its own where a layer hands on what it was given."""
        if not is_eager(leaf) or not (leaf._id in self.known or leaf._id in self.read):
            return leaf
        mask = keras.src.backend.get_keras_mask(leaf)
        copy = tf.identity(leaf)
        if mask is not None:
            keras.src.backend.set_keras_mask(copy, mask)
        return copy

    def function(
        self,
        run: Callable[..., Any],
        name: str,
        args: Any,
        kwargs: Any,
        arguments: Callable[[], dict[str, Any]],
    ) -> Any:
        """A function of keras.ops or keras.activations, or an operation of a functional graph."""
        region = Region(None)
        seeds = [(v.state, v.state.numpy()) for _, v in parts((args, kwargs)) if is_seed(v)]
        with self.hidden(region):
            output = run(*args, **kwargs)
        made = [leaf for _, leaf in parts(output) if is_eager(leaf)]
        if not made or all(y._id in self.known or y._id in self.read for y in made):
            return output  # nothing is new
        named = list(arguments().items())
        entry = self.add(
            run,
            args,
            kwargs,
            output,
            lambda: ops.of_function(
                name, {k: mapped(self.shown, v) for k, v in named}, made[0], self.last
            ),
            {},
            region,
            path=self.stack[-1] if self.stack else "",
            named=[(ops.function_role(name, k, i), v) for i, (k, v) in enumerate(named)],
        )
        if entry is not None:
            entry.seeds = seeds
        return output

    def op(
        self,
        op_type: Any,
        inputs: Any,
        attrs: Any,
        outputs: Any,
        op_name: Any = None,
        graph: Any = None,
    ) -> None:
        """An op that TensorFlow ran; its own callback."""
        if graph is not None or not all(map(is_eager, [*inputs, *outputs])):
            return
        op = op_type.decode() if isinstance(op_type, bytes) else str(op_type)
        if self.region is not None:
            self.region.see(self, op, inputs, outputs)
            return
        if op == "ReadVariableOp":
            self.read_variable(inputs[0], outputs[0])
            return
        if not outputs or op in SHAPES:
            self.made |= {y._id for y in outputs}
            return
        if op.startswith("__") or op.endswith("PartitionedCall"):
            self.note(f"{op}: a compiled function, nothing inside it was seen")
        for x in inputs:
            if self.is_new(x):
                self.unread(x)
        pairs = dict(zip(attrs[::2], attrs[1::2], strict=True))
        output = list(outputs)
        self.add(
            functools.partial(call_op, op, pairs, len(output)),
            list(inputs),
            {},
            output,
            lambda: ops.of_op(op, pairs, mapped(self.shown, list(inputs)), output[0], self.last),
            {},
            Region(None),
            path=self.stack[-1] if self.stack else "",
            named=[(ops.op_role(op, i), x) for i, x in enumerate(inputs)],
        )

    def read_variable(self, source: Any, tensor: Any) -> None:
        if source._id in self.handles:
            self.read[tensor._id] = self.handles[source._id]
            self.tensors.append(tensor)
        elif tensor.dtype.is_floating:
            self.note("a variable was read that the port does not hold")

    def unread(self, tensor: Any) -> None:
        """TensorFlow reads a tf.Variable that is an op's argument by itself, and says nothing."""
        fits = [
            name
            for name, v in self.variables.items()
            if isinstance(v, tf.Variable)
            and v.dtype == tensor.dtype
            and v.shape == tensor.shape
            and np.array_equal(v.numpy(), tensor.numpy())
        ]
        if len(fits) == 1:
            self.read[tensor._id] = fits[0]
            self.tensors.append(tensor)

    def shown(self, leaf: Any) -> Any:
        """A constant as an array, for the settings; values and the port's tensors as they are."""
        if not is_eager(leaf) or self.leaf(leaf) is not leaf or leaf.dtype == tf.resource:
            return leaf
        return leaf.numpy()

    # --------------------------------------------------------------------------- keeping

    def leaf(self, x: Any) -> Any:
        """What stands for an argument in a template."""
        if is_variable(x) and id(x) in self.owned:
            return Owned(self.owned[id(x)], "variable")
        if not is_eager(x):
            return x
        if x._id in self.known:
            return Slot(self.known[x._id])
        if x._id in self.read:
            return Owned(self.read[x._id], "tensor")
        return Owned(self.handles[x._id], "handle") if x._id in self.handles else x

    def add(
        self,
        run: Callable[..., Any],
        args: Any,
        kwargs: Any,
        output: Any,
        describe: Callable[[], ops.Described],
        tensors: dict[str, str],
        region: Region,
        path: str,
        named: Sequence[tuple[str, Any]],
    ) -> Entry | None:
        """A node, where it reads anything that is not constant."""
        found = [(leaf, self.leaf(leaf)) for _, leaf in parts((args, kwargs))]
        reads = [mark.key for _, mark in found if isinstance(mark, Slot)]
        for argument, value in named:
            for index, (_, leaf) in enumerate(parts(value)):
                mark = self.leaf(leaf)
                if isinstance(mark, Owned):
                    many = argument.startswith("operand") and isinstance(value, (tuple, list))
                    add_role(tensors, f"operand{index}" if many else argument, mark.name)
        for name in region.variables:
            if name not in tensors.values():
                add_role(tensors, name.rpartition(".")[2], name)
        made = [(i, y) for i, y in enumerate(leaf for _, leaf in parts(output) if is_eager(leaf))]
        if not reads and not tensors:
            self.made |= {y._id for _, y in made}
            return None
        for leaf, mark in found:
            if leaf is mark:
                self.suspect(leaf)
        kind, settings = self.described(describe, path)
        if region.others - set(reads):
            self.note(f"{path or kind}: {kind} reads a value that is none of its arguments")
        masks = {
            self.known[x._id]: keras.src.backend.get_keras_mask(x)
            for x, mark in found
            if isinstance(mark, Slot) and keras.src.backend.get_keras_mask(x) is not None
        }
        leaves, writes = [], []
        for index, y in made:
            if y._id not in self.known and y.dtype not in (tf.resource, tf.variant):
                leaves.append(index)
                writes.append(self.key(y))
                if self.tape is not None and y.dtype.is_floating:
                    self.tape.watch(y)  # what is made of whole numbers is not, by itself
        if self.from_inputs & set(reads):
            self.from_inputs |= set(writes)
        layer = len(named) == 0
        entry = Entry(
            path,
            "" if layer else ops.snake(kind),
            kind,
            settings,
            reads,
            tensors,
            writes,
            leaves,
            run,
            mapped(self.leaf, args),
            mapped(self.leaf, kwargs),
            masks=masks,
            layer=path,
            place=places.now(),
        )
        self.entries.append(entry)
        return entry

    def described(self, describe: Callable[[], ops.Described], path: str) -> ops.Described:
        """Kind and settings. Reading them runs ops of its own, which nobody records."""
        with self.hidden(Region(None)):
            return describe()

    def is_new(self, x: Any) -> bool:
        """Made during the pass, by nothing that was seen."""
        fresh = is_eager(x) and x.dtype.is_floating and x._id > self.first
        return fresh and self.leaf(x) is x and x._id not in self.made

    def suspect(self, x: Any) -> None:
        """A constant of several numbers, made on the way: a second pass says whether it is one."""
        if self.is_new(x):
            x = x.numpy()
        if isinstance(x, np.ndarray) and x.size > 1 and np.issubdtype(x.dtype, np.floating):
            self.suspects.append(x)

    def left(self, tensor: Any) -> None:
        """A value's numbers were asked for: what is made of them cannot be followed."""
        if self.depth:
            return
        if self.known.get(tensor._id) in self.from_inputs:
            self.note("a value left TensorFlow as numbers; what was made of them is not known")
        elif tensor._id in self.read:
            self.note(f"{self.read[tensor._id]} was read as numbers")

    # --------------------------------------------------------------------------- the end

    def finish(self, output: Any) -> Pass:
        """The graph of what was recorded, for what the model returned."""
        outputs: dict[str, int] = {}
        for path, leaf in parts(output):
            name = ".".join(path) or "0"
            if is_eager(leaf) and leaf._id in self.known:
                outputs[name] = self.known[leaf._id]
            elif leaf is not None:
                self.note(f"output {name}: a {type(leaf).__name__} that no node made")
        kept = self.kept(set(outputs.values()))
        names = {key: f"input:{i}" for i, key in enumerate(self.inputs)}
        entries: dict[str, Entry] = {}
        for entry in kept:
            name = unique(f"{entry.path}/{entry.op}".strip("/"), entries)
            entries[name] = entry
            many = len(entry.writes) > 1
            names |= {k: f"{name}:{i}" if many else name for i, k in enumerate(entry.writes)}
        graph = Graph(
            nodes=[self.node(name, entry, names) for name, entry in entries.items()],
            outputs={name: names[key] for name, key in outputs.items()},
            shapes={name: tuple(self.tensors[key].shape[1:]) for key, name in names.items()},
            dtypes={name: self.tensors[key].dtype.name for key, name in names.items()},
            tensors={
                name: held(name, v, self.at.get(id(v), "")) for name, v in self.variables.items()
            },
            channels="last" if self.last else "first",
            unseen=self.unseen,
            calls=[known for each in self.returned if (known := called(each, names)) is not None],
        )
        values = {name: self.tensors[key] for key, name in names.items()}
        from_inputs = {names[key] for key in self.from_inputs if key in names}
        return Pass(graph, names, values, entries, from_inputs, self.suspects)

    def kept(self, needed: set[int]) -> list[Entry]:
        """Without what leads nowhere: whole numbers, and what is made of tensors alone."""
        found = []
        for entry in reversed(self.entries):
            if entry.kind == "batch_norm" and entry.op and len(entry.writes) > 1:
                used = [i for i, key in enumerate(entry.writes) if not i or key in needed]
                entry.leaves = [entry.leaves[i] for i in used]
                entry.writes = [entry.writes[i] for i in used]
            floats = any(
                self.tensors[k].dtype.is_floating and k in self.from_inputs for k in entry.writes
            )
            if floats or needed & set(entry.writes):
                needed |= set(entry.reads)
                found.append(entry)
        return found[::-1]

    def node(self, name: str, entry: Entry, names: Mapping[int, str]) -> Node:
        return Node(
            name,
            entry.kind,
            tuple(names[key] for key in entry.reads),
            tuple(names[key] for key in entry.writes),
            entry.tensors,
            entry.settings,
            entry.layer,
            entry.place,
        )


@dataclass(frozen=True)
class Returned:
    """A layer that has returned: what it was called with, and what it made, by key."""

    path: str
    at: str
    reads: list[int]
    form: str
    writes: dict[str, int]
    first: str


def called(returned: Returned, names: Mapping[int, str]) -> Called | None:
    """By names; None where it read or made what the graph does not keep."""
    writes = {at: names[key] for at, key in returned.writes.items() if key in names}
    if not writes or not all(key in names for key in returned.reads):
        return None
    reads = tuple(names[key] for key in returned.reads)
    return Called(returned.path, returned.at, reads, returned.form, writes, returned.first)


@dataclass
class Region:
    """What runs inside one node."""

    layer: layers.Layer | None
    training: dict[str, Any] = field(default_factory=dict)  # what reached the layer's call
    others: set[int] = field(default_factory=set)  # values read inside
    variables: list[str] = field(default_factory=list)  # variables read inside

    def see(self, recorder: Recorder, op: str, inputs: Any, outputs: Any) -> None:
        if op == "ReadVariableOp" and inputs[0]._id in recorder.handles:
            if self.layer is None:
                self.variables.append(recorder.handles[inputs[0]._id])
        elif op not in SHAPES:
            self.others |= {recorder.known[x._id] for x in inputs if x._id in recorder.known}


def unique(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number behind it from the second time on."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}#{number}"
    return found


def add_role(tensors: dict[str, str], role: str, name: str) -> None:
    tensors[unique(role, tensors)] = name


def held(name: str, variable: Variable, at: str) -> Held:
    return Held(
        tuple(variable.shape),
        dtype_name(variable),
        bool(variable.trainable),
        is_statistic(name),
        in_words(getattr(variable, "regularizer", None)),
        in_words(getattr(variable, "constraint", None)),
        at=at,
    )


def in_words(rule: Any) -> str:
    """A regularizer or a constraint with its numbers: "L2(0.0001)"."""
    if rule is None:
        return ""
    config = rule.get_config() if hasattr(rule, "get_config") else {}
    numbers = [v for v in config.values() if isinstance(v, float | int) and v]
    return f"{type(rule).__name__}({', '.join(f'{number:g}' for number in numbers)})"


def added_losses(model: Any) -> int:
    """Losses that layers add themselves: of their activity, or by `add_loss`."""
    penalties = sum(v.regularizer is not None for v in getattr(model, "trainable_variables", ()))
    return max(len(getattr(model, "losses", ())) - penalties, 0)


def is_statistic(name: str) -> bool:
    """Left by training without a gradient."""
    return name.rpartition(".")[2] in ("moving_mean", "moving_variance")


def dtype_name(variable: Variable) -> str:
    return tf.as_dtype(variable.dtype).name


# ------------------------------------------------------------------------ what is atomic


def is_atomic(layer: layers.Layer) -> bool:
    """Whether a layer is one node: Keras' own, and without layers or functions of a user's."""
    inner = [x for x in layer._flatten_layers(include_self=False) if x is not own_layer(layer)]
    if isinstance(layer, LOOPS) and is_kerass(type(layer)):
        return all(is_kerass(type(x)) for x in inner)
    if inner or isinstance(layer, layers.Lambda):
        return False
    if isinstance(layer, layers.Activation) and not is_named(layer.activation):
        return False
    return is_kerass(type(layer))


def own_layer(layer: layers.Layer) -> Any:
    """The layer that a layer runs its own output through, where that is one."""
    return getattr(layer, "activation", None) if isinstance(layer, FUSED) else None


def is_kerass(kind: type) -> bool:
    """A class of Keras' own, or one that only gives it arguments."""
    for base in kind.__mro__:
        if base.__module__.startswith("keras.src.layers"):
            return base is not layers.Layer
        if {n for n in vars(base) if not n.startswith("__") or n == "__call__"} - HARMLESS:
            return False
    return False


def inherits(kind: type) -> bool:
    """Whether what a class inherits from Keras' own is as Keras wrote it, its call aside."""
    mine: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.startswith("keras.src.layers"):
            theirs = {n for b in base.__mro__ if b is not layers.Layer for n in known_names(b)}
            return not mine & theirs - HARMLESS - {"call", "build"}
        mine |= {n for n in vars(base) if not n.startswith("__")}
    return False


def known_names(kind: type) -> set[str]:
    """What a class of Keras' own defines; how shapes come out does not matter here."""
    own = kind.__module__.startswith("keras.src.layers") and kind is not layers.Layer
    return {n for n in vars(kind) if not n.startswith(("__", "compute_output"))} if own else set()


def is_named(function: Any) -> bool:
    """A function that Keras has a name for."""
    return getattr(keras.activations, getattr(function, "__name__", ""), None) is function


def fused_activation(layer: layers.Layer) -> Any:
    """What the layer does to its own output, where it is anything."""
    own = layer.activation if isinstance(layer, FUSED) else None
    return None if own is keras.activations.linear else own


@contextmanager
def without_activation(layer: layers.Layer, own: Any) -> Iterator[None]:
    """The layer stops before what it does to its own output."""
    if own is None:
        yield
        return
    vars(layer)["activation"] = None
    try:
        yield
    finally:
        vars(layer)["activation"] = own


def seeds_of(layer: layers.Layer) -> list[Variable]:
    """The states of the generators that a layer draws from."""
    owners = layer._flatten_layers()
    return [g.state for owner in owners for g in owner._seed_generators]


def is_seed(x: Any) -> bool:
    return isinstance(x, keras.random.SeedGenerator)


def call_layer(
    original: Callable[..., Any], layer: layers.Layer, own: Any, *args: Any, **kwargs: Any
) -> Any:
    """A layer's call once more, without what it does to its own output."""
    with without_activation(layer, own):
        return original(layer, *args, **kwargs)


def call_op(op: str, attrs: Mapping[str, Any], count: int, *inputs: Any) -> Any:
    """An op of TensorFlow's once more, on the tape."""
    said = tuple(part for pair in attrs.items() if pair[1] is not None for part in pair)
    outputs = execute.execute(op, count, list(inputs), said, context.context())
    every = tuple(part for pair in attrs.items() for part in pair)  # its gradient asks for all
    execute.record_gradient(op, list(inputs), every, outputs)
    return outputs


# ----------------------------------------------------------------------------- listening


@contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    """While inside, the recorder hears of every layer, function and op."""
    layer_call, operation_call = layers.Layer.__call__, Operation.__call__
    numbers, value_of = _EagerTensorBase._numpy, KerasVariable.value

    def of_layer(self: Any, *args: Any, **kwargs: Any) -> Any:
        return recorder.layer(layer_call, self, args, kwargs)

    def of_operation(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, layers.Layer):
            if recorder.region is not None and recorder.region.layer is self:
                recorder.region.training = {k: v for k, v in kwargs.items() if k == "training"}
            return operation_call(self, *args, **kwargs)
        if not recorder.listens() or isinstance(self, keras.Function):
            return operation_call(self, *args, **kwargs)
        name = ops.snake(type(self).__name__)
        run = functools.partial(operation_call, self)
        return recorder.function(
            run, name, args, kwargs, lambda: of_operation_arguments(self, args, kwargs)
        )

    def asked(self: Any) -> Any:
        recorder.left(self)
        return numbers(self)

    def value(self: Any) -> Any:
        found = value_of.fget(self)
        read = recorder.listens() and isinstance(found, tf.Variable)
        return tf.convert_to_tensor(found) if read else found

    def of_call(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            whole = is_kerass(type(self)) or not inherits(type(self))  # atomic already, or open
            if not recorder.listens() or whole:
                return original(self, *args, **kwargs)
            return recorder.atomic(original, self, recorder.path(self), args, kwargs, inside=True)

        return call

    with ExitStack() as stack:
        for kind in CALLS:
            stack.callback(setattr, kind, "call", kind.call)
            kind.call = of_call(kind.call)
        stack.callback(setattr, layers.Layer, "__call__", layer_call)
        stack.callback(setattr, Operation, "__call__", operation_call)
        stack.callback(setattr, _EagerTensorBase, "_numpy", numbers)
        stack.callback(setattr, KerasVariable, "value", value_of)
        stack.callback(tf.config.run_functions_eagerly, tf.config.functions_run_eagerly())
        layers.Layer.__call__ = of_layer
        Operation.__call__ = of_operation
        _EagerTensorBase._numpy = asked
        KerasVariable.value = property(value)  # else TensorFlow reads it, and says nothing
        tf.config.run_functions_eagerly(True)
        op_callbacks.add_op_callback(recorder.op)
        stack.callback(op_callbacks.remove_op_callback, recorder.op)
        ACTIVE.append(recorder)
        stack.callback(ACTIVE.pop)
        yield recorder


def of_operation_arguments(operation: Operation, args: Any, kwargs: Any) -> dict[str, Any]:
    """What an operation was called with, then how it was set."""
    bound = inspect.signature(operation.call).bind(*args, **kwargs)
    bound.apply_defaults()
    public = {k: v for k, v in vars(operation).items() if not k.startswith("_")}
    return {**bound.arguments, **{k: v for k, v in public.items() if k not in bound.arguments}}


def install() -> None:
    """Puts an ear on every function that is recognised; before a user's module is imported."""
    found = {id(f): watched(f) for f in recognised()}
    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] != "keras":
            continue
        for key, value in list(vars(module).items()):
            if id(value) in found:
                setattr(module, key, found[id(value)])
    by_name = keras.src.activations.ALL_OBJECTS_DICT
    by_name.update({name: found.get(id(f), f) for name, f in by_name.items()})
    for name in ("silu", "swish", "gelu"):
        setattr(tf.nn, name, watched(getattr(tf.nn, name)))
    tf.custom_gradient = with_own_gradient(tf.custom_gradient)
    on_cpu.install()


def recognised() -> list[Callable[..., Any]]:
    """Functions of keras.ops and keras.activations that compute, and Keras' dropout."""
    public = [*vars(keras.ops).items(), *vars(keras.activations).items()]
    found = [
        f
        for name, f in public
        if inspect.isfunction(f)
        and name not in TRANSPARENT | {"get", "serialize", "deserialize"}
        and f.__module__.startswith(("keras.src.ops", "keras.src.activations"))
    ]
    return [*found, keras.random.dropout]


def watched(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, heard where somebody listens."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not ACTIVE or not ACTIVE[-1].listens() or symbolic((args, kwargs)):
            return function(*args, **kwargs)
        return ACTIVE[-1].function(
            function, function.__name__, args, kwargs, lambda: bound(function, args, kwargs)
        )

    return call


def with_own_gradient(decorate: Callable[..., Any]) -> Callable[..., Any]:
    """tf.custom_gradient, whose functions are one node: what is inside has other gradients."""

    @functools.wraps(decorate)
    def call(f: Any = None) -> Any:
        if f is None:
            return call
        function = decorate(f)
        name = f"custom_{getattr(f, '__name__', type(f).__name__)}"

        @functools.wraps(function)
        def heard(*args: Any, **kwargs: Any) -> Any:
            if not ACTIVE or not ACTIVE[-1].listens():
                return function(*args, **kwargs)
            named = {str(i): x for i, x in enumerate([*args, *kwargs.values()])}
            return ACTIVE[-1].function(function, name, args, kwargs, lambda: named)

        return heard

    return call


def symbolic(x: Any) -> bool:
    return any(isinstance(leaf, keras.KerasTensor) for _, leaf in parts(x))


def bound(function: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """What a function was called with, by name, in order, with what nobody said."""
    found = inspect.signature(function).bind(*args, **kwargs)
    found.apply_defaults()
    return dict(found.arguments)
