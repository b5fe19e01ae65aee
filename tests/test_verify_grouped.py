"""One cause in many layers is told once; two networks with nothing in common, in a sentence."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from compare.ports import document, formats, report
from compare.ports.looks import SIDES, Room
from compare.ports.verify import Request, load, seen

PORTS = Path(__file__).parent / "ports"


@pytest.fixture
def told(workers, tmp_path):
    """The document of two ports of tests/ports/many_*.py."""

    def ask(torch: str, keras: str) -> dict:
        ports = f"{PORTS}/many_torch.py:{torch}", f"{PORTS}/many_keras.py:{keras}"
        request = Request(*ports, ((3, 8, 8),))
        for side in SIDES:
            (tmp_path / side).mkdir()
        loads = {side: load(request, side) for side in SIDES}
        return document.of(seen(request, Room(tmp_path, loads, workers)), ())

    return ask


def test_eight_biases_are_told_once_in_every_report(told):
    found = told("convolutions", "unbiased")
    assert [c["cause"] for c in found["culprits"]] == ["bias-missing"] * 8  # the JSON has them all
    text = report.text(found)
    assert text.count("bias-missing (8 places)") == 1 and text.count("culprit ") == 1
    assert "6 (torch) / conv2d_3 (keras) and 4 more" in text
    page = formats.markdown(found)
    assert page.count("\n## ") == 1 and "(8 places)" in page and "and 4 more" in page
    (suite,) = ElementTree.fromstring(formats.junit(found).encode())
    names = [case.get("name") for case in suite if "culprit" in case.get("name")]
    assert names == ["rung 3 culprit 0 (torch) / conv2d (keras) (8 places)"]


def test_layers_without_a_partner_are_told_once_where_they_err(told):
    found = told("convolutions", "normed")
    assert [c["cause"] for c in found["culprits"]] == ["layer-extra"] * 8
    assert {c["rung"] for c in found["culprits"]} == {3}  # at rung 0 they would be told again
    assert report.text(found).count("layer-extra (8 places)") == 1
    assert found["checks"][0]["verdict"] == "different"
    assert found["repairs"]["outputs_apart"] < 1e-14 < found["outputs_apart"]


def test_two_networks_are_not_comparable_in_one_statement(told):
    found = told("another", "normed")
    assert (found["verdict"], found["exit_status"]) == ("not comparable", 4)
    lines = report.text(found).splitlines()
    assert len(lines) < 12, lines
    assert "1 of 2 layers of torch and 16 of 17 layers of keras have no partner" in lines[-2]
    assert len(found["unmatched"]["keras"]) == 16 and found["culprits"] == []
