"""Images made to fit: padded, resized and repeated, with every expected number written out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from common import data
from common.data.dataset import data_set
from common.errors import DataError

RNG = np.random.RandomState(11)


def image(rows, dtype=np.uint8) -> np.ndarray:
    """One grey image (1, 1, H, W)."""
    return np.array(rows, dtype)[np.newaxis, np.newaxis]


# ---- channels


@pytest.mark.parametrize("how", ["", "pad", "resize"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_one_channel_is_repeated_where_the_model_reads_three(how, dtype):
    x = RNG.randint(0, 256, (2, 1, 4, 5)).astype(dtype)
    fitted = data.fit(x, (3, 4, 5), how)
    assert fitted.shape == (2, 3, 4, 5)
    assert fitted.dtype == dtype
    for channel in range(3):
        np.testing.assert_array_equal(fitted[:, channel], x[:, 0])


@pytest.mark.parametrize("how", ["", "pad", "resize"])
@pytest.mark.parametrize("have, read", [(3, 1), (2, 3), (1, 2), (3, 4)])
def test_no_other_channels_are_made(how, have, read):
    x = np.zeros((2, have, 4, 4), np.uint8)
    assert data.fit(x, (read, 4, 4), how) is x
    assert data.fit(x, (read, 6, 6), how) is x


def test_images_that_fit_are_left_as_they_are():
    x = np.zeros((2, 3, 4, 4), np.uint8)
    for how in ("", "pad", "resize"):
        assert data.fit(x, (3, 4, 4), how) is x


def test_without_a_how_no_size_is_changed_and_nothing_is_done_by_halves():
    x = np.zeros((2, 1, 4, 4), np.uint8)
    for shape in ((1, 5, 5), (1, 3, 3), (3, 5, 5), (3, 4, 5)):
        assert data.fit(x, shape, "") is x


def test_what_cannot_be_made_to_fit_is_refused_with_the_shape_of_the_file():
    x, y = np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1])
    fitted = data.fit(x, (3, 3, 3), "pad")
    mine = data_set("mine", "here", (fitted, y), (fitted, y), 2)
    with pytest.raises(DataError, match=r"\(3, 3, 3\).*found \(1, 4, 4\)"):
        data.check_fits(mine, (3, 3, 3), 2)


# ---- padding


def test_zeros_are_put_evenly_around_and_the_odd_one_after():
    fitted = data.fit(image([[1, 2], [3, 4]]), (1, 4, 5), "pad")
    assert fitted[0, 0].tolist() == [[0, 0, 0, 0, 0], [0, 1, 2, 0, 0], [0, 3, 4, 0, 0], [0] * 5]


def test_mnist_in_lenet_5_lies_at_2_to_30():
    # LeCun et al. 1998, section II.B: 28 x 28 images in the centre of 32 x 32.
    x = RNG.randint(1, 256, (5, 1, 28, 28)).astype(np.uint8)
    fitted = data.fit(x, (1, 32, 32), "pad")
    np.testing.assert_array_equal(fitted[:, :, 2:30, 2:30], x)
    assert int(fitted.sum()) == int(x.sum())


def test_padding_keeps_the_dtype_and_the_input():
    x = RNG.rand(2, 3, 3, 3).astype(np.float32)
    before = x.copy()
    fitted = data.fit(x, (3, 4, 4), "pad")
    assert fitted.dtype == np.float32
    np.testing.assert_array_equal(fitted[:, :, :3, :3], before)
    fitted[:] = 7
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("shape", [(1, 3, 6), (1, 6, 3), (1, 3, 3)])
def test_padding_never_crops(shape):
    x = np.zeros((2, 1, 4, 4), np.uint8)
    assert data.fit(x, shape, "pad") is x


# ---- resizing


def test_doubling_reads_quarters_between_pixels_and_repeats_the_border():
    # New centres lie at 1/4, 3/4, 5/4, 7/4 of old pixels whose centres are 1/2 and 3/2:
    # 0, 0 + 1/4 of 40, 0 + 3/4 of 40, 40.
    fitted = data.fit(image([[0, 40]]), (1, 1, 4), "resize")
    assert fitted[0, 0].tolist() == [[0, 10, 30, 40]]
    columns = data.fit(image([[0], [40]]), (1, 4, 1), "resize")
    assert columns[0, 0].tolist() == [[0], [10], [30], [40]]


def test_both_axes_are_resized_one_after_the_other():
    # The outer product of the row above with itself, / 40.
    fitted = data.fit(image([[0, 0], [0, 160]]), (1, 4, 4), "resize")
    assert fitted[0, 0].tolist() == [
        [0, 0, 0, 0],
        [0, 10, 30, 40],
        [0, 30, 90, 120],
        [0, 40, 120, 160],
    ]


def test_halving_is_antialiased():
    # A triangle 4 wide about the middle of two pixels weighs them 3 and 3, their neighbours 1 and
    # 1; at the border the one outside is left out: (3 x 70) / 7 = 30, 70 / 8 = 8.75.
    fitted = data.fit(image([[0, 70, 0, 0, 0, 0, 0, 0]], np.float32), (1, 1, 4), "resize")
    np.testing.assert_allclose(fitted[0, 0], [[30, 8.75, 0, 0]], rtol=1e-6, atol=0)


def test_uint8_is_rounded_to_the_nearest_level_and_halves_to_even():
    # 1/4 and 3/4 between each two: 0.25, 0.75 | 1.5, 2.5 where they are 1 and 3.
    assert data.fit(image([[0, 1]]), (1, 1, 4), "resize")[0, 0].tolist() == [[0, 0, 1, 1]]
    assert data.fit(image([[1, 3]]), (1, 1, 4), "resize")[0, 0].tolist() == [[1, 2, 2, 3]]


@pytest.mark.parametrize("size", [(32, 32), (5, 5), (28, 40), (3, 50), (27, 29), (224, 1)])
def test_float_pixels_are_resized_as_pillow_does(size):
    x = (255 * RNG.rand(2, 3, 28, 28)).astype(np.float32)
    fitted = data.fit(x, (3, *size), "resize")
    assert (fitted.shape, fitted.dtype) == ((2, 3, *size), np.float32)
    for n, c in np.ndindex(2, 3):
        theirs = Image.fromarray(x[n, c]).resize(size[::-1], Image.Resampling.BILINEAR)
        # Pillow rounds to float32 between the axes; it came to 3e-5 of 255 here.
        np.testing.assert_allclose(fitted[n, c], np.asarray(theirs), rtol=0, atol=2e-4)


@pytest.mark.parametrize("size", [(32, 32), (14, 14), (40, 9)])
def test_uint8_pixels_are_resized_as_pillow_does_within_a_level(size):
    # Pillow rounds to whole levels between the axes, we at the end alone.
    x = RNG.randint(0, 256, (3, 1, 28, 28)).astype(np.uint8)
    fitted = data.fit(x, (1, *size), "resize")
    assert fitted.dtype == np.uint8
    for n in range(3):
        theirs = Image.fromarray(x[n, 0]).resize(size[::-1], Image.Resampling.BILINEAR)
        difference = np.abs(fitted[n, 0].astype(int) - np.asarray(theirs).astype(int))
        assert difference.max() <= 1
        assert (difference == 0).mean() > 0.7


def test_uint8_comes_out_of_fractions_exactly():
    """28 -> 32 again in Python's fractions, one pixel at a time, clamped at the border."""
    from fractions import Fraction

    x = RNG.randint(0, 256, (1, 1, 28, 28)).astype(np.uint8)
    fitted = data.fit(x, (1, 32, 32), "resize")[0, 0]
    for row, column in [(0, 0), (31, 31), (0, 17), (3, 4), (16, 15), (30, 1)]:
        taps = []
        for place in (row, column):
            centre = Fraction(2 * place + 1, 2) * Fraction(28, 32) - Fraction(1, 2)
            low = centre.numerator // centre.denominator
            near = centre - low
            taps.append([(max(low, 0), 1 - near), (min(low + 1, 27), near)])
        exact = sum(a * b * int(x[0, 0, i, j]) for i, a in taps[0] for j, b in taps[1])
        assert fitted[row, column] == round(exact)  # to even


def test_a_batch_larger_than_a_block_is_resized_like_its_images():
    x = RNG.randint(0, 256, (1003, 1, 3, 3)).astype(np.uint8)
    whole = data.fit(x, (3, 5, 4), "resize")
    assert whole.shape == (1003, 3, 5, 4)
    for index in (0, 999, 1000, 1002):
        one = data.fit(x[index : index + 1], (3, 5, 4), "resize")
        np.testing.assert_array_equal(whole[index : index + 1], one)


# ---- in words


@pytest.mark.parametrize(
    "before, after, how, words",
    [
        ((1, 28, 28), (3, 32, 32), "pad", "28x28 grey padded to 32x32, repeated to 3 channels"),
        ((1, 28, 28), (1, 32, 32), "pad", "28x28 grey padded to 32x32"),
        ((3, 32, 32), (3, 224, 200), "resize", "32x32 colour resized to 224x200"),
        ((1, 28, 30), (3, 28, 30), "resize", "28x30 grey repeated to 3 channels"),
        ((1, 32, 32), (3, 32, 32), "", "32x32 grey repeated to 3 channels"),
        ((2, 5, 5), (2, 6, 6), "resize", "5x5 2-channel resized to 6x6"),
        ((1, 28, 28), (1, 28, 28), "pad", ""),
        ((3, 28, 28), (3, 28, 28), "", ""),
    ],
)
def test_what_was_done_is_one_phrase(before, after, how, words):
    assert data.described(before, after, how) == words
