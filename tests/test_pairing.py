"""Which layers are put together where several are alike, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence

from common.graph import Node
from compare.ports import pairing
from compare.ports.pairing import Holder, aligned


def layers(names: Sequence[str], depths: Sequence[int]) -> list[Holder]:
    """Convolutions that are alike but for their names and places."""
    return [
        Holder(
            Node(name, "conv", ("x",), (name,), {"weight": f"{name}.weight"}),
            {"weight": f"{name}.weight"},
            {"weight": (8, 8, 3, 3)},
            depth,
            height=0,
            place=place,
        )
        for place, (name, depth) in enumerate(zip(names, depths, strict=True))
    ]


def test_of_layers_that_are_alike_the_one_whose_name_is_missing_has_no_partner():
    ours = layers([f"block.{i}.conv" for i in range(6)], [0] * 6)
    theirs = layers([f"block{i}_conv" for i in range(6) if i != 2], [0] * 5)
    found = [(pair.torch.node.name, pair.keras.node.name) for pair in aligned(ours, theirs, True)]
    assert found == [(f"block.{i}.conv", f"block{i}_conv") for i in range(6) if i != 2]


def test_names_are_compared_where_they_may_decide_alone(monkeypatch):
    asked = []

    def counted(a: str, b: str) -> float:
        asked.append((a, b))
        return 0.0

    ours, theirs = (layers([f"{w}{i}" for i in range(80)], range(80)) for w in ("conv", "layer"))
    monkeypatch.setattr(pairing, "name_likeness", counted)
    assert len(aligned(ours, theirs, True)) == 80
    assert len(asked) < 80 * 80 / 10  # twice the 80 pairs, and a few beside them
