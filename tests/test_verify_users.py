"""`compare verify` on nets such as users write: right ones match, one fault has its cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import compare

PORTS = Path(__file__).parent / "ports"
SHAPES = {
    "crop": (2, 16, 12), "generator": (5,), "volume": (2, 4, 6, 4), "text": (12,),
    "prepared": (3, 16, 12), "again": (2, 6, 5), "separate": (3, 8, 12), "multi_head": (3, 8, 12),
    "positions": (3, 8, 12), "around": (2, 9, 13), "mapattention": (3, 6, 5),
    "autoencoder": (1, 12, 8), "mixed": (3, 8, 12), "soft": (3, 9), "boxes": (3, 8, 12),
    "faint": (3, 8, 12), "reduced": (3, 8, 8), "scalars": (3, 8, 12), "relative": (3, 8, 12),
    "phrases": (12, 6), "gated": (3, 9, 8), "inline": (7,),
}  # fmt: skip
TORCH = {"mapattention": "MapAttention"}


@pytest.fixture
def verified(workers):
    def ask(net: str, **keras: Any) -> dict[str, Any]:
        attention = {"separate": {"fused": True}, "multi_head": {"fused": False}}.get(net, {})
        torch = (
            f"{PORTS}/users_torch.py:{'Former' if attention else TORCH.get(net, net.capitalize())}"
        )
        keras_port = f"{PORTS}/users_keras.py:{net}"
        given = {"torch_args": attention, "keras_args": keras}
        return compare.verify(torch, keras_port, SHAPES[net], workers=workers, **given)

    return ask


@pytest.mark.parametrize("net", [*sorted(SHAPES.keys() - {"generator"})])
def test_a_right_port_matches(verified, net):
    found = verified(net)
    assert (found["verdict"], found["culprits"]) == ("same within rounding", [])
    assert found["unmatched"]["keras"] == []
    assert {row["verdict"] for row in found["layers"]} <= {"same", "same within rounding"}


FAULTS = {
    "a box beside": ("crop", {"shift": 1}, "cut-elsewhere", 1e-12),
    "pixels scaled inside": ("crop", {"scale": 1 / 255}, "preprocessing-inside", 1e-12),
    "joined the other way": ("crop", {"skip_first": False}, "concat-order", 1e-12),
    "cut at the other side": ("generator", {}, "padding-side", 1e-12),
    "epsilon of a volume": ("volume", {"eps": 1e-5}, "bn-eps", 1e-12),
    "activation behind a volume": ("volume", {"act": "relu"}, "other-activation", 1e-12),
    "padded lines": ("text", {"pad": "same"}, "same-padding", 1e-12),
    "mean for maximum": ("text", {"pool": "mean"}, "max-for-mean", 1e-12),
    "deviation for variance": ("prepared", {"variance": False}, "other-constants", 1e-6),
    "nothing prepared": ("prepared", {"inside": False}, "preprocessing-inside", 1e-6),
    "nearest": ("prepared", {"interpolation": "nearest"}, "interpolation", 1e-6),
    "padded after": (
        "around", {"sides": ((0, 1), (0, 1))}, "same-vs-symmetric-stride2", 1e-12,
    ),
    "attends along the other axis": ("mapattention", {"axis": 1}, "softmax-axis", None),
    "slopes of an autoencoder": ("autoencoder", {"slope": 0.3}, "leaky-relu-slope", 1e-7),
    "separable, padded as same": ("mixed", {"padding": "same"}, "same-vs-symmetric-stride2", None),
    "epsilon of a norm of each map": ("mixed", {"eps": 1e-5}, "group_norm-eps", 1e-6),
    "no bias": ("soft", {"bias": False}, "bias-missing", 1e-7),
    "keeps what should drop": ("soft", {"rate": 0.8}, "dropout-rate", None),
    "drops single numbers": ("soft", {"maps": False}, "dropout2d", None),
    "a head behind a padding": ("boxes", {"padding": "same"}, "same-vs-symmetric-stride2", 1e-9),
    "tokens of as many places": ("reduced", {"approximate": True}, "gelu", 1e-12),
    "layers of their own": ("again", {"shared": False}, "layer-shared", 1e-12),
    "cropped at the other side": ("generator", {"crop": ((1, 2), (1, 2))}, "padding-side", 1e-12),
}  # fmt: skip
# a resize of TensorFlow works in float32: 1e-6


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if i % 2 else ()) for i, n in enumerate(FAULTS)],
)
def test_a_fault_has_its_cause_alone_and_its_repair_makes_the_ports_equal(verified, name):
    net, arguments, cause, left = FAULTS[name]
    found = verified(net, **arguments)
    assert found["verdict"] == "different"
    assert {c["cause"] for c in found["culprits"]} == {cause}, found["culprits"]
    if left is not None:  # what none of the repairs can make
        assert found["repairs"]["outputs_apart"] < left < found["outputs_apart"]


def test_two_faults_have_two_causes_behind_features_that_become_maps(verified):
    found = verified("generator", eps=1e-3, slope=0.3)
    causes = {(c["keras"], c["cause"]) for c in found["culprits"]}
    assert causes == {
        ("batch_normalization", "bn-eps"),
        ("leaky_re_lu_1", "leaky-relu-slope"),
        ("conv2d_transpose_1", "padding-side"),
    }
    assert found["repairs"]["outputs_apart"] < 1e-12


def test_a_layer_that_runs_once_too_few_is_told_by_what_is_left_out(verified):
    found = verified("again", times=2)
    (culprit,) = found["culprits"]
    assert culprit["cause"] == "layer-skipped"
    assert culprit["torch"] == "conv#3, elu#4, add#3"


@pytest.mark.parametrize("net", ["separate", "multi_head"])
def test_projections_that_one_port_has_in_one_layer_are_pairs_with_the_others(verified, net):
    found = verified(net)
    pairs = {pair["torch"]: pair["keras"] for pair in found["pairs"]}
    ours = "att.qkv" if net == "separate" else "att/multi_head_attention_forward"
    assert len([name for name in pairs if name.startswith(f"{ours}[")]) == 3
    if net == "multi_head":  # whose names tell which is which
        for i, duty in enumerate(("query", "key", "value")):
            assert pairs[f"{ours}[{i}/3]"] == f"multi_head_attention.{duty}_dense"


def test_another_scale_of_an_attention_is_told(verified):
    found = verified("separate", scale=1.0)
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("attention-scale", "att/attention")
    assert culprit["phrase"] == "keras scales by 1, torch by 0.5"


def test_an_epsilon_in_front_of_an_attention_is_the_only_culprit(verified):
    found = verified("multi_head", eps=1e-3)
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("layer_norm-eps", "norm")
    assert found["repairs"]["outputs_apart"] < 1e-12


def test_a_resize_that_aligns_its_corners_is_told(workers):
    ports = f"{PORTS}/users_torch.py:Mixed", f"{PORTS}/users_keras.py:mixed"
    found = compare.verify(*ports, SHAPES["mixed"], torch_args={"align": True}, workers=workers)
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("align-corners", "upsample")
    assert found["repairs"]["outputs_apart"] < 1e-6 < found["outputs_apart"]


@pytest.mark.parametrize(
    ("net", "shape", "words"),
    [
        ("Loop", (6, 3), "lstm"),
        ("Normed", (6, 5), "remove_parametrizations"),
        ("Spectral", (7,), "spectral norms"),
    ],
)
def test_weights_that_cannot_be_carried_over_are_no_difference(workers, net, shape, words):
    ports = f"{PORTS}/users_torch.py:{net}", f"{PORTS}/users_keras.py:{net.lower()}"
    found = compare.verify(*ports, shape, workers=workers)
    assert (found["verdict"], found["exit_status"]) == ("not comparable", 4)
    assert words in found["checks"][0]["detail"]


def test_a_softplus_that_is_straight_above_20_is_a_known_difference(verified):
    (known,) = verified("soft")["known_differences"]
    assert known["phrase"] == "PyTorch's softplus is straight above 20"
    assert known["evidence"]["error_after"] < 1e-15 < known["evidence"]["error_before"]


def test_a_sum_that_is_left_out_is_no_fault_of_what_is_behind_it(verified):
    """Where the one squeezes before its sigmoid and the other behind it."""
    found = verified("soft", added=False)
    assert found["exit_status"] == 1
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("wrong-source", "sigmoid")
    assert culprit["phrase"] == "reads what is torch's reshape, torch's reads add"


def test_channels_in_another_order_are_no_view_left_out(verified):
    found = verified("boxes", first=5)
    assert found["exit_status"] == 1
    assert {c["cause"] for c in found["culprits"]} == {None}, found["culprits"]


def test_an_epsilon_that_is_lost_in_the_sum_behind_it_is_named_where_it_is(verified):
    found = verified("faint", eps=1e-6)
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("layer_norm-eps", "norm")
    assert found["repairs"]["outputs_apart"] < 1e-12


@pytest.mark.parametrize("side", ["torch", "keras"])
@pytest.mark.parametrize(
    ("end", "causes"),
    [
        ("relu", {"torch": "activation-missing", "keras": "activation-extra"}),
        ("clip", {"torch": "clamped", "keras": "clamped"}),
    ],
)
def test_what_an_output_alone_goes_through_is_seen_where_the_probe_does_not_reach_it(
    workers, side, end, causes
):
    ports = f"{PORTS}/users_torch.py:Gated", f"{PORTS}/users_keras.py:gated"
    given = {f"{side}_args": {"end": end}}
    found = compare.verify(*ports, SHAPES["gated"], workers=workers, **given)
    assert found["verdict"] == "different"
    assert found["outputs_apart"] < 1e-12  # on the probe
    assert {c["cause"] for c in found["culprits"]} == {causes[side]}, found["culprits"]


def test_another_bound_of_a_comparison_shows_where_few_numbers_are(workers):
    ports = f"{PORTS}/users_torch.py:Gated", f"{PORTS}/users_keras.py:gated"
    given = {"torch_args": {"over": 0.001}}
    found = compare.verify(*ports, SHAPES["gated"], workers=workers, **given)
    assert [c["cause"] for c in found["culprits"]] == [None]


def test_bounds_that_no_sigmoid_reaches_are_no_difference(workers):
    ports = f"{PORTS}/users_torch.py:Gated", f"{PORTS}/users_keras.py:gated"
    given = {"torch_args": {"end": "within"}}
    assert compare.verify(*ports, SHAPES["gated"], workers=workers, **given)["exit_status"] == 0


def test_an_epsilon_of_a_norm_in_a_models_own_code_is_all_that_differs(verified):
    found = verified("inline", eps=1e-3)
    assert found["exit_status"] == 1
    assert [c["keras"] for c in found["culprits"]] == ["layer_normalization"]
    assert found["unmatched"] == {"torch": [], "keras": []}
