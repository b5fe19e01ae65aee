"""`compare transfer`: trained weights across a verified pair, both ways, or nothing at all."""

from __future__ import annotations

import json
import zipfile
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest

from common import tensors
from compare.cli import main

PORTS = Path(__file__).parent / "ports"
PAIR = (f"{PORTS}/branches_torch.py:Branches", f"{PORTS}/branches_keras.py:Branches")
INPUT = ("--input", "3x8x10", "--quiet")
SMALL = (f"{PORTS}/bad_torch.py:Net", f"{PORTS}/bad_keras.py:last", "--input", "1x6x6", "--quiet")


@pytest.fixture
def place(tmp_path, monkeypatch, workers) -> Path:
    """An empty working folder, and the session's workers for every command."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
    return here


@pytest.fixture
def state(place) -> dict[str, np.ndarray]:
    """A "trained" state_dict of branches_torch.py, in net.safetensors."""
    rng = np.random.default_rng(0)
    shapes = {
        "stem.weight": (4, 3, 3, 3), "stem.bias": (4,), "bn.weight": (4,), "bn.bias": (4,),
        "bn.running_mean": (4,), "left.weight": (4, 4, 1, 1), "right.weight": (2, 4, 3, 3),
        "right.bias": (2,), "fc.weight": (5, 72), "fc.bias": (5,),
    }  # fmt: skip
    arrays = {k: rng.normal(size=shape).astype(np.float32) for k, shape in shapes.items()}
    arrays["bn.running_var"] = rng.uniform(0.5, 2, 4).astype(np.float32)
    arrays["bn.num_batches_tracked"] = np.array(7)
    tensors.save(place / "net.safetensors", arrays)
    return arrays


def carry(source: str, weights: str, to: str, *more: str) -> int:
    given = ("--from", source, "--weights", weights, "--to", to)
    return main(["transfer", *PAIR, *INPUT, *given, *more])


def test_a_kernel_behind_a_flatten_lands_where_keras_reads_it(place, state, capsys):
    assert carry("torch", "net.safetensors", "net.weights.h5", "--json", "-") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["carried"]["tensors"] == 11
    assert told["carried"]["numbers"] == sum(x.size for x in state.values()) - 1  # the counter
    assert told["proof"]["outputs_apart"] < 1e-13
    with h5py.File(place / "net.weights.h5") as file:
        kernel, bias = (file[f"fc/vars/{i}"][:] for i in (0, 1))
        stem = file["layers/padded_conv/vars/0"][:]
    # fc reads 6 maps of 3x4: PyTorch's feature is c * 12 + h * 4 + w, Keras' (h * 4 + w) * 6 + c
    expected = state["fc.weight"].reshape(5, 6, 3, 4).transpose(2, 3, 1, 0).reshape(72, 5)
    np.testing.assert_array_equal(kernel, expected)
    np.testing.assert_array_equal(bias, state["fc.bias"])
    np.testing.assert_array_equal(stem, state["stem.weight"].transpose(2, 3, 1, 0))


@pytest.mark.parametrize(
    ("way", "home"), [("net.weights.h5", "back.safetensors"), ("net.keras", "back.pt")]
)
def test_there_and_back_is_the_same_to_the_bit(way, home, place, state):
    assert carry("torch", "net.safetensors", way) == 0
    assert carry("keras", way, home) == 0
    if home.endswith(".pt"):  # read by the third leg, strictly
        assert carry("torch", home, "again.weights.h5") == 0
        with h5py.File(place / "again.weights.h5") as file:
            np.testing.assert_array_equal(file["fc/vars/1"][:], state["fc.bias"])
        return
    again = tensors.load(place / home)
    assert set(again) == set(state)
    for name in state.keys() - {"bn.num_batches_tracked"}:  # Keras keeps no such counter
        assert again[name].tobytes() == state[name].tobytes(), name


def test_numbers_of_float64_are_not_rounded(place, state):
    exact = {k: x.astype(np.float64) / 3 if x.dtype.kind == "f" else x for k, x in state.items()}
    tensors.save(place / "exact.safetensors", exact)
    assert carry("torch", "exact.safetensors", "net.weights.h5") == 0
    with h5py.File(place / "net.weights.h5") as file:
        np.testing.assert_array_equal(file["fc/vars/1"][:], exact["fc.bias"])


def left(place: Path) -> set[str]:
    return {str(p.relative_to(place)) for p in place.rglob("*") if p.parts[-2] == place.name}


def test_ports_that_differ_are_refused_and_nothing_is_written(place, state, capsys):
    keras = f"{PORTS}/bad_keras.py:tanh"
    assert main(["transfer", SMALL[0], keras, *SMALL[2:], "--from", "torch", "--weights",
                 "net.safetensors", "--to", "net.weights.h5"]) == 1  # fmt: skip
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "nothing was carried" in err and "different" in err
    assert left(place) == {"net.safetensors", "runs"}


def test_a_verdict_that_is_not_proven_is_refused_with_status_4(place, state, capsys):
    np.savez(place / "ones.npz", np.zeros((2, 3, 8, 10), np.float32))
    status = carry("torch", "net.safetensors", "net.weights.h5", "--probe", "ones.npz")
    err = capsys.readouterr().err
    assert (status, "not proven" in err) == (4, True), err
    assert left(place) == {"net.safetensors", "ones.npz", "runs"}


MISTAKES = {
    "other file's suffix": (("torch", "net.safetensors", "net.pt"), ".weights.h5"),
    "a keras file's suffix": (("keras", "net.safetensors", "net.weights.h5"), ".safetensors"),
    "no such weights": (("torch", "nowhere.pt", "net.weights.h5"), "nowhere.pt"),
    "no such folder": (("torch", "net.safetensors", "no/net.keras"), "there is no folder no"),
    "weights of another net": (("torch", "other.safetensors", "net.keras"), "missing"),
    "weights that are none": (("keras", "none.keras", "net.pt"), "none.keras"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(case, place, state, capsys):
    tensors.save(place / "other.safetensors", {"fc.bias": state["fc.bias"]})
    (place / "none.keras").write_bytes(b"none")
    given, word = MISTAKES[case]
    assert carry(*given) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and word in err, err
    assert left(place) == {"net.safetensors", "other.safetensors", "none.keras"}


def test_a_file_whose_outputs_are_apart_is_not_kept(place, state, capsys, monkeypatch):
    monkeypatch.setattr("compare.ports.carry.CARRIED_FLOAT64", -1.0)
    assert carry("torch", "net.safetensors", "net.keras") == 3
    assert "apart on the probe" in capsys.readouterr().err
    assert left(place) == {"net.safetensors", "runs"}


def test_a_keras_file_is_what_keras_itself_loads(place, state):
    assert carry("torch", "net.safetensors", "net.keras") == 0
    with zipfile.ZipFile(place / "net.keras") as archive:
        assert {"config.json", "model.weights.h5"} <= set(archive.namelist())
