"""Ports in somebody's tests: compare.verify, assert_ports_match, and the fixture port_check."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import compare
from common.errors import UsageError
from compare.testing import assert_ports_match

ROOT = Path(__file__).parent.parent
TORCH, KERAS = (f"{ROOT}/tests/ports/bad_{side}.py" for side in ("torch", "keras"))


@pytest.fixture(autouse=True)
def rooms(tmp_path, monkeypatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_ports_that_match_return_the_document_and_leave_nothing(workers, rooms):
    result = compare.verify(f"{TORCH}:Net", f"{KERAS}:last", (1, 6, 6), workers=workers)
    assert (result["verdict"], result["exit_status"]) == ("same within rounding", 0)
    assert list(rooms.iterdir()) == []


def test_arguments_go_to_the_ports(workers):
    wide = {"torch_args": {"width": 3}, "keras_args": {"width": 3}}
    result = assert_ports_match(
        f"{TORCH}:Net", f"{KERAS}:last", inputs=[(1, 6, 6)], workers=workers, **wide
    )
    assert result["backends"]["torch"]["parameters"]["trainable"] == 30 + 3 * 16 * 3 + 3


def test_ports_that_differ_fail_with_layer_cause_place_and_fix(workers, rooms):
    with pytest.raises(AssertionError) as caught:
        assert_ports_match(f"{TORCH}:Net", f"{KERAS}:tanh", [(1, 6, 6)], workers=workers)
    said = str(caught.value)
    for words in ("do not match: different", "culprit relu (torch) / conv/tanh (keras)",
                  "cause other-activation", "fix in keras: ", "bad_torch.py:"):  # fmt: skip
        assert words in said, said
    (kept,) = rooms.iterdir()  # what was recorded, for a look at it
    assert str(kept) in said and (kept / "report.txt").is_file()
    assert not [*kept.rglob("*.safetensors")]  # gigabytes, of a large net


def test_what_is_not_proven_fails_and_says_why(workers, tmp_path):
    import numpy as np

    np.savez(tmp_path / "zeros.npz", np.zeros((2, 1, 6, 6), np.float32))
    with pytest.raises(AssertionError, match="not proven"):
        assert_ports_match(f"{TORCH}:Net", f"{KERAS}:last", (1, 6, 6), workers=workers,
                           probe=tmp_path / "zeros.npz")  # fmt: skip


def test_rungs_decide_as_on_the_command_line(workers):
    ports = (f"{TORCH}:Net", f"{KERAS}:tanh", (1, 6, 6))
    assert_ports_match(*ports, workers=workers, rungs=[0, 4, 5])


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        ("3x32x32", {}, "inputs: expected shapes"),
        ([()], {}, "inputs: expected shapes"),
        ((1, 6, 6), {"rungs": [9]}, "rungs: expected"),
        ((1, 6, 6), {"map": "nowhere.json"}, "--map nowhere.json"),
        ((1, 6, 6), {"torch_weights": "w.pt"}, "--keras-weights"),
    ],
)
def test_a_mistake_is_an_error_and_no_verdict(inputs, options, words, workers, rooms):
    with pytest.raises(UsageError if "map" not in options else Exception, match=words):
        assert_ports_match(f"{TORCH}:Net", f"{KERAS}:last", inputs, workers=workers, **options)
    assert list(rooms.iterdir()) == []


def test_a_mistake_is_shown_without_the_lines_of_this_program(workers):
    with pytest.raises(UsageError, match="has no 'Nett'") as caught:
        assert_ports_match(f"{TORCH}:Nett", f"{KERAS}:last", (1, 6, 6), workers=workers)
    assert [Path(entry.path).name for entry in caught.traceback] == [
        "test_testing.py",
        "testing.py",
    ]


def test_importing_it_loads_no_framework_and_nothing_heavy():
    code = (
        "import sys; from compare import verify; import compare.testing, compare.pytest_plugin; "
        "heavy = {'torch', 'keras', 'tensorflow', 'numpy', 'rich', 'compare.ports'}; "
        "print(sorted(heavy & set(sys.modules)), callable(verify))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[] True\n", done.stderr


SUITE = f"""
import sys

def test_nothing_heavy_is_imported_by_now():
    assert not {{"torch", "keras", "tensorflow", "numpy", "compare.ports"}} & set(sys.modules)

def test_right(port_check):
    port_check("{TORCH}:Net", "{KERAS}:last", inputs=[(1, 6, 6)])

def test_wrong(port_check):
    port_check("{TORCH}:Net", "{KERAS}:tanh", inputs=[(1, 6, 6)])

def test_a_port_that_is_none(port_check):
    port_check("{TORCH}:Net", "{KERAS}:nothing", inputs=[(1, 6, 6)])
"""


def test_the_fixture_fails_a_suite_with_the_reports_culprit(tmp_path):
    (tmp_path / "test_mine.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "compare.pytest_plugin", "-q", "--basetemp",
         str(tmp_path / "base"), "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "2 failed, 2 passed" in done.stdout, done.stdout
    assert "cause other-activation" in done.stdout and "fix in keras" in done.stdout
    assert "pytest_plugin.py" not in done.stdout  # the message alone, and none of our lines
    logs = sorted(path.name for path in (tmp_path / "base").rglob("*.log"))
    assert logs == ["keras-2.log", "torch-1.log"]  # each was started once
