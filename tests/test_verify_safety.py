"""Weights are data: nothing of a file that came with them is run, or even read."""

from __future__ import annotations

import json
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from common import tensors
from compare.cli import main

PORTS = Path(__file__).parent / "ports"
PAIR = (f"{PORTS}/bad_torch.py:Net", f"{PORTS}/bad_keras.py:last", "--input", "1x6x6", "--quiet")


@pytest.fixture
def place(tmp_path, monkeypatch, workers) -> Path:
    """A working folder with net.safetensors, and net.keras of the same numbers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (4, 1, 3, 3), "conv.bias": (4,), "fc.weight": (3, 64), "fc.bias": (3,)}
    state = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    tensors.save(tmp_path / "net.safetensors", state)
    carried = ("--from", "torch", "--weights", "net.safetensors", "--to", "net.keras")
    assert main(["transfer", *PAIR, *carried]) == 0
    return tmp_path


def test_the_code_within_a_keras_file_is_not_read(place, capsys):
    """A .keras file describes the model, with code in its Lambda layers: the port is the model."""
    with zipfile.ZipFile(place / "net.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert json.loads(parts["config.json"])["class_name"] == "Functional"
    parts["config.json"] = b"whoever reads this fails"
    with zipfile.ZipFile(place / "odd.keras", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    given = ("--torch-weights", "net.safetensors", "--keras-weights", "odd.keras")
    assert main(["verify", *PAIR, *given, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "same within rounding"


def test_weights_that_are_off_by_one_number_are_told_apart(place, capsys):
    """The files are what is judged: the net of the test above is not the same by luck."""
    state = dict(tensors.load(place / "net.safetensors"))
    state["fc.bias"] = state["fc.bias"] + np.array([0, 1e-3, 0], np.float32)
    tensors.save(place / "off.safetensors", state)
    given = ("--torch-weights", "off.safetensors", "--keras-weights", "net.keras")
    assert main(["verify", *PAIR, *given]) == 1
    assert "culprit fc" in capsys.readouterr().out
