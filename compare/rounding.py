"""Number formats shorter than the one a port is to compute in, and rounding to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Format:
    """Bits of the fraction, without the leading one, and the cause that its use is known as."""

    bits: int
    cause: str

    @property
    def unit(self) -> float:
        """Half the distance of neighbours, relatively."""
        return float(2.0 ** -(self.bits + 1))


FORMATS = {
    "float32": Format(23, "float32-inside"),
    "tf32": Format(10, "tf32"),
    "float16": Format(10, "mixed-precision"),
    "bfloat16": Format(7, "mixed-precision"),
}


def rounded(x: Array, name: str) -> Array:
    """The nearest numbers of that format, ties to even, in float64; by way of float32, as ports go.

    The formats without a type in NumPy are float32 with fewer bits.
    """
    if name in ("float32", "float16"):
        return x.astype(np.float32).astype(name).astype(np.float64)
    lost = FORMATS["float32"].bits - FORMATS[name].bits
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    odd = (bits >> np.uint32(lost)) & np.uint32(1)
    bits = bits + np.uint32((1 << (lost - 1)) - 1) + odd
    return (bits & np.uint32(0xFFFFFFFF << lost & 0xFFFFFFFF)).view(np.float32).astype(np.float64)
