"""`compare verify` on what leads to several outputs or to none, to two readers, or past a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import compare
from compare.ports import report

PORTS = Path(__file__).parent / "ports"
SHAPES = {"Heads": (3, 6, 9), "Fork": (3, 8, 12), "Masked": (5, 6), "Causal": (5, 6)}


@pytest.fixture
def verified(workers):
    def ask(net: str, torch: Any = None, keras: Any = None, port: str = "") -> dict[str, Any]:
        ports = f"{PORTS}/heads_torch.py:{net}", f"{PORTS}/heads_keras.py:{port or net}"
        given = {"torch_args": torch, "keras_args": keras}
        return compare.verify(*ports, SHAPES[net], workers=workers, **given)

    return ask


def causes(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(c["cause"], c["torch"], c["keras"]) for c in found["culprits"]}


@pytest.mark.parametrize(("side", "place"), [("torch", "first"), ("keras", "last")])
def test_a_head_that_one_port_has_besides_is_told_wherever_it_is_returned(verified, side, place):
    found = verified("Heads", **{side: {"second": place}})
    at = ("more", "") if side == "torch" else ("", "more")
    assert causes(found) == {("layer-missing", *at), ("outputs", *at)}
    assert found["outputs_apart"] < 1e-12  # of the other one


def test_heads_in_another_order_are_outputs_in_another_order_and_nothing_else(verified):
    found = verified("Heads", {"second": "last"}, {"second": "first"})
    assert {c["cause"] for c in found["culprits"]} == {"outputs-swapped"}
    assert found["unmatched"] == {"torch": [], "keras": []}


def test_outputs_of_a_dict_under_other_names_are_paired_by_what_they_are(verified):
    torch = {"second": "last", "names": ["logits", "boxes"]}
    found = verified("Heads", torch, {"second": "last", "names": ["regression", "scores"]})
    assert found["exit_status"] == 0
    told = "outputs under other names: torch's logits is keras' scores, torch's boxes is keras' "
    assert found["notes"] == [f"{told}regression"]


@pytest.mark.parametrize(
    ("torch", "keras", "said"),
    [
        ({"second": "left"}, {}, "49 of torch's trainable parameters (more.weight, more.bias)"),
        ({"second": "alike"}, {}, "35 of torch's trainable parameters (more.weight, more.bias)"),
        ({}, {"second": "run"}, "49 of keras's trainable parameters (more.kernel, more.bias)"),
    ],
)
def test_weights_that_lead_to_no_output_are_noted_and_no_difference(verified, torch, keras, said):
    found = verified("Heads", torch, keras)
    assert (found["exit_status"], found["culprits"]) == (0, [])
    assert found["notes"] == [f"{said} lead to no output: not compared"]


@pytest.mark.parametrize(
    ("side", "end", "words"),
    [
        ("torch", "finite", "infinite"),
        pytest.param("keras", "finite", "infinite", marks=pytest.mark.slow),
        pytest.param("torch", "shrunk", "smaller than on the probe", marks=pytest.mark.slow),
        ("keras", "shrunk", "smaller than on the probe"),
    ],
)
def test_what_changes_tiny_or_infinite_numbers_alone_is_seen(verified, side, end, words):
    found = verified("Heads", **{side: {"end": end}})
    assert found["exit_status"] == 1
    (culprit,) = found["culprits"]
    assert words in culprit["detail"]


def test_what_both_ports_do_to_tiny_numbers_is_no_difference(verified):
    assert verified("Heads", {"end": "shrunk"}, {"end": "shrunk"})["exit_status"] == 0


def test_an_activation_in_front_of_a_fork_is_repaired_for_both_of_its_readers(verified):
    found = verified("Fork", {}, {"relu": False}, port="fork")
    assert {c["cause"] for c in found["culprits"]} == {"activation-missing"}
    assert found["repairs"]["made"] == 2
    assert found["repairs"]["outputs_apart"] < 1e-12 < found["outputs_apart"]


def test_a_mask_that_one_port_lacks_is_told_as_that(verified):
    assert causes(verified("Masked", {}, {"masked": False})) == {
        ("mask-missing", "masked_fill", "softmax")
    }
    assert causes(verified("Masked", {"masked": False}, {})) == {("mask-extra", "softmax", "where")}


def test_an_attention_that_looks_ahead_on_one_side_is_told(verified):
    found = verified("Causal", {}, {"masked": False})
    assert [c["cause"] for c in found["culprits"]] == ["causal"]
    assert found["repairs"]["outputs_apart"] < 1e-9 < found["outputs_apart"]


@pytest.mark.parametrize(
    ("rungs", "said"),
    [
        (None, "make the same outputs (0 apart) and gradients"),
        ([0, 1, 2, 3], "make the same outputs (0 apart)"),
        ([0, 5], "agree at rungs 0, 5, all that was asked"),
    ],
)
def test_the_verdict_says_what_was_asked_for_alone(rungs, said):
    assert report.agreed({"rungs": rungs, "outputs_apart": 0.0}) == said
