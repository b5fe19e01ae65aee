"""Axis maps of tensors: there and back, bit for bit, and onto hand-written transposes."""

from __future__ import annotations

import numpy as np
import pytest

from common.graph import Node, back, moved
from compare.ports.pairing import shape_after, to_torch


def node(kind: str, **settings: object) -> Node:
    return Node("layer", kind, (), ("layer",), {}, settings)


CASES = {
    "conv": (node("conv", groups=1, channels=5), (3, 2, 4, 5), lambda x: x.transpose(3, 2, 0, 1)),
    "conv of a line": (node("conv", groups=1, channels=5), (3, 4, 5), lambda x: x.T),
    "grouped": (
        node("conv", groups=2, channels=6),
        (3, 2, 4, 6),
        lambda x: x.transpose(3, 2, 0, 1),
    ),
    "depthwise": (
        node("conv", groups=4, channels=8),
        (3, 2, 4, 2),
        # output c * 2 + j of PyTorch is [.., c, j] of Keras
        lambda x: np.stack([x[:, :, c, j] for c in range(4) for j in range(2)])[:, None],
    ),
    "transposed": (node("conv_transpose"), (3, 2, 5, 4), lambda x: x.transpose(3, 2, 0, 1)),
    "dense": (node("dense"), (4, 5), lambda x: x.T),
    "heads": (
        node("einsum_dense", equation="abc,cde->abde"),
        (4, 2, 3),
        lambda x: x.reshape(4, 6).T,
    ),
    "from heads": (
        node("einsum_dense", equation="abcd,cde->abe"),
        (2, 3, 4),
        lambda x: x.reshape(6, 4).T,
    ),
    "embedding": (node("embedding"), (4, 5), lambda x: x),
}


@pytest.mark.parametrize("case", CASES)
def test_a_kernel_goes_to_pytorchs_axes_and_back(case: str) -> None:
    holder, shape, expected = CASES[case]
    x = np.random.default_rng(0).normal(size=shape)
    moves = to_torch(holder, "weight", shape)
    there = moved(x, moves)
    np.testing.assert_array_equal(there, expected(x))
    assert there.shape == shape_after(shape, moves)
    np.testing.assert_array_equal(moved(there, back(moves, shape)), x)


def test_moves_of_any_batch_are_undone() -> None:
    moves = (("transpose", (0, 3, 1, 2)), ("reshape", (-1, 24)))
    x = np.random.default_rng(0).normal(size=(5, 2, 3, 4))
    np.testing.assert_array_equal(moved(moved(x, moves), back(moves, (-1, 2, 3, 4))), x)
