"""`compare verify` on ports that nobody here wrote: published pairs, right ones and wrong ones.

The reasons for which torchvision's ResNet-50 and keras.applications' differ are in their sources: a
bias before every batch norm, an epsilon of 1.001e-5, and the stride of a stage's first block on its
first convolution (He et al. 2015), not on its 3x3 one (torchvision's "v1.5").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compare.ports import document
from compare.ports.looks import Room
from compare.ports.verify import Request, load, seen

SIDES = ("torch", "keras")
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
    root = Path(__file__).parent / "ports"
    ports = f"{root}/branches_torch.py:Branches", f"{root}/branches_keras.py:Branches"
    found = verified(*ports, (3, 10, 8))
    assert (found["verdict"], found["exit_status"]) == ("same within rounding", 0)
    assert found["coverage"]["layers"][0] == found["coverage"]["layers"][1] > 0
    assert [pair["torch"] for pair in found["pairs"]] == ["stem", "bn", "left", "right", "fc"]
    assert [pair["keras"] for pair in found["pairs"]] == ["stem", "bn", "left", "right", "fc"]


def test_one_sample_proves_nothing_of_a_batch(verified):
    root = Path(__file__).parent / "ports"
    ports = f"{root}/branches_torch.py:Branches", f"{root}/branches_keras.py:Branches"
    found = verified(*ports, (3, 10, 8), batch=1)
    assert (found["verdict"], found["exit_status"]) == ("not proven", 4)
