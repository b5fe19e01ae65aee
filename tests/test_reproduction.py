"""What `compare verify` leaves of a culprit without a cause shows the fault to whoever runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compare import suite
from compare.cli import main
from compare.evidence import relative_error
from compare.ports import document, report, reproduce
from compare.ports.fault import Fault
from compare.ports.looks import SIDES, Room
from compare.ports.trial import as_users
from compare.ports.verify import Request, load, seen

ROOT = Path(__file__).parent.parent
PORTS = ROOT / "tests" / "ports"
ODD = f"{PORTS}/odd_torch.py", f"{PORTS}/odd_keras.py"
UNKNOWN = {  # a fault without a cause, and how many layers it is in
    "keras_float16_in_float32": 1,
    "keras_mean_subsample": 1,
    "keras_plain_tanh": 1,
    "keras_rbf_root": 1,
    "torch_dropout_in_evaluation": 1,
    "torch_overhang_counted": 1,
    "torch_stride": 2,
    "torch_table": 1,
}


@pytest.fixture
def verified(workers, tmp_path):
    """The document of a pair, judged with the workers of the session; its folder is tmp_path."""

    def ask(request: Request) -> dict[str, Any]:
        for side in SIDES:
            (tmp_path / side).mkdir()
        loads = {side: load(request, side) for side in SIDES}
        return document.of(seen(request, Room(tmp_path, loads, workers)), ())

    return ask


def run(folder: Path) -> float:
    """Both scripts, by processes that know nothing of this program; how far apart they are."""
    started = [
        subprocess.Popen(
            [sys.executable, folder / f"{side}_layer.py"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for side in SIDES
    ]
    said = [process.communicate(timeout=280) for process in started]
    for side, process, (out, error) in zip(SIDES, started, said, strict=True):
        assert process.returncode == 0, error
        assert out.startswith(f"{side} makes ("), out
    assert any("max |keras - torch|" in out or "and keras (" in out for out, _ in said)
    return relative_error(*(np.load(folder / f"{side}.npy") for side in ("keras", "torch")))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n == "torch_dropout_in_evaluation" else pytest.mark.slow)
        for n in UNKNOWN
    ],
)
def test_the_scripts_differ_by_the_error_that_was_told(verified, tmp_path, name):
    (case,) = [case for case in suite.cases(["fault"]) if case.name == name]
    found = verified(as_users(case, names=False))
    assert [c["cause"] for c in found["culprits"]] == [None] * UNKNOWN[name]
    for culprit in found["culprits"]:
        folder = Path(culprit["reproduction"])
        assert {file.name for file in folder.iterdir()} == {
            "torch_layer.py", "keras_layer.py", "input.npz",
        }  # fmt: skip
        assert f"reproduction: {folder}" in report.text(found)
        apart = run(folder)
        if name == "keras_float16_in_float32":  # the last place of float16 is 4.9e-4
            assert 1e-4 < apart < 1e-2
        else:
            np.testing.assert_allclose(apart, float(culprit["error_float64"]), rtol=1e-6)


@pytest.mark.slow
def test_what_is_inside_of_a_model_is_shown_by_the_whole_of_it(verified, tmp_path):
    ports = (f"{path}:Inside" for path in ODD)
    found = verified(Request(*ports, ((6,),)))
    folder = Path(found["culprits"][0]["reproduction"])
    assert "the whole model runs" in " ".join((folder / "torch_layer.py").read_text().split())
    np.testing.assert_allclose(run(folder), found["outputs_apart"], rtol=1e-6)


@pytest.mark.slow
def test_another_gradient_is_shown_on_the_way_back(verified, tmp_path):
    ports = f"{ODD[0]}:Backwards", f"{ODD[1]}:backwards"
    (culprit,) = verified(Request(*ports, ((6,),)))["culprits"]
    assert (culprit["rung"], culprit["cause"]) == (5, None)
    np.testing.assert_allclose(
        run(Path(culprit["reproduction"])), culprit["error_float64"], rtol=1e-6
    )


def test_whole_models_which_may_be_large_are_left_once(tmp_path, monkeypatch):
    made = iter([(whole, {"torch_layer.py": ""}, {}) for whole in (True, False, True)])
    monkeypatch.setattr(reproduce, "reproduction", lambda seen, fault: next(made))
    faults = [Fault(3, "", "", None, "") for _ in range(3)]
    found = reproduce.reproduced(SimpleNamespace(room=SimpleNamespace(folder=tmp_path)), faults)
    assert [Path(found[id(fault)]).name[-1] for fault in faults] == ["1", "2", "1"]


def test_a_culprit_with_a_cause_needs_none(verified, tmp_path):
    (case,) = [case for case in suite.cases(["fault"]) if case.name == "keras_bn_eps"]
    found = verified(as_users(case, names=False))
    assert [c["reproduction"] for c in found["culprits"]] == [None]
    assert not [*tmp_path.glob("reproduction*")]


def test_it_stays_where_arrays_are_not_kept(workers, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
    assert main(["verify", *(f"{path}:Inside" for path in ODD), "--input", "6", "--quiet"]) == 1
    (folder,) = tmp_path.glob("runs/*/reproduction-1")
    assert str(folder.relative_to(tmp_path)) in capsys.readouterr().out
    assert (folder / "input.npz").is_file() and not [*tmp_path.rglob("*.safetensors")]
