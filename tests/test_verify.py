"""`compare verify` on ports that nobody here wrote: published pairs, right ones and wrong ones.

The reasons for which torchvision's ResNet-50 and keras.applications' differ are in their sources: a
bias before every batch norm, an epsilon of 1.001e-5, and the stride of a stage's first block on its
first convolution (He et al. 2015), not on its 3x3 one (torchvision's "v1.5").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common import tensors
from compare.ports import document
from compare.ports.looks import Room
from compare.ports.verify import Request, load, seen

SIDES = ("torch", "keras")
PORTS = Path(__file__).parent / "ports"
BARE = {"torch": {"weights": None}, "keras": {"weights": None, "classifier_activation": None}}


@pytest.fixture
def verified(workers, tmp_path):
    """The document of a pair, judged with the workers of the session."""

    def ask(torch: str, keras: str, shape: tuple[int, ...], **more: Any) -> dict[str, Any]:
        request = Request(torch, keras, (shape,), **more)
        for side in SIDES:
            (tmp_path / side).mkdir()
        loads = {side: load(request, side) for side in SIDES}
        return document.of(seen(request, Room(tmp_path, loads, workers)), ())

    yield ask
    for path in tmp_path.rglob("*.safetensors"):  # gigabytes of a large net
        path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_vgg_of_torchvision_and_of_keras_applications_match(verified, name):
    keras = f"keras.applications:{name.upper()}"
    found = verified(f"torchvision.models:{name}", keras, (3, 224, 224), arguments=BARE)
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0), found[
        "culprits"
    ]
    assert found["unmatched"] == {"torch": [], "keras": []}
    assert found["outputs_apart"] < 1e-13
    assert any("dropout" in note for note in found["notes"])  # which keras.applications has not


@pytest.mark.slow
def test_resnet50_differs_for_exactly_its_three_reasons(verified):
    ports = "torchvision.models:resnet50", "keras.applications:ResNet50"
    found = verified(*ports, (3, 224, 224), arguments=BARE)
    assert (found["verdict"], found["exit_status"]) == ("different", 1)
    by_cause: dict[str, set[str]] = {}
    for culprit in found["culprits"]:
        assert culprit["evidence"]["error_after"] < 1e-12, culprit
        by_cause.setdefault(culprit["cause"], set()).add(culprit["torch"])
    assert by_cause.keys() == {"bias-extra", "bn-eps", "stride"}
    assert len(by_cause["bias-extra"]) == len(by_cause["bn-eps"]) == 53
    assert by_cause["stride"] == {f"layer{i}.0.conv{j}" for i in (2, 3, 4) for j in (1, 2)}
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


def test_a_small_pair_matches_and_says_what_was_seen(verified):
    ports = f"{PORTS}/branches_torch.py:Branches", f"{PORTS}/branches_keras.py:Branches"
    found = verified(*ports, (3, 10, 8))
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0)
    assert found["coverage"]["layers"][0] == found["coverage"]["layers"][1] > 0
    assert [pair["torch"] for pair in found["pairs"]] == ["stem", "bn", "left", "right", "fc"]
    assert [pair["keras"] for pair in found["pairs"]] == ["stem", "bn", "left", "right", "fc"]


def test_one_sample_proves_nothing_of_a_batch(verified):
    ports = f"{PORTS}/branches_torch.py:Branches", f"{PORTS}/branches_keras.py:Branches"
    found = verified(*ports, (3, 10, 8), batch=1)
    assert (found["verdict"], found["exit_status"]) == ("not proven", 4)


def test_what_keras_adds_to_a_step_of_training_is_told(verified):
    ports = f"{PORTS}/regularised_torch.py:Net", f"{PORTS}/regularised_keras.py:Net"
    found = verified(*ports, (3, 8, 10))
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0)
    told = " | ".join(found["notes"])
    assert "keras adds to the loss L2(0.0001) of 1 tensors (conv.kernel)" in told
    assert "keras applies after each step MaxNorm(3) of 1 tensors (fc.kernel)" in told
    assert "keras adds 1 losses of its own" in told


@pytest.fixture
def folded(tmp_path):
    """Weights of a net with norms for one side, and for the other of the same net without them.

    W γ/σ and β + (b - μ) γ/σ, as they are folded for deployment, in float32.
    """

    def write(normed: str, eps: float) -> dict[str, str]:
        rng = np.random.default_rng(7)
        sizes = {"conv": (5, 3, 3, 3), "hidden": (7, 5 * 6 * 8), "fc": (4, 7)}
        kernels = {n: rng.normal(size=s).astype("f4") / 4 for n, s in sizes.items()}
        biases = {"conv": rng.normal(size=5).astype("f4"), "fc": rng.normal(size=4).astype("f4")}
        norms = {}
        for name, count in (("conv", 5), ("hidden", 7)):
            drawn = [rng.normal(size=count).astype("f4") for _ in range(3)]
            norms[name] = (*drawn, rng.uniform(0.2, 2, count).astype("f4"))  # γ, β, μ, σ²
        plain = dict(kernels), {**biases, "hidden": np.zeros(7, "f4")}
        for name, (gamma, beta, mean, var) in norms.items():
            factor = gamma.astype("f8") / np.sqrt(var.astype("f8") + eps)
            tall = factor.reshape(-1, *(1,) * (kernels[name].ndim - 1))
            plain[0][name] = (kernels[name] * tall).astype("f4")
            plain[1][name] = (beta + (plain[1][name] - mean) * factor).astype("f4")
        files = {side: str(tmp_path / f"{side}.safetensors") for side in SIDES}
        layers = {"torch": {"conv": "0", "bn": "1", "hidden": "4", "bn2": "5", "fc": "7"}}
        if normed == "keras":
            layers["torch"] = {"conv": "0", "hidden": "3", "fc": "5"}
        layers["keras"] = {n: n for n in ("conv", "bn", "hidden", "bn2", "fc")}
        words = {
            "torch": ("weight", "bias", "weight", "bias", "running_mean", "running_var"),
            "keras": ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"),
        }
        for side in SIDES:
            has_norms = side == normed
            held = {}
            for name, kernel in (kernels if has_norms else plain[0]).items():
                if side == "keras" and name == "conv":
                    kernel = kernel.transpose(2, 3, 1, 0)
                elif side == "keras" and name == "hidden":  # (h, w, c) where PyTorch has (c, h, w)
                    kernel = kernel.reshape(7, 5, 6, 8).transpose(2, 3, 1, 0).reshape(-1, 7)
                elif side == "keras":
                    kernel = kernel.T
                held[f"{layers[side][name]}.{words[side][0]}"] = np.ascontiguousarray(kernel)
            for name, bias in (biases if has_norms else plain[1]).items():
                held[f"{layers[side][name]}.{words[side][1]}"] = bias
            for name, arrays in norms.items() if has_norms else ():
                norm = layers[side]["bn" if name == "conv" else "bn2"]
                held |= {f"{norm}.{w}": x for w, x in zip(words[side][2:], arrays, strict=True)}
            tensors.save(Path(files[side]), held)
        return files

    return write


@pytest.mark.parametrize("normed", SIDES)
def test_a_norm_that_trained_weights_have_taken_in_is_no_alarm(verified, folded, normed):
    names = {side: "Normed" if side == normed else "Folded" for side in SIDES}
    ports = [f"{PORTS}/folded_{side}.py:{names[side]}" for side in SIDES]
    found = verified(*ports, (3, 8, 10), weights=folded(normed, 1e-3))
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0), found
    assert any("not in training" in note for note in found["notes"])


@pytest.mark.parametrize("normed", SIDES)
def test_a_norm_that_was_folded_with_another_epsilon_is_seen(verified, folded, normed):
    names = {side: "Normed" if side == normed else "Folded" for side in SIDES}
    ports = [f"{PORTS}/folded_{side}.py:{names[side]}" for side in SIDES]
    found = verified(*ports, (3, 8, 10), weights=folded(normed, 1.1e-3))
    assert (found["verdict"], found["exit_status"]) == ("different", 1)


def test_a_norm_that_is_missing_is_a_fault_where_no_weights_hold_it(verified):
    ports = [f"{PORTS}/folded_torch.py:Folded", f"{PORTS}/folded_keras.py:Normed"]
    found = verified(*ports, (3, 8, 10))
    assert (found["verdict"], found["exit_status"]) == ("different", 1)
    assert {c["keras"] for c in found["culprits"]} >= {"bn", "bn2"}


def siblings_files(layers: dict[str, str]) -> dict[str, dict[str, np.ndarray]]:
    """Side -> its tensors, equal for these layers of Keras and of PyTorch."""
    rng = np.random.default_rng(3)
    files: dict[str, dict[str, np.ndarray]] = {side: {} for side in SIDES}
    for theirs, ours in layers.items():
        shape = (2, 4, 1, 1) if ours == "head" else (4, 3, 3, 3)
        kernel, bias = rng.normal(size=shape).astype("f4"), rng.normal(size=shape[0]).astype("f4")
        files["torch"] |= {f"{ours}.weight": kernel, f"{ours}.bias": bias}
        kernel = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))
        files["keras"] |= {f"{theirs}.kernel": kernel, f"{theirs}.bias": bias}
    return files


@pytest.mark.parametrize("order", [("left", "right"), ("right", "left")])
def test_trained_weights_tell_which_branch_is_which(verified, tmp_path, order):
    layers = {"b": order[0], "a": order[1], "head": "head"}
    for side, held in siblings_files(layers).items():
        tensors.save(tmp_path / f"{side}.safetensors", held)
    weights = {side: str(tmp_path / f"{side}.safetensors") for side in SIDES}
    ports = [f"{PORTS}/siblings_{side}.py:Net" for side in SIDES]
    found = verified(*ports, (3, 7, 6), weights=weights)
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0), found[
        "culprits"
    ]
    assert {(p["keras"], p["torch"]) for p in found["pairs"]} == set(layers.items())
    assert all("weights" in p["evidence"] for p in found["pairs"])


def test_trained_weights_that_are_not_the_same_are_told_as_that(verified, tmp_path):
    files = siblings_files({"b": "left", "a": "right", "head": "head"})
    files["keras"]["head.bias"] = files["keras"]["head.bias"] + np.float32([0, 0.5])
    for side, held in files.items():
        tensors.save(tmp_path / f"{side}.safetensors", held)
    weights = {side: str(tmp_path / f"{side}.safetensors") for side in SIDES}
    ports = [f"{PORTS}/siblings_{side}.py:Net" for side in SIDES]
    found = verified(*ports, (3, 7, 6), weights=weights)
    assert [(c["cause"], c["torch"]) for c in found["culprits"]] == [("other-weights", "head")]
    assert found["repairs"]["outputs_apart"] < 1e-12


@pytest.mark.parametrize("seed", [0, 1])
def test_a_border_that_a_maximum_hides_is_seen(verified, seed):
    """On 58x62 places of a map the largest of a random probe's is hardly ever at the border."""
    ports = f"{PORTS}/hidden_torch.py:Net", f"{PORTS}/hidden_keras.py:Net"
    arguments = {"keras": {"padding": "same"}}
    found = verified(*ports, (3, 60, 64), arguments=arguments, seed=seed)
    assert (found["verdict"], found["exit_status"]) == ("different", 1)
    assert [(c["torch"], c["keras"]) for c in found["culprits"]] == [("0", "conv")]


def test_the_same_maximum_without_the_border_is_the_same(verified):
    ports = f"{PORTS}/hidden_torch.py:Net", f"{PORTS}/hidden_keras.py:Net"
    found = verified(*ports, (3, 60, 64))
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_relu_behind_maxima_that_are_all_positive_is_no_fault_in_front_of_them(verified, seed):
    """What Keras' pool makes is then what PyTorch makes behind its relu and its pool."""
    ports = (f"{PORTS.parent}/correct/pool_before_relu_{side}.py:Port" for side in SIDES)
    found = verified(*ports, (3, 17, 13), seed=seed)
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0)
    assert not [row for row in found["layers"] if row["keras"] == "max_pooling2d_1"]


BENT = {"cut": (None, "relu6"), "squeeze": (None, "activation-missing")}
BENT_SEEDS = {"cut": 1, "squeeze": 1}  # of probes and weights that do not show it


@pytest.mark.parametrize("what", BENT)
def test_a_bound_that_no_number_of_the_probe_reaches_is_seen_and_proven(verified, what):
    """BatchNorm hands on numbers below 6, and two features of four samples are all positive."""
    ports = f"{PORTS}/hidden_torch.py:Gate", f"{PORTS}/hidden_keras.py:gate"
    value, cause = BENT[what]
    found = verified(*ports, (3, 9, 7), arguments={"keras": {what: value}}, seed=BENT_SEEDS[what])
    assert found["outputs_apart"] < 1e-12, "the probe shows it: take another seed"
    (culprit,) = found["culprits"]
    assert culprit["cause"] == cause
    before, after = (float(culprit["evidence"][f"error_{n}"]) for n in ("before", "after"))
    assert after < 1e-12 < before


def test_bounds_of_what_is_bounded_anyway_are_the_same(verified):
    ports = f"{PORTS}/hidden_torch.py:Gate", f"{PORTS}/hidden_keras.py:gate"
    found = verified(*ports, (3, 9, 7))
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0)


@pytest.mark.parametrize("eps", [1e-5, 1e-3])
@pytest.mark.parametrize("halves", ["torch", "keras"])
def test_a_pool_on_the_way_around_is_named_though_its_sum_cannot_run(verified, halves, eps):
    """Of 8x10 maps it leaves 4x5, to which those of a convolution without a stride do not add."""
    ports = f"{PORTS}/shortcut_torch.py:Net", f"{PORTS}/shortcut_keras.py:net"
    arguments = {side: {"halves": side == halves} for side in SIDES}
    found = verified(
        *ports, (3, 8, 10), arguments={**arguments, "keras": {**arguments["keras"], "eps": eps}}
    )
    assert found["exit_status"] == 1
    causes = {c["cause"]: c for c in found["culprits"]}
    settings = {"stride", "bn-eps"} if eps != 1e-5 else {"stride"}
    pool = "layer-extra" if halves == "keras" else "layer-skipped"
    assert causes.keys() == {pool} | settings and len(found["culprits"]) == len(causes)
    assert causes[pool]["fix"][halves] == "remove around (max_pool)"
    assert all(c["evidence"]["error_after"] < 1e-13 for c in causes.values())
    assert found["repairs"]["outputs_apart"] < 1e-13


def test_a_shortcut_that_keras_alone_adds_is_repaired_by_what_is_added_to(verified):
    ports = f"{PORTS}/shortcut_torch.py:Net", f"{PORTS}/shortcut_keras.py:net"
    given = {"torch": {"halves": False, "adds": False}, "keras": {"halves": False, "eps": 1e-5}}
    found = verified(*ports, (3, 8, 10), arguments=given)
    assert [(c["cause"], c["keras"]) for c in found["culprits"]] == [("layer-extra", "total")]
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


def test_a_norm_that_keras_alone_has_is_told_once(verified):
    ports = f"{PORTS}/shortcut_torch.py:Net", f"{PORTS}/shortcut_keras.py:net"
    given = {"torch": {"halves": False, "normed": False}, "keras": {"halves": False, "eps": 1e-5}}
    found = verified(*ports, (3, 8, 10), arguments=given)
    assert [(c["cause"], c["keras"]) for c in found["culprits"]] == [("layer-extra", "norm")]
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


def test_a_norm_that_keras_lacks_is_done_in_the_repair(verified):
    ports = f"{PORTS}/shortcut_torch.py:Net", f"{PORTS}/shortcut_keras.py:net"
    given = {"torch": {"halves": False}, "keras": {"halves": False, "eps": None}}
    found = verified(*ports, (3, 8, 10), arguments=given)
    assert [(c["cause"], c["torch"]) for c in found["culprits"]] == [("layer-skipped", "norm")]
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


def test_another_norm_is_no_norm_without_statistics(verified):
    ports = f"{PORTS}/shortcut_torch.py:Net", f"{PORTS}/shortcut_keras.py:net"
    ours = {"halves": False, "normed": "by itself"}
    given = {"torch": ours, "keras": {"halves": False, "eps": 1e-5}}
    found = verified(*ports, (3, 8, 10), arguments=given)
    assert [(c["cause"], c["keras"]) for c in found["culprits"]] == [("other-layer", "norm")]
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


def test_a_softmax_behind_pooled_maps_is_what_keras_does_besides(verified):
    ports = f"{PORTS}/shortcut_torch.py:Net", f"{PORTS}/shortcut_keras.py:net"
    given = {
        "torch": {"halves": False},
        "keras": {"halves": False, "eps": 1e-5, "last": "softmax"},
    }
    found = verified(*ports, (3, 8, 10), arguments=given)
    assert [c["cause"] for c in found["culprits"]] == ["double-softmax"]
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


def test_a_shortcut_that_keras_does_not_add_is_what_it_leaves_out(verified):
    ports = f"{PORTS}/shortcut_torch.py:Net", f"{PORTS}/shortcut_keras.py:net"
    theirs = {"halves": False, "eps": 1e-5, "adds": False}
    given = {"torch": {"halves": False}, "keras": theirs}
    found = verified(*ports, (3, 8, 10), arguments=given)
    assert [(c["cause"], c["torch"]) for c in found["culprits"]] == [("layer-skipped", "add")]
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


ORDERS = ("sum first", "relu first", "other way")


@pytest.mark.parametrize(("torch", "keras"), [(a, b) for a in ORDERS for b in ORDERS if a != b])
def test_the_same_operations_in_another_order_are_told_as_that(verified, torch, keras):
    ports = f"{PORTS}/order_torch.py:Net", f"{PORTS}/order_keras.py:net"
    found = verified(
        *ports, (3, 7, 8), arguments={"torch": {"order": torch}, "keras": {"order": keras}}
    )
    (culprit,) = found["culprits"]
    assert culprit["cause"] == "operation-order"
    assert culprit["evidence"]["error_after"] < 1e-13
    assert found["repairs"]["outputs_apart"] < 1e-13 < found["outputs_apart"]


def test_another_value_than_pytorch_reads_is_read_in_the_repair(verified):
    ports = f"{PORTS}/source_torch.py:Net", f"{PORTS}/source_keras.py:net"
    found = verified(*ports, (3, 6, 5), arguments={"keras": {"around": "second"}})
    assert [c["cause"] for c in found["culprits"]] == ["wrong-source"]
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]
