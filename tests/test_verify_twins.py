"""`compare verify` on nets that many have ported by hand, written otherwise on either side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import compare

PORTS = Path(__file__).parent / "ports"
SHAPES = {"gates": (3, 8, 6), "widths": (4, 9), "pyramid": (3, 16, 24), "pixels": (2, 6, 5)}


@pytest.fixture
def verified(workers):
    def ask(net: str, **keras: Any) -> dict[str, Any]:
        ports = f"{PORTS}/twins_torch.py:{net.capitalize()}", f"{PORTS}/twins_keras.py:{net}"
        return compare.verify(*ports, SHAPES[net], workers=workers, keras_args=keras)

    return ask


@pytest.mark.parametrize("net", SHAPES)
def test_a_right_port_matches(verified, net):
    found = verified(net)
    assert (found["verdict"], found["culprits"]) == ("same within rounding", [])
    assert found["unmatched"] == {"torch": [], "keras": []}


FAULTS = {
    "branches joined in another order": ("widths", {"turned": True}, "concat-order"),
    "outputs in another order": ("pyramid", {"turned": True}, "outputs-swapped"),
    "goes on with what it was": ("gates", {"source": False}, "wrong-source"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_its_cause_alone(verified, name):
    net, arguments, cause = FAULTS[name]
    found = verified(net, **arguments)
    assert found["verdict"] == "different"
    assert {c["cause"] for c in found["culprits"]} == {cause}, found["culprits"]


def test_a_mask_that_one_port_holds_is_told_where_the_other_has_another_one(verified):
    (culprit,) = verified("pixels", itself=True)["culprits"]
    assert (culprit["torch"], culprit["rung"]) == ("first", 3)
