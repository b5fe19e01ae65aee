"""The exact text of an agreeing and of a differing report, and of one whose worker died."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from compare import report

REPORTS = Path(__file__).parent / "reports"


def layer(name: str, kind: str, shape: list[int], parameters: int, **numbers: Any) -> dict:
    return {
        "torch": name,
        "keras": name,
        "kind": kind,
        "shape_nchw": shape,
        "shape_nhwc": [*shape[1:], shape[0]],
        "parameters": parameters,
        "parameters_torch": parameters,
        "parameters_keras": parameters,
        "forward": {"float32": 2.5e-7, "float64": 3.1e-16},
        "gradient": {"float32": 4.4e-7, "float64": 0.0},
        "verdict": "same within rounding",
        **numbers,
    }


def check(id: str, rung: int | None, verdict: str, detail: str) -> dict:
    return {"id": id, "rung": rung, "verdict": verdict, "detail": detail}


def backend(framework: str, layout: str, accuracy: float, loss: float) -> dict:
    row = {"epoch": 1, "seconds": 1.0}
    return {
        "status": "ok",
        "error": None,
        "framework": framework,
        "python": "3.11.7",
        "device": "cpu",
        "device_name": None,
        "memory_format": "channels_last" if layout == "NCHW" else None,
        "threads": 1,
        "layout": layout,
        "history": [row],
        "test_accuracy": accuracy,
        "test_loss": loss,
        "train_seconds": 5.25,
        "samples_per_second": 9123.4,
        "startup_seconds": 2.04,
        "peak_memory_bytes": 700 * 2**20,
    }


AGREEING: dict[str, Any] = {
    "model": "lenet",
    "source": "LeCun et al. 1998",
    "seed": 0,
    "dtype": "float32",
    "run": "runs/first",
    "data": {"name": "mnist-5k", "train": 4000, "test": 1000, "sha256": "d74d776bf218aaaa"},
    "recipe": {
        "name": "default",
        "epochs": 12,
        "batch_size": 32,
        "learning_rate": 0.02,
        "momentum": 0.9,
        "decay": 0.1,
        "decay_after": [9],
        "mean": [0.1307],
        "std": [0.3081],
    },
    "backends": {
        "torch": backend("torch 2.10.0", "NCHW", 0.978, 0.0969),
        "keras": backend("keras 3.15.1, tensorflow 2.20.0", "NHWC", 0.981, 0.0943),
    },
    "layers": [
        layer("conv1", "conv", [6, 24, 24], 156),
        layer("relu1", "relu", [6, 24, 24], 0),
    ],
    "parameters": {side: {"trainable": 156} for side in ("spec", "torch", "keras")},
    "checks": [
        check("structure", 0, "same", "156 = 156 = spec trainable; 2/2 tensors"),
        check("attributes", 2, "same", "14/14 settings"),
        check("forward", 3, "same within rounding", "2/2 layers; worst 3.1e-16 at conv1"),
        check("batches", None, "same", "12/12 epochs bit-identical"),
    ],
    "culprits": [],
    "coverage": {"layers": [2, 2], "parameters": [2, 2], "settings": [14, 14]},
    "comparison": {"accuracy_difference": 0.003, "agreement": 0.987},
    "verdict": "same within rounding",
}


def differing() -> dict[str, Any]:
    document = copy.deepcopy(AGREEING)
    document["layers"][1] |= {
        "forward": {"float32": "inf", "float64": "inf"},
        "verdict": "different",
    }
    document["layers"][0] |= {"parameters_keras": None}
    document["checks"][2] |= {
        "verdict": "different",
        "detail": "torch relu1 makes numbers that are not finite",
    }
    document["culprits"] = [
        {
            "rung": 3,
            "torch": "relu1",
            "keras": "relu1",
            "side": "torch",
            "cause": "nan",
            "evidence": {
                "detail": "makes numbers that are not finite",
                "phrase": "1 of 8 numbers are not finite; the others are right",
                "error_before": "inf",
                "error_after": 3.1e-16,
                "also": [],
                "tried": ["nan"],
            },
            "fix": {"torch": "nn.ReLU()", "keras": "layers.ReLU()"},
        }
    ]
    document["coverage"]["layers"] = [1, 2]
    document["verdict"] = "different"
    return document


def half_failed() -> dict[str, Any]:
    document = copy.deepcopy(AGREEING)
    document["backends"]["keras"] = {
        **dict.fromkeys(document["backends"]["keras"]),
        "status": "failed",
        "error": "the keras worker was killed by SIGKILL (out of memory?)",
        "history": [],
    }
    document |= {"layers": [], "checks": [], "coverage": {}, "comparison": {}}
    document["verdict"] = "not proven"
    return document


@pytest.mark.parametrize(
    ("name", "document"),
    [("agreeing", AGREEING), ("differing", differing()), ("half-failed", half_failed())],
)
def test_the_report_reads_exactly_like_this(name, document):
    assert report.text(document) == (REPORTS / f"{name}.txt").read_text()


def test_no_line_of_a_report_but_the_verdict_is_wider_than_130_columns():
    for document in (AGREEING, differing(), half_failed()):
        lines = [x for x in report.text(document).splitlines() if not x.startswith("verdict")]
        assert max(map(len, lines)) <= 130
