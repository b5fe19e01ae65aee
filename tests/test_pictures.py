"""Pictures: read back from their files, they show what they were given, the same every time."""

from __future__ import annotations

import builtins
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common import data
from common.data.dataset import data_set
from common.errors import UsageError
from compare import pictures

BLUE, VERMILLION = (0, 114, 178), (213, 94, 0)  # Okabe and Ito 2008
HOSTILE = {"axes.facecolor": "black", "font.size": 30.0, "lines.linewidth": 9.0}


def history(losses: list) -> list[dict]:
    """One row an epoch; the test loss is the square of the training loss."""
    return [
        {
            "epoch": epoch,
            "train_loss": loss,
            "train_accuracy": 0.5 + epoch / 100,
            "test_loss": loss if isinstance(loss, str) else loss**2,
            "test_accuracy": 0.4 + epoch / 100,
            "seconds": 1.0,
        }
        for epoch, loss in enumerate(losses, 1)
    ]


def document(torch: list, keras: list) -> dict:
    """As much of compare/document.py's as a picture reads."""
    sides = {"torch": torch, "keras": keras}
    return {
        "model": "lenet",
        "seed": 7,
        "data": {"name": "mnist-5k"},
        "backends": {side: {"history": history(losses)} for side, losses in sides.items()},
    }


BOTH = document([2.0, 1.0, 0.7, 0.6], [2.1, 1.2, 0.9, 0.5])


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def count(path: Path, colour: tuple[int, int, int]) -> int:
    """Pixels of exactly this colour."""
    return int((pixels(path) == colour).all(axis=2).sum())


def words(path: Path) -> list[str]:
    """Every text in an SVG."""
    root = ElementTree.parse(path).getroot()
    found = [node for node in root.iter() if node.tag.endswith("}text")]
    return ["".join(node.itertext()).strip() for node in found]


def lines(path: Path, colour: str) -> list[ElementTree.Element]:
    """The curves of one colour in an SVG: paths with a style of their own, of 4 or more points."""
    root = ElementTree.parse(path).getroot()
    curves = [node for node in root.iter() if node.tag.endswith("}path")]
    return [
        node
        for node in curves
        if f"stroke: {colour}" in node.get("style", "") and node.get("d").count("L") >= 3
    ]


def draw(path: Path, what: dict = BOTH) -> Path:
    pictures.curves(what, path)
    return path


# ---- curves


def test_both_sides_are_drawn_in_their_colours_in_two_panels(tmp_path):
    path = draw(tmp_path / "curves.png")
    assert pixels(path).shape == (420, 1000, 3)
    for colour in (BLUE, VERMILLION):
        marked = (pixels(path) == colour).all(axis=2)
        assert marked[:, :500].sum() > 100
        assert marked[:, 500:].sum() > 100


def test_a_side_without_a_history_is_left_out(tmp_path):
    path = draw(tmp_path / "curves.png", document([], [2.0, 1.0]))
    assert count(path, BLUE) == 0
    assert count(path, VERMILLION) > 100
    assert "torch" not in " ".join(words(draw(tmp_path / "c.svg", document([], [2.0, 1.0]))))


def test_axes_title_and_lines_are_named(tmp_path):
    found = words(draw(tmp_path / "curves.svg"))
    assert found.count("epoch") == 2
    assert {"mean cross-entropy", "accuracy", "lenet on mnist-5k, seed 7"} <= set(found)
    for name in ("torch, training", "torch, test", "keras, training", "keras, test"):
        assert found.count(name) == 2


def test_torch_is_solid_keras_dashed_training_thin_and_test_thick(tmp_path):
    path = draw(tmp_path / "curves.svg")
    for colour, dashed in (("#0072b2", False), ("#d55e00", True)):
        styles = [node.get("style") for node in lines(path, colour)]
        assert len(styles) == 4  # training and test, in two panels
        assert all(("stroke-dasharray" in style) == dashed for style in styles)
        assert sum("stroke-width: 2.4" in style for style in styles) == 2


def heights(path: Path, colour: str) -> list[list[float]]:
    """The y of every point of each curve; SVG counts downwards."""
    return [[float(y) for y in node.get("d").split()[2::3]] for node in lines(path, colour)]


def test_the_curves_go_through_their_numbers(tmp_path):
    train, test, *_ = heights(draw(tmp_path / "curves.svg"), "#0072b2")
    # 2.0, 1.0, 0.7, 0.6: steps of 1.0, 0.3 and 0.1; squared 4.0, 1.0, 0.49, 0.36.
    one = train[1] - train[0]
    assert one > 0
    np.testing.assert_allclose(np.diff(train) / one, [1, 0.3, 0.1], rtol=1e-4)
    np.testing.assert_allclose(np.diff(test) / one, [3, 0.51, 0.13], rtol=1e-4)


def test_numbers_that_are_not_finite_are_gaps_that_the_legend_counts(tmp_path):
    what = document([2.0, 1.5, "nan", 0.9, "inf", 0.8], ["nan"] * 6)
    path = draw(tmp_path / "curves.svg", what)
    found = words(path)
    assert found.count("torch, test (not finite in 2 of 6 epochs)") == 1
    assert found.count("keras, training (not finite in 6 of 6 epochs)") == 1
    assert found.count("keras, training") == 1  # its accuracy is
    assert not any("nan" in word or "inf" in word.split() for word in found)
    assert "NaN" not in path.read_text() and "nan " not in path.read_text()


def test_a_single_epoch_shows_as_dots(tmp_path):
    path = draw(tmp_path / "curves.png", document([2.0], [1.0]))
    empty = draw(tmp_path / "empty.png", document(["nan"], ["nan"]))
    left = [(pixels(p)[:, :500] == BLUE).all(axis=2).sum() for p in (path, empty)]
    assert left[0] > left[1] + 15  # beside what the legend shows


def test_a_run_without_training_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"curves\.png: expected a run that has trained"):
        pictures.curves(document([], []), tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


# ---- the data set


def squares(classes: int, each: int, side: int = 8, channels: int = 3) -> data.DataSet:
    """Images of one level each, told apart by their levels, sorted by class backwards."""
    y = np.repeat(np.arange(classes)[::-1], each)
    x = np.empty((len(y), channels, side, side), np.uint8)
    x[:] = np.linspace(0, 255, len(y)).astype(np.uint8)[:, None, None, None]
    return data_set("squares", "nowhere", (x, y), (x[:3], y[:3]), classes)


def grid(path: Path, left: int, top: int, pitch: tuple[int, int], rows: int) -> np.ndarray:
    """The colour in the middle of each image of the sheet: (rows, 10, 3)."""
    rows_at, columns_at = top + pitch[0] * np.arange(rows), left + pitch[1] * np.arange(10)
    return pixels(path)[np.ix_(rows_at, columns_at)]


def test_a_row_shows_the_first_ten_images_of_its_class(tmp_path):
    mine = squares(classes=3, each=12)
    pictures.contact_sheet(mine, tmp_path / "sheet.png")
    # 8 pixels, 7 times enlarged: 56 wide, 6 apart, after 34 on the left and 46 above.
    found = grid(tmp_path / "sheet.png", 34 + 28, 46 + 28, (62, 62), rows=3)
    for label in range(3):
        first = mine.x_train[mine.y_train == label][:10, :, 0, 0]
        # Class 0 stands last: the lightest that is shown is its tenth, image 33 of 0 .. 35.
        wanted = first / mine.x_train[33, 0, 0, 0] * 255
        np.testing.assert_allclose(found[label], wanted, atol=1, rtol=0)
    assert pixels(tmp_path / "sheet.png").shape == (46 + 3 * 62 - 6 + 12, 34 + 620 - 6 + 12, 3)


def test_rows_are_numbered_and_the_title_says_which_images_these_are(tmp_path):
    mine = squares(classes=4, each=5)
    pictures.contact_sheet(mine, tmp_path / "sheet.svg")
    assert words(tmp_path / "sheet.svg") == [
        "squares: 20 training and 3 test images",
        f"8x8 colour, 4 classes, sha256 {mine.sha256[:12]}",
        "0",
        "1",
        "2",
        "3",
    ]


def test_of_many_classes_the_first_hundred_images_are_shown_each_with_its_class(tmp_path):
    mine = squares(classes=21, each=6)
    pictures.contact_sheet(mine, tmp_path / "sheet.svg")
    assert words(tmp_path / "sheet.svg")[:-2] == [str(label) for label in mine.y_train[:100]]
    pictures.contact_sheet(mine, tmp_path / "sheet.png")
    found = grid(tmp_path / "sheet.png", 12 + 28, 46 + 14 + 28, (76, 62), rows=10)
    # Levels run from black to white over what is shown: the first 100 of 126.
    shown = mine.x_train[:100, 0, 0, 0].astype(float)
    np.testing.assert_allclose(found[..., 0].ravel(), shown / shown.max() * 255, atol=1, rtol=0)


def test_twenty_classes_have_a_row_each_and_a_class_without_images_has_an_empty_one(tmp_path):
    mine = squares(classes=20, each=2)
    y = np.where(mine.y_train == 7, 8, mine.y_train)
    mine = data_set("gap", "nowhere", (mine.x_train, y), (mine.x_train, y), 20)
    pictures.contact_sheet(mine, tmp_path / "sheet.png")
    found = grid(tmp_path / "sheet.png", 34 + 28, 46 + 28, (62, 62), rows=20)
    assert (found[7] == 255).all()
    assert (found[8, :4, 0] < 255).all()


def test_dark_images_are_shown_in_their_own_range(tmp_path):
    # The pixels of digits end at 16.
    pictures.contact_sheet(data.load("digits"), tmp_path / "sheet.png")
    image = pixels(tmp_path / "sheet.png")[50:, 40:]
    assert (image == 0).all(axis=2).mean() > 0.1
    assert (image == 255).all(axis=2).mean() > 0.2


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 300, 150), (2, 9, 9), (1, 1, 1), (1, 1, 400)])
def test_images_of_any_shape_make_a_sheet_of_bounded_size(tmp_path, shape):
    x = np.random.RandomState(0).rand(30, *shape).astype(np.float32)
    y = np.arange(30) % 2
    pictures.contact_sheet(data_set("any", "here", (x, y), (x, y), 2), tmp_path / "sheet.png")
    image = pixels(tmp_path / "sheet.png")
    assert (image[46:, 34:] < 250).any()  # below the title, right of the numbers
    height, width, _ = image.shape
    assert 60 <= height <= 400
    assert 100 <= width <= 1400


def test_images_without_any_contrast_are_drawn(tmp_path):
    x, y = np.full((2, 1, 4, 4), 9, np.uint8), np.array([0, 1])
    pictures.contact_sheet(data_set("flat", "here", (x, y), (x, y), 2), tmp_path / "sheet.png")
    assert count(tmp_path / "sheet.png", (0, 0, 0)) >= 2 * 56 * 56


# ---- files


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
@pytest.mark.parametrize("kind", ["curves", "sheet"])
def test_the_same_picture_is_the_same_bytes_whatever_the_user_set(tmp_path, suffix, kind):
    import matplotlib

    def make(path: Path) -> bytes:
        if kind == "curves":
            pictures.curves(BOTH, path)
        else:
            pictures.contact_sheet(squares(2, 3), path)
        return path.read_bytes()

    first = make(tmp_path / f"a{suffix}")
    with matplotlib.rc_context(HOSTILE):
        assert make(tmp_path / f"b{suffix}") == first
        assert matplotlib.rcParams["font.size"] == 30.0
    magic = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix.lower()]
    assert first.startswith(magic)
    assert b"Date" not in first.replace(b"CreationDate", b"Date") and b"<dc:date>" not in first


@pytest.mark.parametrize("name", ["picture.gif", "picture", "picture.jpeg", ".png"])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path, name):
    for call in (
        lambda: pictures.curves(BOTH, tmp_path / name),
        lambda: pictures.contact_sheet(squares(2, 3), tmp_path / name),
    ):
        with pytest.raises(UsageError, match=r"\(\.png, \.svg, \.pdf\), found (\.\w+|none)$"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no/curves\.png: cannot be written \(No such file"):
        draw(tmp_path / "no" / "curves.png")


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = draw(tmp_path / "curves.png")
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("common.tensors.os.replace", full)
    with pytest.raises(UsageError, match="No space left"):
        draw(path, document([1.0], [1.0]))
    assert [p.name for p in tmp_path.iterdir()] == ["curves.png"]
    assert path.read_bytes() == before


def test_pyplot_is_never_loaded():
    assert "matplotlib.pyplot" not in sys.modules


def test_without_matplotlib_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError("No module named 'matplotlib'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match="pip install matplotlib"):
        draw(tmp_path / "curves.png")
