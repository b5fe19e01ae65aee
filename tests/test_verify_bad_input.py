"""`compare verify` on what is no port, or does not fit: one clear line, and nothing left behind."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from common import tensors
from compare.cli import main
from compare.workers import Worker

PORTS = Path(__file__).parent / "ports"
TORCH, KERAS = f"{PORTS}/bad_torch.py", f"{PORTS}/bad_keras.py"
NET = (f"{TORCH}:Net", f"{KERAS}:last")
INPUT = ("--input", "1x6x6")


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty working folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def refused(place, capsys, monkeypatch, workers) -> Callable[..., str]:
    """Runs `compare` with the session's workers; what it says as it refuses, first line first."""

    def ask(*arguments: str, status: int = 2, own: dict[str, Worker] = workers) -> str:
        started = lambda side, *_: nullcontext(own[side])  # noqa: E731
        monkeypatch.setattr("compare.ports.verify.start", started)
        before = sorted(place.rglob("*"))
        found = main([*arguments, "--quiet"])
        out, err = capsys.readouterr()
        assert found == status, err
        assert out == ""
        assert err.startswith("compare: "), err
        assert "Traceback" not in err
        assert all(line.startswith("    ") for line in err.splitlines()[1:]), err
        if status == 2:
            assert sorted(place.rglob("*")) == before
        return err

    return ask


def line(file: str, code: str) -> str:
    """ "file.py:31", where that code stands first."""
    numbered = enumerate((PORTS / file).read_text().splitlines(), start=1)
    return f"{file}:{next(number for number, text in numbered if code in text)}"


def one_line(said: str) -> str:
    assert said.count("\n") == 1, said
    return said


# ---- what is no port

PORTS_THAT_ARE_NONE = {
    "torch returns None": (f"{TORCH}:nothing", None, ["returned None", "torch.nn.Module"]),
    "torch returns an array": (f"{TORCH}:array", None, ["returned a ndarray", "torch.nn.Module"]),
    "torch names a number": (f"{TORCH}:NUMBER", None, ["is a int", "a callable"]),
    "torch raises": (
        f"{TORCH}:raises",
        None,
        ["no such variant", line("bad_torch.py", "raise Run")],
    ),
    "torch leaves": (
        f"{TORCH}:leaves",
        None,
        ["SystemExit: goodbye", line("bad_torch.py", "goodbye")],
    ),
    "torch leaves in forward": (
        f"{TORCH}:Leaves",
        None,
        ["SystemExit: 0", line("bad_torch.py", "exit(0)")],
    ),
    "torch wants arguments": (f"{TORCH}:refuses_keyword", None, ["missing 1 required", "'width'"]),
    "torch wants two inputs": (f"{TORCH}:Two", None, ["missing 1 required", "'b'"]),
    "torch has no such name": (f"{TORCH}:Nett", None, ["has no 'Nett'"]),
    "torch file is not there": (f"{PORTS}/nowhere.py:Net", None, ["no file", "nowhere.py"]),
    "torch module is not there": ("nowhere.net:Net", None, ["no module 'nowhere.net'"]),
    "torch names no callable": (f"{TORCH}", None, ["path/file.py:callable"]),
    "keras returns None": (None, f"{KERAS}:nothing", ["returned None", "keras.Model"]),
    "keras returns an array": (None, f"{KERAS}:array", ["returned a ndarray", "keras.Model"]),
    "keras names a number": (None, f"{KERAS}:NUMBER", ["is a int", "a callable"]),
    "keras raises": (
        None,
        f"{KERAS}:raises",
        ["no such variant", line("bad_keras.py", "raise Run")],
    ),
    "keras leaves": (
        None,
        f"{KERAS}:leaves",
        ["SystemExit: goodbye", line("bad_keras.py", "goodbye")],
    ),
    "keras leaves in call": (
        None,
        f"{KERAS}:Leaves",
        ["SystemExit: 0", line("bad_keras.py", "exit(0)")],
    ),
    "keras wants two inputs": (None, f"{KERAS}:two", ["takes 2 inputs", "1"]),
    "keras has no such name": (None, f"{KERAS}:nett", ["has no 'nett'"]),
    "keras module is not there": (None, "nowhere.net:Net", ["no module 'nowhere.net'"]),
}


@pytest.mark.parametrize("case", PORTS_THAT_ARE_NONE)
def test_what_is_no_port_is_refused_in_one_line(case, refused):
    torch, keras, words = PORTS_THAT_ARE_NONE[case]
    said = one_line(refused("verify", torch or NET[0], keras or NET[1], *INPUT))
    assert all(word in said for word in words), said


@pytest.mark.parametrize("side", ["torch", "keras"])
def test_a_port_file_that_is_not_python_is_refused_with_its_line(side, refused, place):
    (place / "mine.py").write_text('"""Not yet."""\n\ndef net(:\n')
    ports = dict(zip(("torch", "keras"), NET, strict=True))
    ports[side] = "mine.py:net"
    said = refused("verify", *ports.values(), *INPUT)
    assert "SyntaxError" in said.splitlines()[0]
    assert "mine.py:3" in said and "def net(:" in said


@pytest.mark.parametrize("side", ["torch", "keras"])
def test_an_import_that_fails_is_shown_with_the_users_own_frames(side, refused):
    ports = dict(zip(("torch", "keras"), NET, strict=True))
    ports[side] = f"{PORTS}/imports_missing.py:net"
    first, *frames = refused("verify", *ports.values(), *INPUT).splitlines()
    assert "No module named 'no_such_package'" in first and "imports_nothing.py:3" in first
    assert ["imports_missing.py:3" in frames[0], "imports_nothing.py:3" in frames[1]] == [True] * 2
    assert len(frames) == 2


# ---- inputs


def test_a_wrong_shape_is_told_with_the_one_that_keras_expects(refused):
    said = one_line(refused("verify", f"{TORCH}:AnySize", NET[1], "--input", "1x8x8"))
    assert "(6, 6, 1)" in said and "(8, 8, 1)" in said and "bad_keras.py:last" in said


def test_a_wrong_shape_is_told_where_pytorch_raises_and_what_it_was_given(refused):
    said = one_line(refused("verify", NET[0], NET[1], "--input", "1x8x8"))
    assert line("bad_torch.py", "self.fc(torch") in said and "(4, 1, 8, 8)" in said


def test_too_many_inputs_are_refused(refused):
    said = one_line(refused("verify", *NET, *INPUT, *INPUT))
    assert "takes 2 positional arguments but 3 were given" in said


OPTIONS = {
    "args not JSON": (["--torch-args", "{width: 3}"], ["--torch-args", "JSON object"]),
    "args a list": (["--keras-args", "[3]"], ["--keras-args", "JSON object"]),
    "args unknown": (["--torch-args", '{"depth": 3}'], ["depth", "bad_torch.py:Net"]),
    "shape no shape": (["--input", "3*4"], ["3x224x224"]),
    "map not there": (["--map", "map.json"], ["--map map.json", "cannot be read"]),
    "save-map nowhere": (["--save-map", "no/map.json"], ["--save-map", "no folder no"]),
    "json nowhere": (["--json", "no/out.json"], ["--json", "no folder no"]),
    "md nowhere": (["--md", "no/out.md"], ["--md", "no folder no"]),
    "junit nowhere": (["--junit", "no/out.xml"], ["--junit", "no folder no"]),
    "probe not there": (["--probe", "probe.npz"], ["--probe", "probe.npz"]),
    "one side's weights": (["--torch-weights", "w.safetensors"], ["--keras-weights", "neither"]),
    "rungs no rungs": (["--rungs", "1-x"], ["--rungs", "0-3"]),
    "rungs that are none": (["--rungs", "9"], ["--rungs", "from 0 to 6"]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_that_cannot_be_used_is_refused(case, refused):
    options, words = OPTIONS[case]
    said = one_line(refused("verify", *NET, *INPUT, *options))
    assert all(word in said for word in words), said


# ---- files


def test_a_map_that_is_not_json_is_refused(refused, place):
    (place / "map.json").write_text("layers:")
    assert "expected JSON" in one_line(refused("verify", *NET, *INPUT, "--map", "map.json"))


@pytest.mark.parametrize("layers", [{"convv": "conv"}, {"conv": "convv"}])
def test_a_map_that_names_an_unknown_layer_is_refused_with_the_known_ones(layers, refused, place):
    (place / "map.json").write_text(json.dumps({"layers": layers}))
    said = one_line(refused("verify", *NET, *INPUT, "--map", "map.json"))
    assert "convv" in said and "fc" in said


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"conv": "fc"}, "torch's conv cannot be keras's fc, which holds other tensors; conv can"),
        ({"conv": "fc", "fc": "conv"}, "torch's conv cannot be keras's fc"),
        ({"conv": "conv", "fc": "conv"}, "expected each layer of keras once, found 'conv' again"),
    ],
)
def test_a_map_of_layers_that_fit_others_is_refused(layers, said, refused, place):
    (place / "map.json").write_text(json.dumps({"layers": layers}))
    assert said in one_line(refused("verify", *NET, *INPUT, "--map", "map.json"))


def test_a_probe_of_another_shape_is_refused(refused, place):
    np.savez(place / "probe.npz", np.ones((2, 6, 6, 1)))
    said = one_line(refused("verify", *NET, *INPUT, "--probe", "probe.npz"))
    assert "(2, 6, 6, 1)" in said and "('N', 1, 6, 6)" in said


def test_a_probe_of_too_many_arrays_is_refused(refused, place):
    np.savez(place / "probe.npz", np.ones((2, 1, 6, 6)), np.ones((2, 1, 6, 6)))
    assert "expected arrays" in one_line(refused("verify", *NET, *INPUT, "--probe", "probe.npz"))


class Code:
    """Whoever unpickles this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_probe_that_is_a_pickle_is_refused_and_does_not_run(refused, place, tmp_path):
    np.savez(place / "probe.npz", np.array([Code(tmp_path / "ran")], dtype=object))
    assert "--probe" in one_line(refused("verify", *NET, *INPUT, "--probe", "probe.npz"))
    assert not (tmp_path / "ran").exists()


KERNEL, BIAS = np.ones((4, 1, 3, 3), np.float32), np.ones(4, np.float32)
FC = {"fc.weight": np.ones((3, 64), np.float32), "fc.bias": np.ones(3, np.float32)}
CONV = {"conv.weight": KERNEL, "conv.bias": BIAS}
MISFITS = {
    "missing": ({**FC, "conv.weight": KERNEL}, ["missing: conv.bias"]),
    "unexpected": ({**FC, **CONV, "bn.weight": BIAS}, ["unexpected: bn.weight"]),
    "misshapen": (
        {**FC, **CONV, "conv.bias": np.ones(5, np.float32)},
        ["conv.bias (5,)", "(4,)"],
    ),
    "DataParallel's": (
        {f"module.{name}": x for name, x in {**FC, **CONV}.items()},
        ["begins with module.", "removeprefix('module.')"],
    ),
}


@pytest.fixture
def keras_weights(place) -> Path:
    """Weights that fit bad_keras.py:last."""
    path = place / "keras.safetensors"
    arrays = {
        "conv.kernel": np.ones((3, 3, 1, 4)), "conv.bias": np.ones(4),
        "fc.kernel": np.ones((64, 3)), "fc.bias": np.ones(3),
    }  # fmt: skip
    tensors.save(path, {name: x.astype(np.float32) for name, x in arrays.items()})
    return path


@pytest.mark.parametrize("case", MISFITS)
def test_torch_weights_that_do_not_fit_are_refused(case, refused, place, keras_weights):
    arrays, words = MISFITS[case]
    tensors.save(place / "w.safetensors", arrays)
    given = ("--torch-weights", "w.safetensors", "--keras-weights", keras_weights.name)
    said = one_line(refused("verify", *NET, *INPUT, *given))
    assert all(word in said for word in ["w.safetensors", *words]), said


@pytest.mark.parametrize("case", ["missing", "unexpected", "misshapen"])
def test_keras_weights_that_do_not_fit_are_refused(case, refused, place, keras_weights):
    arrays = tensors.load(keras_weights)
    arrays = {
        "missing": {k: x for k, x in arrays.items() if k != "conv.bias"},
        "unexpected": arrays | {"bn.gamma": BIAS},
        "misshapen": arrays | {"conv.bias": np.ones(5, np.float32)},
    }[case]
    tensors.save(keras_weights, arrays)
    tensors.save(place / "w.safetensors", {**FC, **CONV})
    given = ("--torch-weights", "w.safetensors", "--keras-weights", keras_weights.name)
    said = one_line(refused("verify", *NET, *INPUT, *given))
    named = {"missing": "conv.bias", "unexpected": "bn.gamma", "misshapen": "(5,)"}[case]
    assert named in said and "keras.safetensors" in said


def as_zip(path: Path, pickled: bytes) -> None:
    """As torch.save writes a file: the pickle in an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")


@pytest.mark.parametrize("write", [as_zip, Path.write_bytes])
def test_a_pickle_with_code_is_refused_and_runs_with_trust_alone(
    write, refused, place, tmp_path, keras_weights
):
    ran = tmp_path / "ran"
    write(place / "w.pt", pickle.dumps({"x": Code(ran)}, protocol=2))
    given = ("--torch-weights", "w.pt", "--keras-weights", keras_weights.name)
    said = one_line(refused("verify", *NET, *INPUT, *given))
    assert "w.pt" in said and "code" in said and "--trust" in said
    assert not ran.exists()
    if write is as_zip:  # it is code that would have run; PyTorch reads the other with more ado
        refused("verify", *NET, *INPUT, *given, "--trust")
        assert ran.exists()


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_file_that_holds_no_weights_is_refused(name, refused, place, keras_weights):
    (place / name).write_bytes(b"not weights at all, in any format" * 10)
    given = ("--torch-weights", name, "--keras-weights", keras_weights.name)
    assert name in one_line(refused("verify", *NET, *INPUT, *given))


# ---- what works all the same


def test_a_port_that_trains_and_prints_while_it_is_made_is_verified(
    place, workers, monkeypatch, capsys
):
    monkeypatch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
    given = ("verify", f"{TORCH}:Chatty", f"{KERAS}:chatty", *INPUT, "--quiet", "--json", "-")
    assert main(given) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "same within rounding"
    room = Path(workers["torch"].room.name)  # which goes when the worker ends
    assert [*room.rglob("chatty-*")] and not [*room.parent.glob("chatty-*")]


def test_a_module_in_the_working_folder_is_found(place, workers, monkeypatch, capsys):
    (place / "mine").mkdir()
    for side in ("torch", "keras"):
        (place / "mine" / f"{side}_net.py").write_text((PORTS / f"bad_{side}.py").read_text())
    monkeypatch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
    assert main(["verify", "mine.torch_net:Net", "mine.keras_net:last", *INPUT, "--quiet"]) == 0


@pytest.mark.parametrize("form", ["mine.{}:Net", "mine/{}.py:Net"])
def test_a_user_may_have_a_package_of_the_name_of_ours(form, place, workers, monkeypatch, capsys):
    for package in ("mine", "common"):
        (place / package).mkdir()
        (place / package / "__init__.py").write_text("")
    (place / "common" / "sizes.py").write_text("CHANNELS = 5")
    torch = """
    from torch import nn
    from common.sizes import CHANNELS
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            from common import sizes
            self.conv = nn.Conv2d(1, sizes.CHANNELS, 3)
        def forward(self, x):
            import common.sizes
            return self.conv(x)[:, : common.sizes.CHANNELS]
    """
    keras = """
    import keras
    from common.sizes import CHANNELS
    def Net():
        return keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(CHANNELS, 3)])
    """
    for side, text in (("t", torch), ("k", keras)):
        (place / "mine" / f"{side}.py").write_text(dedent(text))
    monkeypatch.setattr("compare.ports.verify.start", lambda side, *_: nullcontext(workers[side]))
    assert main(["verify", form.format("t"), form.format("k"), *INPUT, "--quiet"]) == 0


def test_what_stands_beside_one_port_is_not_beside_the_next(place):
    """A worker that has seen a user's package called `common` still finds this project's own."""
    (place / "common").mkdir()
    (place / "common" / "spec.py").write_text("")
    code = (
        "from common.locate import beside, locate; from common.spec import Spec; "
        f"beside({str(place / 'net.py')!r} + ':Net'); print(locate('common.spec:Spec') is Spec)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PORTS.parent.parent, capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr


# ---- workers that die


@pytest.fixture
def own_torch(workers, tmp_path):
    """A PyTorch worker that may be lost."""
    with Worker("torch", sys.executable, tmp_path / "log", timeout=120, device="cpu") as worker:
        worker.ready()
        yield {**workers, "torch": worker}


@pytest.mark.slow
def test_a_port_that_ends_its_process_is_a_workers_failure(refused, own_torch):
    said = refused("verify", f"{TORCH}:Dies", NET[1], *INPUT, status=3, own=own_torch)
    assert "ended by itself with status 7" in said


@pytest.mark.slow
def test_a_port_that_never_returns_meets_the_time_limit(refused, own_torch):
    own_torch["torch"].timeout = 2.0
    said = refused("verify", f"{TORCH}:Hangs", NET[1], *INPUT, status=3, own=own_torch)
    assert "hung" in said and "--timeout" in said
