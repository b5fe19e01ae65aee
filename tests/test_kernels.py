"""Six pairs of which each other comparison gets one wrong at least, and this project none."""

from __future__ import annotations

import numpy as np
import pytest

from common.result import Recorder, digest
from common.spec import Spec, dropout
from compare import kernels
from compare.checks import forward
from compare.evidence import DTYPES, SIDES, Evidence

X = np.random.default_rng(0).standard_normal((4, 6, 5, 5))
SMALL, LARGE = X / np.abs(X).max() * 9e-6, 1e6 * (1 + 0.1 * np.abs(X))
SPEC = Spec("one", "a test", {"image": (6, 5, 5)}, (dropout("same", 0.0),), 0)
NONE = np.where(np.arange(X.size).reshape(X.shape) == 7, np.nan, X)


def two_ulp(x):
    """In float32 alone, as another order of a sum leaves it."""
    return x + 2 * np.spacing(x) if x.dtype == np.float32 else x


# what both read, what Keras makes of it where PyTorch makes the same, and whether they are the same
ROWS = {
    "NaN on one side": (X, lambda x: np.where(np.isnan(NONE), np.nan, x), False),
    "channels shuffled": (X, lambda x: x[:, ::-1], False),
    "a square map transposed": (X, lambda x: x.swapaxes(2, 3), False),
    "b = a + 1": (X, lambda x: x + 1, False),
    "a layer of small numbers, all of them wrong": (SMALL, lambda x: 0 * x, False),
    "2 ulp of numbers near 1e6": (LARGE, two_ulp, True),
}
# Facts of the table in the field's notes, measured there on other arrays, row by row as above.
WRONG = {
    "PaDiff, means": {1, 2, 4, 5},
    "PaDiff, strict": {4, 5},
    "reprod_log": {0, 5},
    "transformers, tests": {0, 4, 5},
    "transformers, pt-to-tf": {0, 4, 5},
    "pytorch2keras": {3, 4},
    "onnx2tf": {2, 4, 5},
    "Polygraphy": {4},
}


def made(row: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    x, change, _ = ROWS[row]
    x = x.astype(dtype)
    return x, np.ascontiguousarray(change(x), dtype=dtype)


def pair_of(row: str) -> Evidence:
    """Traces of two ports of one layer that makes what it reads, or does not."""
    traces = {}
    for dtype in DTYPES:
        x, other = made(row, dtype)
        for side, y in zip(SIDES, (x, other), strict=True):
            recorder = Recorder(SPEC, "nchw", dtype)
            recorder.input("image", x)
            recorder.call("same", [x], y)
            recorder.trace.returned.append(digest(y))
            traces[side, dtype] = recorder.trace
    return Evidence(SPEC, {}, {"image": ROWS[row][0], "labels": np.zeros(4, int)}, traces)


@pytest.mark.parametrize("row", ROWS)
def test_this_projects_judge_is_right_on_all_six(row):
    check = forward.judge(pair_of(row))
    assert check.verdict.agrees is ROWS[row][2], check.detail


@pytest.mark.parametrize("name", WRONG)
def test_a_kernel_is_wrong_where_it_was_measured_to_be(name):
    (kernel,) = (kernel for kernel in kernels.KERNELS if kernel.name == name)
    wrong = {
        index
        for index, (row, (_, _, same)) in enumerate(ROWS.items())
        if kernels.passed(kernel, *made(row, "float32")) is not same
    }
    assert wrong == WRONG[name]


def test_every_other_kernel_is_wrong_on_one_row_at_least():
    for kernel in kernels.KERNELS:
        said = [kernels.passed(kernel, *made(row, "float32")) for row in ROWS]
        assert said != [same for _, _, same in ROWS.values()] or kernel.name == "numpy.allclose"


def test_what_is_missing_or_of_another_shape_passes_no_kernel():
    for a, b in ((X, None), (None, X), (X, X[:2])):
        assert not any(kernels.verdicts([(a, b)]).values())
    assert all(kernels.verdicts([(X, X)]).values())


def test_a_kernel_that_passes_a_fault_has_missed_it_and_one_that_fails_a_right_port_is_alarmed():
    said = {which: dict.fromkeys(NAMES, True) for which in ("outputs", "layers")}
    said["outputs"] |= {"Polygraphy": False}
    shown = {"outputs": False, "layers": True}
    rows = [
        {"kind": kind, "kernels": said, "shows": shown, "verdict": verdict}
        for kind, verdict in (("fault", "different"), ("correct", "same"))
    ]
    table = {row["name"]: row for row in kernels.score(rows)}
    assert table["compare"]["outputs"]["missed"] == table["compare"]["layers"]["false_alarms"] == 0
    assert table["onnx2tf"]["outputs"]["missed"] == table["onnx2tf"]["layers"]["missed"] == 1
    assert table["onnx2tf"]["outputs"]["missed_of_shown"] == 0
    assert table["onnx2tf"]["layers"]["missed_of_shown"] == 1
    assert table["Polygraphy"]["outputs"]["missed"] == 0
    assert table["Polygraphy"]["outputs"]["false_alarms"] == table["Polygraphy"]["outputs"]["equal"]
    assert table["compare"]["outputs"]["equal"] == table["onnx2tf"]["layers"]["equal"] == 1


NAMES = [kernel.name for kernel in kernels.KERNELS]
