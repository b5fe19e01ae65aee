"""Ports that hold float32, whatever they are asked for: judged by their own rounding."""

from __future__ import annotations

from pathlib import Path

import pytest

from compare.ports import document
from compare.ports.looks import SIDES, Room
from compare.ports.verify import Request, load, seen
from compare.thresholds import SHORT_UNITS

PORTS = Path(__file__).parent / "ports"
FLOAT32 = {"dtype": "float32"}
RIGHT = [  # a class of short_torch.py, arguments of short_keras.py's net, whether torch gives in
    ("CastsFirst", {}, True),
    ("CastsFirst", FLOAT32, True),
    ("CastsLast", {}, True),
    ("Softmaxed", {"softmax": True}, False),
    ("Softmaxed", {"softmax": True, "last": "float32"}, False),
    ("Normed", {"normed": True}, False),
    ("Plain", {"last": "float32"}, False),
    ("Plain", FLOAT32, False),
]
WRONG = [  # the culprits' Keras layers, and the cause
    ("Halved", {}, ["bn1"], "gradient-scaled"),
    ("CastsFirst", {"eps": 1e-3}, ["bn1", "bn2"], "bn-eps"),
    ("Plain", FLOAT32 | {"eps": 1e-3}, ["bn1", "bn2"], "bn-eps"),
    ("Plain", {"last": "float32", "eps": 1e-3}, ["bn1", "bn2"], "bn-eps"),
    (
        "CastsLast",
        FLOAT32 | {"mirrored": True},
        ["zero_padding2d, conv1"],
        "same-vs-symmetric-stride2",
    ),
    ("Softmaxed", {"softmax": False, "last": "float32"}, ["fc"], "activation-missing"),
    ("Sixteen", {}, ["conv2"], "mixed-precision"),
]


@pytest.fixture
def verified(workers, tmp_path):
    def ask(torch: str, arguments: dict) -> dict:
        ports = f"{PORTS}/short_torch.py:{torch}", f"{PORTS}/short_keras.py:net"
        request = Request(*ports, ((3, 16, 16),), arguments={"keras": arguments})
        for side in SIDES:
            (tmp_path / side).mkdir()
        loads = {side: load(request, side) for side in SIDES}
        return document.of(seen(request, Room(tmp_path, loads, workers)), ())

    return ask


@pytest.mark.parametrize("torch, arguments, gives_in", RIGHT)
def test_a_right_pair_is_the_same_within_its_rounding_and_says_so(
    verified, torch, arguments, gives_in
):
    told = verified(torch, arguments)
    assert (told["verdict"], told["exit_status"]) == ("same within rounding", 0), told["culprits"]
    assert any("rests on float32" in note for note in told["notes"])
    assert any("torch cannot run in float64" in note for note in told["notes"]) is gives_in
    units = [
        row["forward"]["float64"] / row["allowed"] * SHORT_UNITS
        for row in told["layers"]
        if row["allowed"] > 1e-12
    ]
    assert units and max(units) < 5  # as thresholds.py says


@pytest.mark.parametrize("torch, arguments, layers, cause", WRONG)
def test_a_fault_is_found_in_a_port_of_float32(verified, torch, arguments, layers, cause):
    told = verified(torch, arguments)
    assert told["verdict"] == "different"
    assert [c["keras"] for c in told["culprits"]] == layers
    assert {c["cause"] for c in told["culprits"]} == {cause}


def test_the_report_says_below_what_float32_shows_no_fault(verified):
    """An epsilon that is off by 1e-8 moves a norm's numbers by 1e-10."""
    told = verified("CastsFirst", {"eps": 1.001e-5})
    (note,) = [note for note in told["notes"] if "rests on float32" in note]
    assert "would not show" in note and told["verdict"] == "same within rounding"
