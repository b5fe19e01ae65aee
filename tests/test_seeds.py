"""Several seeds: a worker that dies half-way, the run resumed, judged again, and a late fault."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common import specs, tensors
from common.errors import UsageError
from compare.checks import batches, outcome
from compare.evidence import SIDES, Evidence, Training
from compare.folder import RunFolder
from compare.run import nudged
from compare.seeds import comparison

ROOT = Path(__file__).parent.parent
RUN = ("--model", "digits-cnn", "--seeds", "3", "--quiet", "--json", "-")


def compare(place: Path, environment, *arguments: str, code: Path = ROOT):
    return subprocess.run(
        [sys.executable, "-m", "compare", *arguments],
        cwd=place,
        env={**environment, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def broken(place: Path, file: str, line: str, fault: str) -> Path:
    """A copy of the code with one line changed."""
    for package in ("common", "torch_impl", "tf_impl", "compare"):
        shutil.copytree(ROOT / package, place / package)
    source = (place / file).read_text()
    assert source.count(line) == 1
    (place / file).write_text(source.replace(line, fault))
    return place


def check(result: dict, id: str) -> dict:
    return next(row for row in result["checks"] if row["id"] == id)


# ---- the whole command


@pytest.fixture(scope="module")
def died(tmp_path_factory, environment) -> tuple[Path, dict]:
    """A run of three seeds whose Keras worker dies as it begins the second."""
    place = tmp_path_factory.mktemp("died")
    code = broken(
        place / "code",
        "tf_impl/train.py",
        "    with device.placed(job.build):\n        training, orders = start(job)\n",
        "    import os\n    if job.seed == 1:\n        os._exit(7)\n"
        "    with device.placed(job.build):\n        training, orders = start(job)\n",
    )
    done = compare(place, environment, *RUN, "--epochs", "3", "--out", "run", code=code)
    assert done.returncode == 3, done.stderr
    return place, json.loads(done.stdout)


def test_a_worker_that_dies_in_a_later_seed_loses_nothing_of_the_earlier_ones(died):
    _, result = died
    assert "ended by itself with status 7" in result["backends"]["keras"]["error"]
    assert result["backends"]["keras"]["test_accuracy"] is not None
    first, second, third = result["comparison"]["seeds"]
    assert first["accuracy_difference"] is not None
    assert (second["keras"], third["keras"]) == (None, None)
    assert None not in (second["torch"], third["torch"])
    assert result["comparison"]["equivalent"] is None
    assert check(result, "outcome")["verdict"] == "not proven"
    assert check(result, "outcome")["detail"].startswith("seed 1: keras did not finish")


@pytest.fixture(scope="module")
def resumed(died, tmp_path_factory, environment) -> tuple[Path, dict]:
    """The same run, gone on with by code without the fault."""
    place = tmp_path_factory.mktemp("resumed")
    shutil.copytree(died[0] / "run", place / "run")
    done = compare(place, environment, "run", "--resume", "run", "--quiet", "--json", "-")
    assert done.returncode == 0, done.stderr
    return place, json.loads(done.stdout)


def test_resuming_keeps_what_was_finished_and_trains_the_rest(died, resumed):
    before, after = died[0] / "run", resumed[0] / "run"
    kept = ["torch", "keras", "seed-1/torch", "seed-2/torch", "control/torch"]
    for name in kept:
        file = Path(name) / "history.json"
        assert (before / file).read_text() == (after / file).read_text()
    for name in ("seed-1/keras", "seed-2/keras"):
        assert not (before / name / "history.json").exists()
        assert (after / name / "net.keras").exists()


def test_every_seed_has_weights_of_its_own_and_both_sides_the_same(resumed):
    place, result = resumed
    found = [
        tensors.load(place / "run" / folder / "initial-weights.safetensors")["conv.weight"]
        for folder in (".", "seed-1", "seed-2")
    ]
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])
    for row in result["comparison"]["seeds"]:  # so few steps, and they have hardly drifted apart
        assert row["agreement"] > 0.99


def test_the_numbers_are_those_of_the_logits_of_every_seed(resumed):
    place, result = resumed
    found = result["comparison"]
    labels = tensors.load(place / "run/test-labels.safetensors")["labels"]
    assert [row["seed"] for row in found["seeds"]] == [0, 1, 2]
    for row, folder in zip(found["seeds"], (".", "seed-1", "seed-2"), strict=True):
        for side in SIDES:
            path = place / "run" / folder / side / "test-logits.safetensors"
            hits = tensors.load(path)["logits"].argmax(axis=1) == labels
            assert row[side] == hits.sum() / 450
    assert sum(row["images"] for row in found["per_class"]) == 450
    assert check(result, "batches")["detail"].startswith("9/9 epochs")


def test_judging_again_gives_the_same_and_so_does_reporting(resumed, environment):
    place, result = resumed
    again = compare(place, environment, "judge", "run", "--json", "-")
    assert json.loads(again.stdout) == result
    printed = compare(place, environment, "report", "run")
    assert printed.stdout == (place / "run/report.txt").read_text()
    assert "over 3 seeds keras - torch is" in printed.stdout
    assert "control: torch against itself" in printed.stdout


def test_what_is_finished_is_not_gone_on_with(resumed, environment):
    done = compare(resumed[0], environment, "run", "--resume", "run")
    assert done.returncode == 2
    assert "both sides have finished" in done.stderr


@pytest.mark.parametrize(("seeds", "margin"), [(2, 0.005), (3, 0.001)])
def test_too_few_seeds_for_the_margin_are_exit_4(resumed, environment, tmp_path, seeds, margin):
    shutil.copytree(resumed[0] / "run", tmp_path / "run")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    manifest |= {"seeds": seeds, "margin": margin}
    (tmp_path / "run/manifest.json").write_text(json.dumps(manifest))
    done = compare(tmp_path, environment, "judge", "run", "--json", "result.json")
    assert done.returncode == 4, done.stdout
    assert f"not enough runs for ±{100 * margin:g} points" in done.stdout
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["comparison"]["equivalent"] is None
    assert found["verdict"] == "not proven"
    assert found["comparison"]["seeds_needed"] > seeds


@pytest.mark.slow
def test_a_fault_that_the_training_alone_has_is_different_over_seeds(environment, tmp_path):
    """Keras learns no more after the second epoch, where there are more images than in lockstep."""
    rates = "training.recipe.rates(epoch, -(-len(order) // size), before)"
    code = broken(
        tmp_path / "code",
        "tf_impl/train.py",
        rates,
        f"[rate * (epoch < 2 or len(order) < 100) for rate in {rates}]",
    )
    done = compare(tmp_path, environment, *RUN, "--epochs", "8", code=code)
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    others = [row for row in result["checks"] if row["id"] != "outcome"]
    assert {row["verdict"] for row in others} <= {"same", "same within rounding"}
    assert check(result, "outcome")["verdict"] == "different"
    assert result["comparison"]["equivalent"] is False
    assert result["comparison"]["interval"][1] < -0.005


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0"], "positive whole number"),
        (["--seeds", "2", "--seed", "4294967295"], "the last one must be"),
        (["--margin", "0"], "0.001 to 100"),
        (["--margin", "half"], "0.001 to 100"),
    ],
)
def test_what_is_no_number_of_seeds_is_refused(environment, tmp_path, arguments, words):
    done = compare(tmp_path, environment, "run", "--model", "digits-cnn", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("trained", [True, False])
def test_finished_seeds_outlive_a_full_disk_and_an_interruption(tmp_path, error, trained):
    with (
        pytest.raises((UsageError, KeyboardInterrupt)),
        RunFolder(tmp_path / "run", "lenet") as run,
    ):
        (run.path / "seed-1").mkdir()
        if trained:
            (run.path / "torch/history.json").write_text("[]")
        raise error
    assert (tmp_path / "run").exists() == trained


# ---- drawn logits


def drawn(seed: int, torch: float, keras: float, images: int = 1000) -> Training:
    """Logits of exactly these accuracies, each wrong image of the class after its own."""
    labels = np.arange(images) % 10
    logits, histories = {}, {}
    for side, accuracy in zip(SIDES, (torch, keras), strict=True):
        wrong = np.random.default_rng(seed).permutation(images)[round(accuracy * images) :]
        chosen = labels.copy()
        chosen[wrong] = (chosen[wrong] + 1) % 10
        logits[side] = 10.0 * np.eye(10)[chosen]
        right = round(accuracy * images)
        loss = np.log(1 + 9 * np.exp(-10)) + 10 * (images - right) / images
        row = {"test_accuracy": right / images, "test_loss": loss}
        histories[side] = [{**row, "batches_sha256": "b", "test_sha256": "t"}]
    return Training({"train": ["b"], "test": "t"}, labels, histories, logits)


def judged(*accuracies: tuple[float, float], margin: float = 0.005) -> Evidence:
    trainings = {n: drawn(n, torch, keras) for n, (torch, keras) in enumerate(accuracies)}
    spec = specs.get("digits-cnn")
    return Evidence(spec, {}, {}, {}, trainings=trainings, margin=margin)


@pytest.mark.parametrize(
    ("accuracies", "verdict", "equivalent"),
    [
        (
            [(0.97, 0.971), (0.96, 0.959), (0.97, 0.970), (0.98, 0.979)],
            "same within rounding",
            True,
        ),
        ([(0.97, 0.940), (0.96, 0.931), (0.97, 0.941)], "different", False),
        ([(0.97, 0.960), (0.96, 0.975), (0.97, 0.970)], "not proven", None),
        ([(0.97, 0.970), (0.96, 0.960)], "not proven", None),
    ],
)
def test_the_check_has_three_answers(accuracies, verdict, equivalent):
    evidence = judged(*accuracies)
    assert outcome.judge(evidence).verdict.value == verdict
    found = comparison(evidence.trainings, None, evidence.margin)
    assert found["equivalent"] is equivalent
    json.dumps(found, allow_nan=False)


def test_one_seed_is_judged_as_before():
    found = outcome.judge(judged((0.97, 0.96)))
    assert found.detail == "torch 97.00%, keras 96.00%; one seed says no more"


def test_a_side_that_diverged_in_one_seed_is_not_averaged_away():
    evidence = judged((0.97, 0.97), (0.96, 0.96), (0.97, 0.97), (0.97, 0.97))
    evidence.trainings[2].logits["keras"][:] = np.nan
    found = outcome.judge(evidence)
    assert found.verdict.value == "different"
    assert found.detail.startswith("seed 2: keras diverged")
    assert comparison(evidence.trainings, None, 0.005)["equivalent"] is None


def test_other_batches_in_a_later_seed_or_in_the_control_are_seen():
    evidence = judged((0.97, 0.97), (0.96, 0.96))
    assert batches.judge(evidence).verdict.value == "same"
    evidence.trainings[1].histories["torch"][0]["batches_sha256"] = "other"
    found = batches.judge(evidence)
    assert (found.verdict.value, "seed 1, torch epoch 1" in found.detail) == ("different", True)
    control = drawn(0, 0.97, 0.97)
    control.histories["torch"][0]["test_sha256"] = "other"
    evidence = Evidence(
        evidence.spec, {}, {}, {}, trainings=judged((0.97, 0.97)).trainings, control=control
    )
    assert "control, torch epoch 1" in batches.judge(evidence).detail


def test_the_control_counts_the_images_that_one_side_gives_another_class():
    trainings = judged((0.97, 0.97), (0.96, 0.96)).trainings
    found = comparison(trainings, drawn(0, 0.95, 0.97), 0.005)["control"]
    assert found["churn"] == pytest.approx(0.02)
    assert found["accuracy_difference"] == pytest.approx(-0.02)
    assert comparison(trainings, None, 0.005)["control"] is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_control_starts_one_last_bit_apart(dtype):
    initial = {
        "conv.bias": np.zeros(2, np.float32),
        "conv.weight": np.array([[0.5, -2.0]], np.float32),
        "fc.weight": np.ones((2, 2), np.float32),
    }
    moved = nudged(initial, dtype)
    step = {"float32": 2.0**-23, "float64": 2.0**-52}[dtype]
    # from -2 towards 0 the numbers lie half as far apart as beyond it
    np.testing.assert_array_equal(moved["conv.weight"], [[0.5, -2.0 + step]])
    np.testing.assert_array_equal(initial["conv.weight"], [[0.5, -2.0]])
    assert moved["fc.weight"] is initial["fc.weight"]
