"""What a worker leaves on disk: the trace of one forward and backward pass, in canonical axes.

A trace holds, in float32 or float64: every layer's output, the loss, and the gradient of the loss
for every output, parameter and input. Beside them, a digest of what each layer was given and of
what it gave back, so that a reader can tell whether a layer read what its source made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import tensors
from common.errors import DataError
from common.layout import Layout, canonical_output, nchw_shape, nhwc_order
from common.spec import Spec

Array = NDArray[Any]


@dataclass(frozen=True)
class Structure:
    """One layer of a port as it was built: its op, and its tensors in canonical axes."""

    kind: str  # the project's op; the framework's class name where it is none of them
    tensors: dict[str, dict[str, Any]]  # name -> {"shape", "trainable", "digest"}
    settings: dict[str, Any] = field(default_factory=dict)  # in the words of common/spec.py
    unread: str = ""  # why settings may be missing


@dataclass(frozen=True)
class Call:
    """One layer as it ran: digests of what it read and wrote, in the port's own axes."""

    path: str
    reads: tuple[str, ...]
    writes: str
    native_shape: tuple[int, ...]  # without the batch


@dataclass
class Trace:
    """Everything recorded of one pass.

    Keys of `arrays`: "input:NAME", "output:LAYER", "read:LAYER:INDEX" (only what no source
    wrote), "returned:INDEX" (likewise), "loss", "statistic:LAYER.TENSOR" (as it was left),
    "gradient-of-input:NAME", "gradient-of-output:LAYER", "gradient:LAYER.TENSOR".
    """

    layout: Layout
    dtype: str
    structure: dict[str, Structure] = field(default_factory=dict)
    not_loaded: list[str] = field(default_factory=list)  # tensors that could not be given
    calls: list[Call] = field(default_factory=list)  # in execution order
    input_digests: dict[str, str] = field(default_factory=dict)
    returned: list[str] = field(default_factory=list)  # digests of what the model gave back
    arrays: dict[str, Array] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Writes the trace as safetensors, its structure in the header."""
        note = asdict(self)
        del note["arrays"]
        tensors.save(path, self.arrays, note)

    @staticmethod
    def load(path: Path) -> Trace:
        """Reads what `save` wrote. DataError where the file is damaged."""
        arrays, note = tensors.read(path)
        if not isinstance(note, dict) or not {"structure", "calls"} <= note.keys():
            raise DataError(f"{path}: expected the trace of a worker, found other arrays")
        structure = {name: Structure(**entry) for name, entry in note.pop("structure").items()}
        calls = [
            Call(
                path=c["path"],
                reads=tuple(c["reads"]),
                writes=c["writes"],
                native_shape=tuple(c["native_shape"]),
            )
            for c in note.pop("calls")
        ]
        return Trace(arrays=arrays, structure=structure, calls=calls, **note)


class Recorder:
    """Takes a port's arrays in its own axes and keeps them in canonical ones."""

    def __init__(
        self, spec: Spec, layout: Layout, dtype: str, orders: Mapping[str, Array] | None = None
    ) -> None:
        """`orders`: the port's feature orders, where they are not the canonical ones."""
        self.trace = Trace(layout, dtype)
        self.layout = layout
        self.orders = dict(orders or {})
        self.sources = {layer.name: layer.reads for layer in spec.layers}
        self.outputs = spec.outputs
        self.written: set[str] = set()

    def input(self, name: str, native: Array) -> None:
        """An input of the network, (N, ...) as the port was given it."""
        self.trace.input_digests[name] = digest(native)
        self.written.add(digest(native))
        self.trace.arrays[f"input:{name}"] = self.canonical(name, native)

    def call(self, path: str, reads: Sequence[Array], native: Array) -> str:
        """One layer's call, in execution order. Returns the name it is kept under."""
        path = self.unused(path)
        marks = tuple(digest(read) for read in reads)
        for index, (read, mark) in enumerate(zip(reads, marks, strict=True)):
            if mark not in self.written:
                source = self.sources.get(path, ())[index : index + 1]
                array = self.canonical(source[0] if source else "", read)
                self.trace.arrays[f"read:{path}:{index}"] = array
        call = Call(path, marks, digest(native), tuple(native.shape[1:]))
        self.trace.calls.append(call)
        self.written.add(call.writes)
        self.reorder(path, reads, native)
        self.trace.arrays[f"output:{path}"] = self.canonical(path, native)
        return path

    def settings(self, path: str, found: Mapping[str, Any], unread: str) -> None:
        """What a layer was set to on its first call, and why settings may be missing."""
        built = self.trace.structure.get(path)
        if built is not None:
            held = {name: plain(value) for name, value in found.items()}
            self.trace.structure[path] = replace(built, settings=held, unread=unread)

    def reorder(self, path: str, reads: Sequence[Array], native: Array) -> None:
        """Where a flatten reads another shape than the spec says, its order is another one too."""
        order = self.orders.get(path)
        if order is None or order.shape == native.shape[1:] or len(reads) != 1:
            return
        if reads[0].ndim == 4:
            shape = reads[0].shape[1:]
            canonical = shape if self.layout == "nchw" else nchw_shape(shape)
            self.orders[path] = nhwc_order(canonical)

    def unused(self, path: str) -> str:
        """The path, numbered from the second call of the same layer on."""
        count = sum(call.path.split("#")[0] == path for call in self.trace.calls)
        return path if count == 0 else f"{path}#{count + 1}"

    def returned(self, *natives: Array) -> None:
        """What the model gave back, which should be what the spec's outputs made, in order."""
        self.trace.returned = [digest(native) for native in natives]
        for index, native in enumerate(natives[: len(self.outputs)]):
            if digest(native) not in self.written:
                array = self.canonical(self.outputs[index], native)
                self.trace.arrays[f"returned:{index}"] = array

    def gradient_of_output(self, path: str, native: Array) -> None:
        """The loss's gradient for a layer's output, shaped like it."""
        self.trace.arrays[f"gradient-of-output:{path}"] = self.canonical(path, native)

    def gradient_of_input(self, name: str, native: Array) -> None:
        """The loss's gradient for an input of the network."""
        self.trace.arrays[f"gradient-of-input:{name}"] = self.canonical(name, native)

    def gradients(self, canonical: Mapping[str, Array]) -> None:
        """The loss's gradients for the parameters, in canonical axes already."""
        for name, array in canonical.items():
            self.trace.arrays[f"gradient:{name}"] = array

    def statistics(self, canonical: Mapping[str, Array]) -> None:
        """The running statistics as the pass left them, in canonical axes already."""
        for name, array in canonical.items():
            self.trace.arrays[f"statistic:{name}"] = array

    def loss(self, value: float) -> None:
        """The loss of the pass."""
        self.trace.arrays["loss"] = np.asarray(value, dtype=self.trace.dtype)

    def canonical(self, path: str, native: Array) -> Array:
        return np.ascontiguousarray(canonical_output(native, self.layout, self.orders.get(path)))


def digest(array: Array) -> str:
    """64 bits that stand for an array's shape, dtype and every one of its numbers."""
    mark = sha256(f"{array.dtype}{array.shape}".encode())
    mark.update(np.ascontiguousarray(array).data)
    return mark.hexdigest()[:16]


def plain(value: Any) -> Any:
    """A setting as JSON holds it; what no JSON holds, as text."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    known = value is None or isinstance(value, (bool, int, float, str))
    return value if known else str(value)


def fed_sha256(images: Array, labels: Array) -> str:
    """Every number that a network was fed, in order: images (N, C, H, W) and their labels."""
    mark = sha256()
    for array in (images, labels):
        mark.update(f"{array.dtype}{array.shape}".encode())
        mark.update(np.ascontiguousarray(array).data)
    return mark.hexdigest()


def mean_over_samples(batch_losses: Array, samples: int, batch_size: int) -> float:
    """An epoch's mean loss, from its batches' means; the last batch may be smaller."""
    sizes = np.full(len(batch_losses), batch_size)
    sizes[-1] = samples - batch_size * (len(batch_losses) - 1)
    return float(np.average(batch_losses.astype(np.float64), weights=sizes))
