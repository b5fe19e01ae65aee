"""`compare verify` on nets that many have ported by hand, written otherwise on either side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compare
from compare.ports.cuts import Cut
from compare.ports.fault import apart

PORTS = Path(__file__).parent / "ports"
SHAPES = {
    "gates": (3, 8, 6), "widths": (4, 9), "pyramid": (3, 16, 24), "pixels": (2, 6, 5),
    "joined": (2, 8, 6), "latest": (3, 9), "dealt": (3, 8, 11), "standard": (3, 7, 6),
    "turned": (3, 6, 6), "finer": (1, 5, 6), "halved": (2, 6, 8),
}  # fmt: skip


@pytest.fixture
def verified(workers):
    def ask(net: str, **keras: Any) -> dict[str, Any]:
        ports = f"{PORTS}/twins_torch.py:{net.capitalize()}", f"{PORTS}/twins_keras.py:{net}"
        return compare.verify(*ports, SHAPES[net], workers=workers, keras_args=keras)

    return ask


@pytest.mark.parametrize("net", [*sorted(SHAPES.keys() - {"finer"})])
def test_a_right_port_matches(verified, net):
    found = verified(net)
    assert (found["verdict"], found["culprits"]) == ("same within rounding", [])
    assert found["unmatched"]["keras"] == []


FAULTS = {
    "branches joined in another order": ("widths", {"turned": True}, "concat-order"),
    "mean for maximum in every branch": ("widths", {"pool": "mean"}, "max-for-mean"),
    "goes on with what it was": ("gates", {"source": False}, "wrong-source"),
    "sigmoids added, not the sum's": ("gates", {"each": True}, "operation-order"),
    "joined behind a padding of nothing": ("joined", {"skip_first": False}, "concat-order"),
    "the first place": ("latest", {"place": 0}, "cut-elsewhere"),
    "dealt back": ("dealt", {"back": True}, "channel-order"),
    "spread by TensorFlow's order": ("dealt", {"spread": False}, "pixel-shuffle-order"),
    "an epsilon in a layer": ("standard", {"eps": 1e-3, "own": False}, "layer_norm-eps"),
    "TensorFlow's cubic": ("finer", {}, "interpolation"),
    "in front of shifted maps": ("halved", {"activation": "elu"}, "other-activation"),
    "linear for cubic": ("finer", {"interpolation": "bilinear"}, "interpolation"),
    "scaled in front of tables": ("turned", {"scale": 0.5}, "preprocessing-inside"),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if i % 2 else ()) for i, n in enumerate(FAULTS)],
)
def test_a_fault_has_its_cause_alone_and_its_repair_makes_the_ports_equal(verified, name):
    net, arguments, cause = FAULTS[name]
    found = verified(net, **arguments)
    assert found["verdict"] == "different"
    assert {c["cause"] for c in found["culprits"]} == {cause}, found["culprits"]
    assert found["repairs"]["outputs_apart"] < 1e-6 < found["outputs_apart"]  # of float32 tables


def test_outputs_in_another_order_are_all_that_differs(verified):
    culprits = verified("pyramid", turned=True)["culprits"]
    assert {c["cause"] for c in culprits} == {"outputs-swapped"}


def test_an_epsilon_in_a_formula_of_either_port_is_told(verified):
    (culprit,) = verified("standard", eps=1e-3)["culprits"]
    assert (culprit["cause"], culprit["keras"]) == ("norm-eps", "standard")
    assert culprit["phrase"] == "eps: torch 1e-06, keras 0.001"


def test_a_table_that_one_port_makes_in_float32_is_a_known_difference(verified):
    (known,) = verified("turned")["known_differences"]
    assert known["phrase"] == "one port makes a table of numbers in float32"


def test_of_more_outputs_the_one_of_its_size_is_compared(verified):
    (culprit,) = verified("turned", more=True)["culprits"]
    assert (culprit["cause"], culprit["rung"]) == ("outputs", 0)


def test_a_mask_that_one_port_holds_is_told_where_the_other_has_another_one(verified):
    (culprit,) = verified("pixels", itself=True)["culprits"]
    assert (culprit["torch"], culprit["rung"]) == ("first", 3)


def test_numbers_that_cannot_be_put_into_the_axes_of_others_are_infinitely_far():
    cut = Cut("a", "b", (("transpose", (0, 3, 1, 2)),), "")  # as behind a view that is left out
    assert apart(np.ones((1, 2, 6)), np.ones((1, 3, 2, 2)), cut) == float("inf")
