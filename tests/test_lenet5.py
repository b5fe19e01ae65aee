"""LeNet-5 counts as LeCun, Bottou, Bengio and Haffner 1998 count it, section II.B."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from common.digit_codes import DIGIT_CODES
from common.specs.lenet5 import LENET5, TABLE_I


@pytest.fixture(scope="module")
def described(environment) -> dict[str, dict[str, int]]:
    """What `compare describe lenet5` says of each layer, by the layer's name."""
    done = subprocess.run(
        [sys.executable, "-m", "compare", "describe", "lenet5", "--json", "-"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return {row["name"]: row for row in json.loads(done.stdout)["layers"]}


PAPER = {  # neurons: the paper's maps, times their places; then its two numbers
    "c1": (6 * 28 * 28, 156, 122_304),
    "s2": (6 * 14 * 14, 12, 5_880),
    "c3": (16 * 10 * 10, 1_516, 151_600),
    "s4": (16 * 5 * 5, 32, 2_000),
    "c5": (120, 48_120, 48_120),
    "f6": (84, 10_164, 10_164),
    "distances": (10, 0, 840),  # 10 units of 84 inputs, whose codes are fixed and have no bias
}


@pytest.mark.parametrize("name", PAPER)
def test_a_layer_has_the_papers_neurons_parameters_and_connections(described, name):
    row = described[name]
    assert (row["neurons"], row["parameters"], row["connections"]) == PAPER[name]


def test_the_squashing_and_the_flatten_count_nothing(described):
    others = described.keys() - PAPER.keys()
    assert len(others) == 7
    for name in others:
        row = described[name]
        assert row["neurons"] == row["parameters"] == row["connections"] == 0


def test_the_whole_has_the_papers_60000_parameters_and_340908_connections(described):
    assert sum(row["parameters"] for row in described.values()) == 60_000
    assert sum(row["connections"] for row in described.values()) == 340_908


# Table I as it is printed: a row for each S2 map, an X where the C3 map of that column reads it.
PRINTED = """
    X . . . X X X . . X X X X . X X
    X X . . . X X X . . X X X X . X
    X X X . . . X X X . . X . X X X
    . X X X . . X X X X . . X . X X
    . . X X X . . X X X X . X X . X
    . . . X X X . . X X X X . X X X
"""


def test_c3_reads_the_maps_that_table_i_marks():
    rows = [line.split() for line in PRINTED.strip().splitlines()]
    marked = tuple(
        tuple(read for read, row in enumerate(rows) if row[column] == "X") for column in range(16)
    )
    assert marked == TABLE_I == LENET5["c3"].settings["table"]


def test_the_squashing_maps_1_to_1_and_minus_1_to_minus_1():
    # Appendix A: f(a) = A tanh(S a) with f(1) = 1, f(-1) = -1, A = 1.7159 and S = 2/3.
    for layer in LENET5.layers:
        if layer.op == "scaled_tanh":
            assert dict(layer.settings) == {"amplitude": 1.7159, "slope": 2 / 3}


def test_there_are_ten_codes_of_84_bits_no_two_alike():
    assert [len(code) for code in DIGIT_CODES] == [84] * 10
    assert {bit for code in DIGIT_CODES for bit in code} == {-1.0, 1.0}
    assert len(set(DIGIT_CODES)) == 10


def test_the_codes_are_the_drawings_read_row_by_row():
    # Fig. 3: the 1 is a stem of two pixels on a foot, and the 7 begins with a bar.
    one, seven = DIGIT_CODES[1], DIGIT_CODES[7]
    assert one[:7] == (-1, -1, -1, 1, 1, -1, -1)
    assert one[63:70] == (-1, 1, 1, 1, 1, 1, 1)
    assert seven[:7] == (1,) * 7
    # 6 and 8 are the likest pair: they differ in 12 pixels.
    gaps = [
        sum(x != y for x, y in zip(DIGIT_CODES[a], DIGIT_CODES[b], strict=True))
        for a in range(10)
        for b in range(a)
    ]
    assert min(gaps) == 12
    assert sum(x != y for x, y in zip(DIGIT_CODES[6], DIGIT_CODES[8], strict=True)) == 12
