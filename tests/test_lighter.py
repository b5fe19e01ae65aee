"""What a large net's steps leave is taken away once it agrees, and only then."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from compare.checks import step
from compare.document import lighten
from compare.evidence import DTYPES, SIDES, STEP_ROW, STEPS, Evidence, steps_folder
from compare.folder import read_json
from compare.verdict import Verdict

ROW: dict[str, Any] = {
    "id": "step", "rung": 6, "verdict": "same within rounding", "detail": "50/50 tensors",
    "measured": 2.3e-14, "allowed": 1e-10,
}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "checks": [ROW],
    "recipe": {"optimizer": "sgd"},
    "coverage": {"steps": [10, 10]},
    "backends": {side: {"status": "ok"} for side in SIDES},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for side in SIDES:
        for count in STEPS:
            for dtype in DTYPES:
                place = tmp_path / side / steps_folder(count, dtype)
                place.mkdir(parents=True)
                (place / "weights.safetensors").write_bytes(b"x")
        (tmp_path / side / "trace-float64.safetensors").write_bytes(b"x")
    return tmp_path


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_steps_that_agree_leave_their_numbers_alone(folder):
    lighten(folder, DOCUMENT)
    traces = [f"{side}/trace-float64.safetensors" for side in SIDES]
    assert left(folder) == sorted([STEP_ROW, *traces])


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "different"},
        {"verdict": "not proven"},
        {"failed": True},
        {"missing": True},
    ],
)
def test_steps_that_do_not_agree_are_kept_whole(folder, change):
    document = copy.deepcopy(DOCUMENT)
    if "failed" in change:
        document["backends"]["keras"]["status"] = "failed"
    elif "missing" in change:
        document["checks"] = []
    else:
        document["checks"][0] |= change
    before = left(folder)
    lighten(folder, document)
    assert left(folder) == before


def judged(folder: Path, **change: Any):
    row = read_json(folder / STEP_ROW) | change
    return step.judge(Evidence(None, {}, {}, {}, step_row=row))  # type: ignore[arg-type]


def test_what_was_measured_is_judged_again_by_what_is_allowed_today(folder):
    lighten(folder, DOCUMENT)
    check = judged(folder)
    assert check is not None and check.verdict is Verdict.ROUNDING
    assert check.coverage == (10, 10) and "the arrays were not kept" in check.detail
    assert judged(folder, measured=1e-9).verdict is Verdict.DIFFERENT
    assert judged(folder, measured=1e-9, optimizer="adam", allowed=1e-6).verdict.agrees
    assert judged(folder, measured=0.0).verdict is Verdict.SAME


def test_no_steps_and_no_row_are_no_check():
    assert step.judge(Evidence(None, {}, {}, {})) is None  # type: ignore[arg-type]
