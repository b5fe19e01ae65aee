"""Reads and writes safetensors files with NumPy alone: a worker's interpreter may hold no more.

The format (github.com/huggingface/safetensors, "Format"): eight bytes of little-endian header
length, a JSON header {name: {dtype, shape, data_offsets}}, then the bytes. The tests hold it
against the format's own library, both ways.
"""

from __future__ import annotations

import json
import os
import queue
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from errno import ENOMEM
from math import prod
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError

Array = NDArray[Any]

CODES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip
DTYPES = {np.dtype(dtype): code for code, dtype in CODES.items()}
HEADER_LIMIT = 100_000_000  # bytes, as in the format's own reader
HEADER_ROOM = 1 << 20  # bytes left in front of the arrays of a file whose names are not known yet
AHEAD = 2  # arrays that wait for being written
BLOCK = 1 << 24  # bytes that are moved at once where that was not enough


def save(path: Path, arrays: Mapping[str, Array], note: Any = None) -> None:
    """Writes the arrays, and `note` (anything JSON can hold) in the header, all or nothing."""
    header: dict[str, Any] = {}
    if note is not None:
        header["__metadata__"] = {"note": json.dumps(note)}
    offset = 0
    for name, array in arrays.items():
        header[name] = entry(name, array, offset)
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    chunks: list[bytes | memoryview] = [len(text).to_bytes(8, "little"), text]
    chunks += [as_bytes(x) for x in arrays.values()]
    write_atomically(path, chunks)


def entry(name: str, array: Array, offset: int) -> dict[str, Any]:
    """One array in the header. TypeError where the format cannot hold it."""
    if array.dtype not in DTYPES:
        raise TypeError(f"{name}: safetensors cannot hold {array.dtype}")
    return {
        "dtype": DTYPES[array.dtype],
        "shape": list(array.shape),
        "data_offsets": [offset, offset + array.nbytes],
    }


def as_bytes(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


class Writer:
    """Writes arrays one by one, so that none has to wait in memory for the last; all or nothing.

    A thread of its own writes them, while whoever adds them makes the next ones: their numbers must
    stay as they are until the end. `note` is anything JSON can hold. Used in a `with`; what raises
    inside leaves no file.
    """

    def __init__(self, path: Path, note: Any = None) -> None:
        self.path = path
        self.header: dict[str, Any] = {}
        if note is not None:
            self.header["__metadata__"] = {"note": json.dumps(note)}
        self.end = 0
        self.waiting: queue.Queue[Array | None] = queue.Queue(AHEAD)
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.error: OSError | None = None

    def __enter__(self) -> Writer:
        handle, self.name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        self.file = os.fdopen(handle, "w+b")
        self.room = (len(json.dumps(self.header)) + HEADER_ROOM) // 8 * 8
        self.file.seek(8 + self.room)
        self.thread.start()
        return self

    def add(self, name: str, array: Array) -> None:
        """One array behind those before it. OSError where one of those could not be written."""
        self.check()
        self.header[name] = entry(name, array, self.end)
        self.waiting.put(array)
        self.end += array.nbytes

    def write(self) -> None:
        """Array after array, until there is None; what comes after an error is let go."""
        while (array := self.waiting.get()) is not None:
            try:
                if self.error is None:
                    self.file.write(as_bytes(array))
            except OSError as error:
                self.error = error

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.waiting.put(None)
        self.thread.join()
        try:
            with self.file:
                if kind is None:
                    self.check()
                    self.file.write(self.head())
            if kind is None:
                os.chmod(self.name, 0o644)
                os.replace(self.name, self.path)
        finally:
            with suppress(OSError):
                os.unlink(self.name)

    def head(self) -> bytes:
        """Length and header, as long as the room for them; where it is too short the body moves."""
        text = json.dumps(self.header).encode()
        more = max(-(-(len(text) - self.room) // 8) * 8, 0)
        for start in reversed(range(0, self.end if more else 0, BLOCK)):
            self.file.seek(8 + self.room + start)
            block = self.file.read(min(BLOCK, self.end - start))
            self.file.seek(8 + self.room + more + start)
            self.file.write(block)
        self.file.seek(0)
        self.room += more
        return self.room.to_bytes(8, "little") + text.ljust(self.room)


class Mapped(Mapping[str, Array]):
    """The arrays of a file, each mapped into memory for as long as somebody holds it."""

    def __init__(self, path: Path, header: Mapping[str, Any], start: int) -> None:
        self.path, self.header, self.start = path, header, start
        self.descriptor = os.open(path, os.O_RDONLY)  # the file may be unlinked meanwhile
        weakref.finalize(self, os.close, self.descriptor)

    def __getitem__(self, name: str) -> Array:
        own = self.header[name]
        begin, end = own["data_offsets"]
        if begin == end:
            return np.empty(own["shape"], CODES[own["dtype"]])
        begin, end = begin + self.start, end + self.start
        first = begin - begin % ALLOCATIONGRANULARITY
        raw = mmap(self.descriptor, end - first, access=ACCESS_READ, offset=first)
        body = memoryview(raw)[begin - first :]
        return np.frombuffer(body, CODES[own["dtype"]]).reshape(own["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self.header)

    def __len__(self) -> int:
        return len(self.header)


def opened(path: Path) -> tuple[Mapped, Any]:
    """(arrays, note) of a file whose arrays are mapped one by one, as they are asked for."""
    header, note, body = checked(path)
    return Mapped(path, header, path.stat().st_size - len(body)), note


def load(path: Path) -> dict[str, Array]:
    """Every array of the file. DataError where the file is truncated or not safetensors."""
    return read(path)[0]


def load_note(path: Path) -> Any:
    """What `save` was given as a note; None where there is none."""
    return read(path)[1]


def read(path: Path) -> tuple[dict[str, Array], Any]:
    """(arrays, note) of a file."""
    header, note, body = checked(path)
    return {name: decode(path, name, own, body) for name, own in header.items()}, note


def checked(path: Path) -> tuple[dict[str, Any], Any, memoryview]:
    """(header, note, body) of a file: every name, dtype and offset is as it should be."""
    try:
        with path.open("rb") as file:  # mapped: a large file is read as far as it is used
            raw = memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))
    except ValueError:
        raise DataError(f"{path}: not a safetensors file, or truncated within its header") from None
    except OSError as error:
        if error.errno == ENOMEM:  # the file is as it should be
            raise MemoryError(f"no room for {path}") from None
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or length > min(len(raw) - 8, HEADER_LIMIT):
        raise DataError(f"{path}: not a safetensors file, or truncated within its header")
    try:
        header = json.loads(bytes(raw[8 : 8 + length]))
        metadata = header.pop("__metadata__", {})
        note = json.loads(metadata["note"]) if "note" in metadata else None
        body = raw[8 + length :]
        for name, own in header.items():
            decode(path, name, own, body)
        check_cover([own["data_offsets"] for own in header.values()], len(body))
        return header, note, body
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: its safetensors header is corrupt ({error})") from None


def decode(path: Path, name: str, own: dict[str, Any], body: memoryview) -> Array:
    """One array out of the file's body."""
    dtype = np.dtype(CODES[own["dtype"]])
    start, end = own["data_offsets"]
    if not 0 <= start <= end or end - start != prod(own["shape"]) * dtype.itemsize:
        raise ValueError(f"{name!r} has shape {own['shape']} but {end - start} bytes")
    if end > len(body):
        raise DataError(f"{path}: truncated: {name!r} ends at byte {end}, the body at {len(body)}")
    return np.frombuffer(body[start:end], dtype).reshape(own["shape"])


def check_cover(offsets: list[list[int]], size: int) -> None:
    """Every byte of the body belongs to one array, as the format asks; ValueError where not."""
    reached = 0
    for start, end in sorted(offsets):
        if start != reached:
            raise ValueError(f"an array begins at byte {start}, the one before ends at {reached}")
        reached = end
    if reached != size:
        raise ValueError(f"the arrays end at byte {reached}, the body at {size}")


def write_atomically(path: Path, chunks: Sequence[bytes | memoryview]) -> None:
    """The whole file or none of it: written beside its place, then renamed."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(chunks)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
