"""A run that was stopped half-way goes on to the very end that it would have had."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from common import recipes, tensors, weights
from common.data import orders
from common.job import Build, TrainJob, spec_of
from compare.evidence import SIDES
from compare.run import PORTS

ROOT = Path(__file__).parent.parent
MODELS = {"lenet": "sgd", "keras-cnn": "adam", "digits-cnn": "batch norm"}
CHANGES = {
    "lenet": {"nesterov": True, "schedule": "one-cycle", "clip": "global-norm", "clip_at": 1.0},
    "keras-cnn": {"optimizer": "rmsprop", "momentum": 0.9, "schedule": "plateau", "patience": 1},
    "digits-cnn": {"optimizer": "adagrad", "learning_rate": 0.01, "schedule": "cosine"},
}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A short training of a model, four epochs on a few drawn images."""

    def make(
        side: str,
        model: str,
        out: Path,
        epochs: int = 4,
        change: Mapping[str, object] = MappingProxyType({}),
        **more: object,
    ) -> TrainJob:
        spec = spec_of(Build("", model, ""))
        room = tmp_path_factory.mktemp("given")
        tensors.save(room / "weights", weights.draw(spec, 0))
        (name,) = spec.inputs
        x, y = weights.probe_inputs(spec, 0, 40)[name], weights.probe_labels(10, 0, 40)
        data = {"x_train": x, "y_train": y, "x_test": x[:8], "y_test": y[:8]}
        tensors.save(room / "data", data)
        tensors.save(room / "orders", {"orders": orders(40, epochs, seed=0)})
        build = Build(f"{PORTS[side]}.{spec.port}", model, str(room / "weights"), "float32", "nhwc")
        recipe = replace(recipes.get(model, batch_size=16), **change)
        files = (str(room / name) for name in ("data", "orders"))
        return TrainJob(build, recipe, *files, str(out), **more)

    return make


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_training_goes_on_from_its_checkpoint_bit_for_bit(
    workers, job, tmp_path, side, model, changed
):
    whole, half = tmp_path / "whole", tmp_path / "half"
    change = CHANGES[model] if changed else {}
    workers[side].ask(job(side, model, whole, change=change))
    workers[side].ask(job(side, model, half, epochs=2, change=change, checkpoint_every=1))
    first = np.concatenate([tensors.load(half / "losses.safetensors")["losses"]])
    workers[side].ask(job(side, model, half, change=change))
    for file in ("weights", "losses", "test-logits"):
        one, other = (tensors.load(place / f"{file}.safetensors") for place in (whole, half))
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name], strict=True, err_msg=name)
    resumed = tensors.load(half / "losses.safetensors")["losses"]
    np.testing.assert_array_equal(resumed[: len(first)], first)
    assert len(resumed) == 2 * len(first)


@pytest.mark.parametrize("side", SIDES)
def test_each_side_lowers_its_rate_on_a_plateau_of_its_own_loss(workers, job, tmp_path, side):
    """At next to no rate the loss stays what it is, but for its rounding.

    The rule is written out on the losses that the side reports. The side is interrupted after two
    epochs, and goes on counting. Nine, because four roundings did fall one after the other once;
    that eight do is one chance in 40,320.
    """
    change = {"schedule": "plateau", "patience": 1, "decay": 0.5, "learning_rate": 2.0**-60}
    out = tmp_path / "out"
    workers[side].ask(job(side, "lenet", out, epochs=2, change=change, checkpoint_every=1))
    done = workers[side].ask(job(side, "lenet", out, epochs=9, change=change))
    losses = [row["train_loss"] for row in done["history"]]
    wanted = [
        2.0 ** (-60 - sum(losses[i] >= min(losses[:i]) for i in range(1, epoch)))
        for epoch in range(9)
    ]
    assert [row["learning_rate"] for row in done["history"]] == wanted
    assert wanted[-1] < wanted[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory, environment):
    """A finished run of two epochs on digits, with a checkpoint after each."""
    place = tmp_path_factory.mktemp("run")
    done = compare(
        place, environment,
        "run", "--model", "digits-cnn", "--epochs", "2", "--checkpoint-every", "1", "--out", "run",
        "--curves", "curves.svg",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


def compare(place: Path, environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "compare", *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def interrupted(run, tmp_path_factory) -> Path:
    """The same folder as a Ctrl-C in the second epoch leaves it: torch finished, keras has not."""
    place = tmp_path_factory.mktemp("interrupted")
    shutil.copytree(run / "run", place / "run")
    for name in ("manifest.json", "result.json", "report.txt", "fed.json"):
        (place / "run" / name).unlink()
    for name in ("history.json", "weights.safetensors", "losses.safetensors", "net.keras"):
        (place / "run/keras" / name).unlink()
    arrays, history = tensors.read(place / "run/keras/checkpoint.safetensors")
    kept = {name: array.copy() for name, array in arrays.items() if name != "losses.1"}
    # the weights are those of epoch 2: only the history tells the worker where to go on
    tensors.save(place / "run/keras/checkpoint.safetensors", kept, history[:1])
    return place


def test_the_command_goes_on_with_the_options_and_the_data_of_the_run(interrupted, environment):
    done = compare(interrupted, environment, "run", "--resume=run", "--json", "-", "--quiet")
    assert done.returncode in (0, 4), done.stderr
    result = json.loads(done.stdout)
    assert result["model"] == "digits-cnn"
    assert [row["epoch"] for row in result["backends"]["keras"]["history"]] == [1, 2]
    assert [row["epoch"] for row in result["backends"]["torch"]["history"]] == [1, 2]
    batches = next(check for check in result["checks"] if check["id"] == "batches")
    assert batches["verdict"] == "same"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", "run"], ["both sides have finished"]),
        (["--resume", "nowhere"], ["--resume nowhere", "no folder"]),
        (["--resume", "run", "--seed", "3"], ["leave out --seed"]),
        (["--resume=run", "--batch-size=8"], ["leave out --batch-size"]),
        ([], ["--model NAME"]),
    ],
)
def test_what_cannot_go_on_is_refused(run, environment, arguments, words):
    done = compare(run, environment, "run", *arguments)
    assert done.returncode == 2
    assert [word for word in words if word not in done.stderr] == [], done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("what", ["data", "keras side", "torch side", "device"])
@pytest.mark.slow
def test_what_would_be_another_run_is_refused(interrupted, environment, tmp_path, what):
    shutil.copytree(interrupted / "run", tmp_path / "run")
    (tmp_path / "run/keras/history.json").unlink(missing_ok=True)
    began = json.loads((tmp_path / "run/request.json").read_text())
    (tmp_path / "run/request.json").write_text(json.dumps(began | {what: "something else"}))
    done = compare(tmp_path, environment, "run", "--resume", "run", "--quiet")
    assert done.returncode == 2
    assert f"the run began with {what} something else, found " in done.stderr


def test_the_curves_are_drawn(run):
    assert "torch" in (run / "curves.svg").read_text()


def test_both_nets_are_kept_as_their_frameworks_keep_them(run):
    state = tensors.load(run / "run/torch/net.safetensors")
    assert state["conv.weight"].shape == (16, 1, 5, 5)
    assert state["bn.num_batches_tracked"] == 2 * 14
    assert (run / "run/keras/net.keras").stat().st_size > 10_000


def test_predict_gives_what_the_run_gave_for_a_test_image(run, environment):
    done = compare(run, environment, "predict", "run", "0", "7", "--json", "-", "--quiet")
    assert done.returncode == 0, done.stderr
    first, eighth = json.loads(done.stdout)["images"]
    labels = tensors.load(run / "run/test-labels.safetensors")["labels"]
    assert (first["label"], eighth["label"]) == (labels[0], labels[7])
    for side in SIDES:
        made = tensors.load(run / f"run/{side}/test-logits.safetensors")["logits"]
        np.testing.assert_allclose(first[side], made[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(eighth[side], made[7], rtol=1e-4, atol=1e-6)
        assert abs(sum(first[side]) - 1) < 1e-5


def test_predict_reads_a_picture(run, environment, tmp_path):
    from PIL import Image

    from common import data

    images = data.load("digits").x_test
    picture = Image.fromarray((images[3, 0] * (255 / 16)).astype(np.uint8))
    picture.save(tmp_path / "three.png")
    arguments = [str(tmp_path / "three.png"), "3"]
    done = compare(run, environment, "predict", "run", *arguments, "--json", "-", "--quiet")
    assert done.returncode == 0, done.stderr
    from_file, from_set = json.loads(done.stdout)["images"]
    assert from_file["label"] is None
    for side in SIDES:
        np.testing.assert_allclose(from_file[side], from_set[side], atol=0.02)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("450", ["450", "0 to 449"]),
        ("nothing.png", ["nothing.png", "No such file"]),
    ],
)
def test_predict_refuses_what_is_no_image(run, environment, image, words):
    done = compare(run, environment, "predict", "run", image, "--quiet")
    assert done.returncode == 2
    assert [word for word in words if word not in done.stderr] == [], done.stderr
    assert "Traceback" not in done.stderr
