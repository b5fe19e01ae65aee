"""A user's mistake ends in one clear line and exit status 2, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from compare.cli import main

ROOT = Path(__file__).parent.parent
RUN = ("--model", "lenet")


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty working folder, and no data set anywhere that the machine's owner put there."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras-home"))
    monkeypatch.delenv("COMPARE_DATA", raising=False)
    return here


@pytest.fixture
def refused(place, capsys) -> Callable[..., str]:
    """Runs `compare` and returns the one line in which it refuses."""

    def ask(*arguments: str, status: int = 2) -> str:
        before = sorted(place.rglob("*"))
        assert main(arguments) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("compare: ") and err.count("\n") == 1, err
        assert sorted(place.rglob("*")) == before
        return err

    return ask


OPTIONS = {
    "nothing": ([], "COMMAND"),
    "unknown command": (["lenet"], "lenet"),
    "no model": (["--epochs", "2"], "--model"),
    "no value": (["--model"], "expected one argument"),
    "unknown option": ([*RUN, "--wibble"], "--wibble"),
    "misspelt option": ([*RUN, "--epoch", "2"], "did you mean --epochs?"),
    "unknown model": (["--model", "lennet"], "did you mean lenet"),
    "unknown model of check": (["check", "--model", "x"], "unknown model 'x'"),
    "unknown model of describe": (["describe", "le-net"], "did you mean lenet"),
    "unknown recipe": ([*RUN, "--recipe", "defualt"], "did you mean default?"),
    "unknown data set": ([*RUN, "--data", "mnist5k"], "mnist-5k"),
    "unknown device": ([*RUN, "--device", "gpu"], "choose from"),
    "epochs 0": ([*RUN, "--epochs", "0"], "positive whole number, got '0'"),
    "epochs -1": ([*RUN, "--epochs", "-1"], "positive whole number, got '-1'"),
    "epochs 1.5": ([*RUN, "--epochs", "1.5"], "positive whole number, got '1.5'"),
    "epochs ten": ([*RUN, "--epochs", "ten"], "positive whole number, got 'ten'"),
    "batch size 0": ([*RUN, "--batch-size", "0"], "positive whole number, got '0'"),
    "batch size nan": ([*RUN, "--batch-size", "nan"], "positive whole number, got 'nan'"),
    "seed -1": ([*RUN, "--seed", "-1"], "whole number from 0"),
    "seed 0.5": ([*RUN, "--seed", "0.5"], "whole number from 0"),
    "seed 2**32": ([*RUN, "--seed", str(2**32)], "to 4294967295"),
    "rate 0": ([*RUN, "--lr", "0"], "positive number"),
    "rate -0.1": ([*RUN, "--lr", "-0.1"], "positive number"),
    "rate nan": ([*RUN, "--lr", "nan"], "positive number"),
    "rate inf": ([*RUN, "--lr", "inf"], "positive number"),
    "rate that float32 takes for 0": ([*RUN, "--lr", "1e-60"], "positive number"),
    "rate that float32 takes for inf": ([*RUN, "--lr", "1e60"], "positive number"),
    "timeout 0": ([*RUN, "--timeout", "0"], "positive number"),
    "jobs 3": ([*RUN, "--jobs", "3"], "choose from 1, 2"),
    "layout": ([*RUN, "--layout", "nchw", "--device", "cpu"], "channels first on a GPU alone"),
    "batch larger than the data": ([*RUN, "--batch-size", "4001"], "4,000 training images"),
    "more epochs than memory": ([*RUN, "--epochs", str(10**9), "--quiet"], "not enough memory"),
    "json in no folder": ([*RUN, "--json", "nowhere/r.json"], "there is no folder nowhere"),
    "json that is a folder": ([*RUN, "--json", "/"], "is a folder, expected a file"),
    "json below a file": ([*RUN, "--json", f"{__file__}/r.json"], "there is no folder"),
    "json in /proc": ([*RUN, "--json", "/proc/r.json"], "/proc cannot be written to"),
    "json of list": (["list", "--json", "/proc/r.json"], "/proc/r.json: cannot be written"),
    "out below a file": ([*RUN, "--out", f"{__file__}/run"], "test_bad_input.py/run: cannot be"),
    "out in /proc": ([*RUN, "--out", "/proc/run"], "/proc/run: cannot be written"),
    "out with too long a name": ([*RUN, "--out", "n" * 300], "File name too long"),
    "out that is a file": ([*RUN, "--out", __file__], "not an empty folder"),
    "out that is full": ([*RUN, "--out", str(ROOT)], "not an empty folder"),
    "judge of nothing": (["judge", "nowhere"], "no folder of that name"),
    "report of nothing": (["report", "nowhere"], "no folder of that name"),
    "judge of another folder": (["judge", str(ROOT)], "no manifest.json"),
    "report of another folder": (["report", str(ROOT)], "no result.json"),
}


def test_a_file_where_the_runs_go_is_refused(refused, place):
    (place / "runs").write_text("")
    assert "--out runs: cannot be written" in refused(*RUN)


@pytest.mark.parametrize(("arguments", "words"), OPTIONS.values(), ids=OPTIONS)
def test_a_wrong_option_is_refused(refused, arguments, words):
    assert words in refused(*arguments)


# ---------------------------------------------------------------------------------------- data


def save(path: Path, **changed: object) -> None:
    """Twenty images and labels that LeNet could read, but for what is changed."""
    rng = np.random.default_rng(0)
    arrays = {"x": rng.integers(0, 256, (20, 28, 28), np.uint8), "y": np.arange(20) % 10}
    np.savez(path, **{**arrays, **changed})


def with_one(value: float) -> np.ndarray:
    """Float pixels, one of them odd."""
    x = np.zeros((20, 28, 28), np.float32)
    x[3, 2, 1] = value
    return x


def cut_short(path: Path) -> None:
    save(path)
    path.write_bytes(path.read_bytes()[:-4000])


def with_wrong_bytes(path: Path) -> None:
    save(path)
    raw = bytearray(path.read_bytes())
    raw[5000:5100] = bytes(100)
    path.write_bytes(raw)


DATA = {
    "shape": (lambda p: save(p, x=np.zeros((20, 20, 20), np.uint8)), "(1, 28, 28)"),
    "axes": (lambda p: save(p, x=np.zeros((20, 784), np.uint8)), "found shape (20, 784)"),
    "colours": (lambda p: save(p, x=np.zeros((20, 28, 28, 3), np.uint8)), "(28, 28, 3)"),
    "dtype of pixels": (lambda p: save(p, x=np.zeros((20, 28, 28), np.int32)), "int32"),
    "dtype of labels": (lambda p: save(p, y=np.arange(20) / 2), "labels as integers"),
    "one-hot labels": (lambda p: save(p, y=np.eye(20, dtype=int)), "one-hot"),
    "too many classes": (lambda p: save(p, y=np.arange(20) % 12), "at most 10 classes"),
    "negative label": (lambda p: save(p, y=np.arange(20) - 1), "labels from 0 up, found -1"),
    "labels too few": (lambda p: save(p, y=np.arange(10)), "expected 20 labels"),
    "NaN": (lambda p: save(p, x=with_one(np.nan)), "found nan at index [3, 2, 1]"),
    "infinite": (lambda p: save(p, x=with_one(np.inf)), "found inf at index [3, 2, 1]"),
    "no images": (lambda p: save(p, x=np.zeros((0, 28, 28), np.uint8)), "at least one image"),
    "other names": (lambda p: np.savez(p, images=np.zeros(3)), "found images"),
    "objects": (lambda p: save(p, x=np.array([{}] * 20)), "never unpickled"),
    "cut short": (cut_short, "cut short"),
    "wrong bytes": (with_wrong_bytes, "save it again"),
    "no archive": (lambda p: p.write_text("x, y\n1, 2\n"), "expected an .npz archive"),
    "no file": (lambda p: None, "No such file"),
    "a folder": (lambda p: p.mkdir(), "Is a directory"),
}


@pytest.mark.parametrize(("make", "words"), DATA.values(), ids=DATA)
def test_data_that_cannot_be_used_is_refused(refused, place, make, words):
    make(place / "own.npz")
    message = refused(*RUN, "--data", "own.npz")
    assert "own.npz" in message and words in message


def test_a_data_set_that_is_not_here_says_where_it_was_looked_for_and_how_to_get_it(
    refused, place, tmp_path
):
    message = refused(*RUN, "--data", "mnist", "--data-dir", "mine")
    for folder in (place / "mine", place / "data" / "MNIST" / "raw", tmp_path / "keras-home"):
        assert str(folder) in message
    assert "--data-dir" in message and "--download, which fetches 12 MB" in message


def test_damaged_files_of_a_known_data_set_are_refused(refused, place):
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (place / f"{part}-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0]))
    message = refused(*RUN, "--data", "mnist", "--data-dir", ".")
    assert "train-images-idx3-ubyte" in message and "fetch the file again" in message


# --------------------------------------------------------------------------------- interpreters


def text_file(place: Path) -> str:
    (place / "notes.txt").write_text("not an interpreter\n")
    return "notes.txt"


def text_file_marked_executable(place: Path) -> str:
    (place / "notes.txt").write_text("not an interpreter\n")
    (place / "notes.txt").chmod(0o755)
    return "./notes.txt"


def bare_environment(place: Path) -> str:
    venv.create(place / "bare", with_pip=False)
    return "bare/bin/python"


INTERPRETERS = {
    "no file": (lambda place: "/no/python", "there is no such file"),
    "folder": (lambda place: str(place), "is a folder, expected an interpreter, such as"),
    "not executable": (text_file, "is not executable"),
    "text": (text_file_marked_executable, "cannot be started (Exec format error)"),
    "true": (lambda place: "/bin/true", "status 0 and no answer"),
    "false": (lambda place: "/bin/false", "status 1 and no answer"),
    "cat": (lambda place: "/bin/cat", "expected a Python interpreter"),
    "echo": (lambda place: "/bin/echo", "expected a Python interpreter"),
    "bare environment": (bare_environment, "bare/bin/python -m pip install numpy"),
}


@pytest.mark.parametrize("side", ["torch", "keras"])
@pytest.mark.parametrize(("make", "words"), INTERPRETERS.values(), ids=INTERPRETERS)
def test_an_interpreter_that_cannot_run_a_worker_is_refused(refused, place, side, make, words):
    message = refused(*RUN, f"--{side}-python", make(place))
    assert f"--{side}-python" in message and words in message
    if "bare" in message:
        assert {"torch": "no numpy, torch", "keras": "no numpy, keras, tensorflow"}[side] in message


def test_an_interpreter_whose_framework_cannot_be_imported_is_refused(refused, place, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # it would leave what it compiles
    venv.create(place / "odd", with_pip=False)
    (packages,) = (place / "odd" / "lib").glob("python*/site-packages")
    (packages / "torch").mkdir()
    (packages / "torch" / "__init__.py").write_text("raise ImportError('no libcudnn.so.9')\n")
    (packages / "rest.pth").write_text(str(Path(np.__file__).parent.parent))
    message = refused("check", *RUN, "--quiet", "--torch-python", "odd/bin/python")
    assert "odd/bin/python: cannot run the torch worker: ImportError: no libcudnn.so.9" in message
    assert "--torch-python" in message


# ----------------------------------------------------------------- known to the frameworks alone


@pytest.fixture(scope="module")
def lent(workers) -> Iterator[None]:
    """The session's workers, which see the CPU alone, in place of new ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("compare.run.start_worker", lambda side, *rest: nullcontext(workers[side]))
        yield


def test_cuda_where_there_is_none_is_refused(refused, lent):
    message = refused("check", *RUN, "--device", "cuda", "--quiet")
    assert "torch and keras see no CUDA device" in message and "--device auto or cpu" in message


def test_a_download_that_fails_leaves_nothing(refused, monkeypatch):
    for scheme in ("http", "https"):  # a port that nobody listens on: no network is needed
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    message = refused(*RUN, "--data", "mnist", "--download")
    assert "mnist: the download failed" in message and "Connection refused" in message


# ----------------------------------------------------------------------------- saved run folders


@pytest.fixture(scope="module")
def checked(lent, tmp_path_factory) -> Path:
    """The folder of a `compare check`."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["check", *RUN, "--out", str(folder), "--quiet"]) == 0
    return folder


def cut(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:-1000])


def put(name: str, text: str) -> Callable[[Path], None]:
    return lambda run: (run / name).write_text(text)


def swap_structure(run: Path) -> None:
    """A trace whose header is JSON, but not a trace's."""
    text = b'{"__metadata__": {"note": "{}"}}'
    (run / "torch" / "trace-float64.safetensors").write_bytes(
        len(text).to_bytes(8, "little") + text
    )


DAMAGE = {
    "trace cut short": ("judge", cut("torch/trace-float64.safetensors"), "truncated"),
    "trace emptied": ("judge", put("keras/trace-float32.safetensors", ""), "trace-float32"),
    "trace of another kind": ("judge", swap_structure, "trace-float64.safetensors"),
    "weights cut short": ("judge", cut("probe-weights.safetensors"), "truncated"),
    "no manifest": ("judge", lambda run: (run / "manifest.json").unlink(), "no manifest.json"),
    "manifest not JSON": ("judge", put("manifest.json", '{"kind":'), "is not JSON"),
    "manifest empty": ("judge", put("manifest.json", "{}"), "backends, kind, model"),
    "manifest a list": ("judge", put("manifest.json", "[1]"), "damaged, or of another version"),
    "no result": ("report", lambda run: (run / "result.json").unlink(), "no result.json"),
    "result not JSON": ("report", put("result.json", "verdict: same"), "is not JSON"),
    "result not text": ("report", lambda run: (run / "result.json").write_bytes(b"\xff\xfe"), "is"),
    "result of another kind": ("report", put("result.json", '{"kind": 1}'), "backends, model"),
}


@pytest.mark.parametrize(("command", "damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_run_folder_is_refused(refused, checked, tmp_path, command, damage, words):
    run = shutil.copytree(checked, tmp_path / "run")
    damage(run)
    message = refused(command, str(run))
    assert str(run) in message and words in message


def test_a_run_folder_is_judged_and_reported_again(checked, capsys):
    for command in ("judge", "report"):
        assert main([command, str(checked)]) == 0
        assert capsys.readouterr().out == (checked / "report.txt").read_text()
        assert main([command, str(checked), "--json", "-"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed == json.loads((checked / "result.json").read_text())


# -------------------------------------------------------------------------------- the streams


def python(*arguments: str, **named: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, **named
    )


def test_help_loads_neither_numpy_nor_rich_nor_a_framework():
    done = python("-X", "importtime", "-m", "compare", "--help")
    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()
    }
    assert done.returncode == 0 and "Exit status" in done.stdout
    assert not loaded & {"numpy", "rich", "torch", "tensorflow", "keras"}


def test_debug_shows_the_traceback(place, capsys):
    assert main(["describe", "x", "--debug"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and "compare: unknown model 'x'" in err.splitlines()[-1]


def test_a_full_disk_below_the_run_folder_is_an_error(place):
    shell = f'ulimit -f 100; exec "{sys.executable}" -m compare --model lenet --quiet'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", shell], cwd=place, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, list(place.iterdir())) == (2, "", [])
    assert done.stderr.startswith("compare: runs/") and done.stderr.endswith("File too large\n")


def test_a_reader_that_has_read_enough_does_not_change_the_exit_status():
    shell = f'set -o pipefail; "{sys.executable}" -m compare describe lenet | true'
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_below_standard_output_is_an_error():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "compare", "describe", "lenet"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "compare: standard output cannot be written (No space left on device)\n"


def test_json_to_a_device_does_not_replace_the_device(place, capsys):
    assert main(["list", "--json", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()
