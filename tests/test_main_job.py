"""The whole command on real data, and one-line faults in a copy of the ports that it must name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compare.checks import LADDER

ROOT = Path(__file__).parent.parent
PACKAGES = ("common", "torch_impl", "tf_impl", "compare")


def compare(place: Path, *arguments: str, code: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`python -m compare ARGUMENTS` in a folder, with the code of `code`."""
    return subprocess.run(
        [sys.executable, "-m", "compare", *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's command was run, as it stands there."""
    place = tmp_path_factory.mktemp("main")
    done = compare(place, "--model", "lenet", "--out", "run", "--json", "result.json")
    (place / "stdout").write_text(done.stdout)
    (place / "stderr").write_text(done.stderr)
    (place / "status").write_text(str(done.returncode))
    return place


@pytest.fixture(scope="module")
def result(finished: Path) -> dict:
    return json.loads((finished / "result.json").read_text())


def test_lenet_is_the_same_in_both_frameworks(finished, result):
    assert (finished / "status").read_text() == "0", (finished / "stderr").read_text()
    assert result["verdict"] in ("same", "same within rounding")
    assert result["exit_status"] == 0
    assert not result["culprits"]


def test_both_sides_and_the_spec_hold_44_426_parameters(result):
    assert 6 * 26 + 16 * 151 + 120 * 257 + 84 * 121 + 10 * 85 == 44_426
    counted = {side: both["trainable"] for side, both in result["parameters"].items()}
    assert counted == {"spec": 44_426, "torch": 44_426, "keras": 44_426}


def test_every_layer_agrees_in_float64(result):
    assert len(result["layers"]) == 12
    for layer in result["layers"]:
        assert layer["forward"]["float64"] < 1e-12, layer
        assert layer["gradient"]["float64"] < 1e-10, layer


def test_both_reach_96_percent_and_lie_within_a_point(result):
    accuracy = {side: result["backends"][side]["test_accuracy"] for side in ("torch", "keras")}
    assert min(accuracy.values()) >= 0.96
    assert abs(accuracy["torch"] - accuracy["keras"]) <= 0.01


def test_the_trained_nets_accuracies_are_those_of_their_saved_logits(finished, result):
    from common import tensors

    labels = tensors.load(finished / "run/test-labels.safetensors")["labels"]
    for side in ("torch", "keras"):
        logits = tensors.load(finished / f"run/{side}/test-logits.safetensors")["logits"]
        hits = sum(int(row.argmax()) == label for row, label in zip(logits, labels, strict=True))
        assert result["backends"][side]["test_accuracy"] == hits / 1000
        assert result["backends"][side]["history"][-1]["test_accuracy"] == hits / 1000


def test_progress_is_on_stderr_and_the_report_on_stdout(finished):
    assert "trains" in (finished / "stderr").read_text()
    report = (finished / "stdout").read_text()
    assert report == (finished / "run/report.txt").read_text()
    assert "verdict  same within rounding" in report


def test_the_run_folder_holds_what_the_readme_says(finished):
    expected = {"manifest.json", "result.json", "report.txt", "initial-weights.safetensors"}
    assert expected <= {path.name for path in (finished / "run").iterdir()}
    for side in ("torch", "keras"):
        held = {path.name for path in (finished / "run" / side).iterdir()}
        traces = {"trace-float32.safetensors", "trace-float64.safetensors"}
        assert held >= traces | {"weights.safetensors", "history.json", "log.txt"}
    assert not list((finished / "run").glob("tmp*")), "the normalised data are not kept"


def test_judging_the_folder_again_gives_the_same_findings(finished, result):
    again = compare(finished, "judge", "run", "--json", "-")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == result


def test_reporting_again_prints_the_same_report(finished):
    again = compare(finished, "report", "run")
    assert again.stdout == (finished / "stdout").read_text()


def test_a_damaged_trace_is_never_judged_the_same(finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished / "run", run)
    path = run / "torch" / "trace-float64.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-2] ^= 0x40  # an exponent bit of the last number
    path.write_bytes(raw)
    assert compare(tmp_path, "judge", "run").returncode == 1


FAULTS = {
    "torch pools by average": (
        "torch_impl/models/lenet.py",
        "self.pool2 = nn.MaxPool2d(",
        "self.pool2 = nn.AvgPool2d(",
        ("check",),
        "at pool2 (torch)",
    ),
    "keras pads": (
        "tf_impl/models/lenet.py",
        'self.conv2 = layers.Conv2D(16, kernel_size=5, strides=1, padding="valid")',
        'self.conv2 = layers.Conv2D(16, kernel_size=5, strides=1, padding="same")',
        ("check",),
        "at conv2 (keras)",
    ),
    "keras looks ahead": (
        "tf_impl/optimizers.py",
        "if self.recipe.nesterov else velocity",
        "if not self.recipe.nesterov else velocity",
        ("check",),
        "at training step (keras)",
    ),
    "keras has the rate in its velocities": (
        "tf_impl/optimizers.py",
        "self.assign_sub(variable, rate * self.direction(gradient, slots))",
        "self.assign_sub(variable, self.direction(rate * gradient, slots))",
        ("check",),
        "at training step (keras)",
    ),
    "keras never lowers its rate": (
        "tf_impl/train.py",
        "rates = training.recipe.rates(epoch, ",
        "rates = training.recipe.rates(0, ",
        ("check",),
        "at training step (keras)",
    ),
    "torch trains in bfloat16": (
        "torch_impl/train.py",
        "        made = training.outputs(images)",
        "        with torch.autocast('cpu', torch.bfloat16, x.dtype == torch.float32):\n"
        "            made = [y.to(x.dtype) for y in training.outputs(images)]",
        ("check",),
        "at training step (torch)",
    ),
    "keras adds eps as its own Adam does": (
        "tf_impl/optimizers.py",
        "(ops.sqrt(square / square_share) + self.eps)",
        "((ops.sqrt(square) + self.eps) / ops.sqrt(square_share))",
        ("check", "--model", "keras-cnn"),
        "at training step (keras)",
    ),
    "torch shuffles anew": (
        "torch_impl/train.py",
        "index = torch.tensor(order, ",
        "index = torch.tensor(order[::-1].copy(), ",
        ("run", "--epochs", "1"),
        "batches",
    ),
}


EVERY_DAY = ("torch pools by average",)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in EVERY_DAY else pytest.mark.slow) for name in FAULTS],
)
def test_a_one_line_fault_ends_in_exit_1_and_is_named(name, tmp_path):
    file, line, fault, command, named = FAULTS[name]
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / "code" / package)
    path = tmp_path / "code" / file
    source = path.read_text()
    assert line in source
    path.write_text(source.replace(line, fault, 1))  # of a file's networks, LeNet is the first
    model = () if "--model" in command else ("--model", "lenet")
    done = compare(tmp_path, command[0], *model, *command[1:], code=tmp_path / "code")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "verdict  different" in done.stdout
    assert named in done.stdout


@pytest.mark.slow
def test_a_training_that_diverges_is_not_called_the_same(tmp_path):
    done = compare(tmp_path, "--model", "lenet", "--epochs", "1", "--lr", "1e6", "--json", "r.json")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "diverged" in done.stdout and "verdict  not proven: see outcome" in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "not proven"


def test_a_run_folder_without_what_its_training_left_is_not_proven(finished, tmp_path):
    shutil.copytree(finished / "run", tmp_path / "run")
    for side in ("torch", "keras"):
        (tmp_path / "run" / side / "history.json").unlink()
        shutil.rmtree(tmp_path / "run" / side / "steps-10")
    assert compare(tmp_path, "judge", "run").returncode == 4


@pytest.mark.slow
def test_bench_reports_both_loops_of_both_frameworks(tmp_path):
    arguments = ("--repeats", "1", "--launches", "1", "--json", "-")
    done = compare(tmp_path, "bench", "--model", "lenet", *arguments)
    assert done.returncode == 0, done.stderr
    for backend in json.loads(done.stdout)["backends"].values():
        rates = (backend["samples_per_second"], backend["bare_samples_per_second"])
        ratio = backend["harness_over_bare"]["median"]
        assert ratio == pytest.approx(rates[1]["median"] / rates[0]["median"])
        assert backend["startup_seconds"]["median"] > 0
        assert backend["peak_memory_bytes"]["median"] > 2**27  # a framework alone holds more
    assert not list(tmp_path.iterdir())


def test_every_check_says_what_it_asks():
    for judge in LADDER:
        module = sys.modules[judge.__module__]
        assert module.__doc__ and judge.__module__.rpartition(".")[2] == module.ID
