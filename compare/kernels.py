"""How other tools decide that two arrays are the same, each by its own defaults.

Written anew from what each repository's code does, to be scored by `compare selfcheck` on the same
faults and the same right ports as this project. They are kernels alone: a tool may ask more than
one, of other arrays, and stop at an error long before. What raises there is a failure here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from compare.evidence import Array
from compare.verdict import Verdict

Passes = Callable[[Array, Array], bool]  # of PyTorch's array and Keras', of one shape


@dataclass(frozen=True)
class Kernel:
    """A comparison, and where it is from."""

    name: str
    source: str  # repository and file
    passes: Passes


def close(a: Array, b: Array, rtol: float, atol: float, equal_nan: bool = False) -> bool:
    """|a - b| <= atol + rtol |b| at every place."""
    return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def means(a: Array, b: Array) -> bool:
    return close(a.mean(), b.mean(), rtol=0, atol=1e-4, equal_nan=True)


def strict(a: Array, b: Array) -> bool:
    return close(a, b, rtol=0, atol=1e-4, equal_nan=True)


def mean_gap(a: Array, b: Array) -> bool:
    return not np.abs(a - b).mean() > 1e-6  # false of NaN


def largest_gap_without_nan(a: Array, b: Array) -> bool:
    """Zeros wherever either side is NaN."""
    missing = np.isnan(a) | np.isnan(b)
    gap = np.abs(np.where(missing, 0, a) - np.where(missing, 0, b))
    return bool(gap.max(initial=0.0) <= 1e-5)


def largest_gap(a: Array, b: Array) -> bool:
    return not np.abs(a - b).max(initial=0.0) > 5e-5  # false of NaN


def largest_signed_gap(a: Array, b: Array) -> bool:
    return bool((a - b).max(initial=-np.inf) < 1e-5)  # no absolute value


def any_order_of_axes(a: Array, b: Array) -> bool:
    """The first order of the axes behind the batch that fits is the right one."""
    orders = [(0, *order) for order in permutations(range(1, b.ndim))]
    turned = (b.transpose(order) for order in orders)
    return any(close(a, x, 0, 1e-4, equal_nan=True) for x in turned if x.shape == a.shape)


def either_tolerance(a: Array, b: Array) -> bool:
    """A place fails that is off both absolutely and relatively."""
    gap = np.abs(a.astype(np.float64) - b)
    relative = gap / np.where(b == 0, np.finfo(np.float64).eps, np.abs(b))
    return not bool((~(gap <= 1e-5) & ~(relative <= 1e-5)).any())


KERNELS = (
    Kernel(
        "PaDiff, means",
        "PaddlePaddle/PaDiff padiff/utils/utils.py, its default mode, at the 1e-4 of its README",
        means,
    ),
    Kernel("PaDiff, strict", "the same file, the call of its README", strict),
    Kernel(
        "reprod_log",
        "WenmuZhou/reprod_log reprod_log/utils.py, its default method and threshold",
        mean_gap,
    ),
    Kernel(
        "transformers, tests",
        "huggingface/transformers tests/test_modeling_tf_common.py",
        largest_gap_without_nan,
    ),
    Kernel(
        "transformers, pt-to-tf",
        "huggingface/transformers src/transformers/commands/pt_to_tf.py",
        largest_gap,
    ),
    Kernel("pytorch2keras", "gmalivenko/pytorch2keras tests/, check_error", largest_signed_gap),
    Kernel(
        "onnx2tf", "PINTO0309/onnx2tf onnx2tf/utils/common_functions.py, -cotof", any_order_of_axes
    ),
    Kernel(
        "Polygraphy",
        "NVIDIA/TensorRT tools/Polygraphy/polygraphy/comparator/compare.py",
        either_tolerance,
    ),
    Kernel(
        "numpy.allclose",
        "numpy/numpy numpy/_core/numeric.py, its defaults",
        lambda a, b: close(a, b, rtol=1e-5, atol=1e-8),
    ),
    Kernel(
        "torch.testing",
        "pytorch/pytorch torch/testing/_comparison.py, assert_close of float32",
        lambda a, b: close(a, b, rtol=1.3e-6, atol=1e-5),
    ),
)
OURS = "compare"


def verdicts(pairs: Iterable[tuple[Array | None, Array | None]]) -> dict[str, bool]:
    """Which kernels pass all of these pairs; what is missing or of another shape passes none."""
    known = list(pairs)
    return {kernel.name: all(passed(kernel, a, b) for a, b in known) for kernel in KERNELS}


def passed(kernel: Kernel, a: Array | None, b: Array | None) -> bool:
    with np.errstate(all="ignore"):
        if a is None or b is None or (a.shape != b.shape and sorted(a.shape) != sorted(b.shape)):
            return False
        return (a.shape == b.shape or kernel.name == "onnx2tf") and kernel.passes(a, b)


def score(rows: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Each kernel's missed faults and false alarms, of selfcheck's rows; this project's, first.

    A false alarm is a word against numbers that agree: those of right ports, and for the others
    also those of faults that only training shows.
    """
    known = list(rows)
    faults = [row for row in known if row["kind"] == "fault"]
    right = [row for row in known if row["kind"] == "correct"]
    table: list[dict[str, object]] = []
    for name, source in ((OURS, ""), *((kernel.name, kernel.source) for kernel in KERNELS)):
        entry: dict[str, object] = {"name": name, "source": source}
        for which in ("outputs", "layers"):
            shown = [row for row in faults if shows(row, which)]
            hidden = [row for row in faults if not shows(row, which)]
            equal = right if name == OURS else [*right, *hidden]
            entry[which] = {
                "faults": len(faults),
                "missed": sum(passes(row, which, name) for row in faults),
                "shown": len(shown),
                "missed_of_shown": sum(passes(row, which, name) for row in shown),
                "equal": len(equal),
                "false_alarms": sum(not passes(row, which, name) for row in equal),
            }
        table.append(entry)
    return table


def shows(row: Mapping[str, object], which: str) -> bool:
    """Whether a fault is one that these arrays can show."""
    seen = row["shows"]
    assert isinstance(seen, Mapping)
    return bool(seen[which])


def passes(row: Mapping[str, object], which: str, name: str) -> bool:
    """Whether a kernel would have called the row's pair the same; for ours, the verdict."""
    if name == OURS:
        return Verdict(row["verdict"]).agrees
    said = row["kernels"]
    assert isinstance(said, Mapping)
    return bool(said[which][name])
