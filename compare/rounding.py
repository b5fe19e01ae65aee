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
    """The nearest numbers of that format, ties to even, in float64."""
    if name in ("float32", "float16"):
        return x.astype(name).astype(np.float64)
    fraction, exponent = np.frexp(x.astype(np.float64))
    steps = 2.0 ** (FORMATS[name].bits + 1)
    return np.asarray(np.ldexp(np.rint(fraction * steps) / steps, exponent))
