"""Convolutions and pools over any number of axes, against PyTorch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from common.operations import compute

rng = np.random.default_rng(0)
STRIDES = {1: (2,), 2: (2, 1), 3: (1, 2, 1)}


def drawn(*shape: int) -> np.ndarray:
    return rng.normal(size=shape)


@pytest.mark.parametrize("rank", [1, 3])
def test_a_convolution_of_lines_and_of_volumes_is_pytorchs(rank: int) -> None:
    x, kernel = drawn(2, 4, *(9, 8, 7)[:rank]), drawn(6, 2, *(3, 2, 3)[:rank])
    bias, step = drawn(6), STRIDES[rank]
    due = getattr(F, f"conv{rank}d")(
        *map(torch.tensor, (x, kernel, bias)), stride=step, padding=1, groups=2
    )
    settings = {"stride": step, "padding": ((1, 1),) * rank, "dilation": (1,) * rank, "groups": 2}
    made = compute("conv", settings, [x], {"weight": kernel, "bias": bias})
    np.testing.assert_allclose(made, due.numpy(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_transposed_convolution_is_pytorchs(rank: int) -> None:
    x, kernel = drawn(2, 4, *(5, 4, 3)[:rank]), drawn(4, 3, *(3, 4, 3)[:rank])
    bias, step = drawn(6), STRIDES[rank]
    more = tuple(s - 1 for s in step)
    due = getattr(F, f"conv_transpose{rank}d")(
        *map(torch.tensor, (x, kernel, bias)), stride=step, padding=1, groups=2, output_padding=more
    )
    cut = tuple((1, 1 - m) for m in more)  # what is added at the end is cut off less
    settings = {"stride": step, "padding": cut, "dilation": (1,) * rank, "groups": 2}
    made = compute("conv_transpose", settings, [x], {"weight": kernel, "bias": bias})
    np.testing.assert_allclose(made, due.numpy(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_pools_of_volumes_are_pytorchs(ceil: bool, counted: bool) -> None:
    x = drawn(2, 3, 7, 6, 5)
    settings = {"size": (3, 3, 2), "stride": (2, 2, 2), "padding": ((1, 1),) * 3, "ceil": ceil}
    said = {"stride": 2, "padding": 1, "ceil_mode": ceil}
    due = F.max_pool3d(torch.tensor(x), (3, 3, 2), **said).numpy()
    np.testing.assert_array_equal(compute("max_pool", settings, [x], {}), due)
    mean = F.avg_pool3d(torch.tensor(x), (3, 3, 2), count_include_pad=counted, **said).numpy()
    made = compute("avg_pool", settings | {"count_border": counted}, [x], {})
    np.testing.assert_allclose(made, mean, rtol=0, atol=1e-14)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_a_resize_is_pytorchs(mode: str) -> None:
    x = drawn(2, 3, 7, 5)
    due = F.interpolate(torch.tensor(x), size=(4, 9), mode=mode).numpy()
    made = compute("upsample", {"size": (4, 9), "mode": mode, "cubic": -0.75}, [x], {})
    np.testing.assert_allclose(made, due, rtol=0, atol=1e-14)


def test_an_attention_is_pytorchs() -> None:
    q, k, v = drawn(2, 3, 5, 4), drawn(2, 3, 6, 4), drawn(2, 3, 6, 4)
    due = F.scaled_dot_product_attention(*map(torch.tensor, (q, k, v))).numpy()
    made = compute("attention", {"scale": 0.5}, [q, k, v], {})
    np.testing.assert_allclose(made, due, rtol=0, atol=1e-14)
