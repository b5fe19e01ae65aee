"""MNIST's idx format: how a file becomes an array, and the checksum that names its content.

Two zero bytes, the code of the number type, the count of axes, then each axis' length as a
big-endian 32-bit number, then the numbers (yann.lecun.com/exdb/mnist, "The MNIST database").
"""

from __future__ import annotations

import struct
from hashlib import md5
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.contents import unzipped
from common.errors import DataError

UNSIGNED_BYTE = 0x08  # the only number type that MNIST's files use


def read(path: Path, axes: int) -> NDArray[np.uint8]:
    """The array in a plain or gzipped idx file: 3 axes are images (N, H, W), 1 is labels (N,)."""
    content = unzipped(path)
    shape = shape_in_header(content, axes, path)
    start, count = 4 + 4 * axes, prod(shape)
    if len(content) - start != count:
        raise DataError(
            f"{path}: expected {count:,} bytes after the header, which promises shape {shape}, "
            f"found {len(content) - start:,}; fetch the file again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def shape_in_header(content: bytes, axes: int, path: Path) -> tuple[int, ...]:
    magic = bytes([0, 0, UNSIGNED_BYTE, axes])
    size = 4 + 4 * axes
    if content[:4] != magic or len(content) < size:
        raise DataError(
            f"{path}: expected an idx file: a header of {size} bytes that begins with "
            f"{magic.hex()}, found {len(content):,} bytes that begin with "
            f"{content[:4].hex() or 'nothing'}; fetch the file again"
        )
    return struct.unpack(f">{axes}I", content[4:size])


def checksum(array: NDArray[np.uint8]) -> str:
    """md5 of the plain idx file that holds this array, whatever it was read from.

    gzip stores times and names and .npz is another container, so the same images come in files
    of many checksums; this one is of the content, shape included.
    """
    header = struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    digest = md5(header, usedforsecurity=False)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
