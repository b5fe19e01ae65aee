"""Reads and writes safetensors files with NumPy alone: a worker's interpreter may hold no more.

The format (github.com/huggingface/safetensors, "Format"): eight bytes of little-endian header
length, a JSON header {name: {dtype, shape, data_offsets}}, then the bytes. The tests hold it
against the format's own library, both ways.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from errno import ENOMEM
from math import prod
from mmap import ACCESS_READ, mmap
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


def save(path: Path, arrays: Mapping[str, Array], note: Any = None) -> None:
    """Writes the arrays, and `note` (anything JSON can hold) in the header, all or nothing."""
    header: dict[str, Any] = {}
    if note is not None:
        header["__metadata__"] = {"note": json.dumps(note)}
    offset = 0
    for name, array in arrays.items():
        if array.dtype not in DTYPES:
            raise TypeError(f"{name}: safetensors cannot hold {array.dtype}")
        end = offset + array.nbytes
        header[name] = {
            "dtype": DTYPES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    chunks: list[bytes | memoryview] = [len(text).to_bytes(8, "little"), text]
    chunks += [np.ascontiguousarray(x).reshape(-1).view(np.uint8).data for x in arrays.values()]
    write_atomically(path, chunks)


def load(path: Path) -> dict[str, Array]:
    """Every array of the file. DataError where the file is truncated or not safetensors."""
    return read(path)[0]


def load_note(path: Path) -> Any:
    """What `save` was given as a note; None where there is none."""
    return read(path)[1]


def read(path: Path) -> tuple[dict[str, Array], Any]:
    """(arrays, note) of a file; every name, dtype and offset is checked before it is used."""
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
        arrays = {name: decode(path, name, entry, body) for name, entry in header.items()}
        check_cover([entry["data_offsets"] for entry in header.values()], len(body))
        return arrays, note
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: its safetensors header is corrupt ({error})") from None


def decode(path: Path, name: str, entry: dict[str, Any], body: memoryview) -> Array:
    """One array out of the file's body."""
    dtype = np.dtype(CODES[entry["dtype"]])
    start, end = entry["data_offsets"]
    if not 0 <= start <= end or end - start != prod(entry["shape"]) * dtype.itemsize:
        raise ValueError(f"{name!r} has shape {entry['shape']} but {end - start} bytes")
    if end > len(body):
        raise DataError(f"{path}: truncated: {name!r} ends at byte {end}, the body at {len(body)}")
    return np.frombuffer(body[start:end], dtype).reshape(entry["shape"])


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
