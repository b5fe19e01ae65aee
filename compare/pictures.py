"""What a data set looks like, and how both trainings went: pictures as .png, .svg or .pdf.

matplotlib takes seconds to import and is imported inside the functions. Figure without pyplot: no
window, no state that one picture leaves to the next.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.data.dataset import Array, DataSet
from common.errors import UsageError
from common.layout import to_nhwc
from common.tensors import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Document = dict[str, Any]

# Okabe and Ito's colours, "Color Universal Design", 2008: told apart in every colour blindness.
# The dash tells the sides apart in black and white, too.
LINES = {"torch": ("#0072B2", "-"), "keras": ("#D55E00", "--")}
PARTS = {"train": ("training", 1.0), "test": ("test", 2.4)}  # word, line width

FORMATS = {  # suffix -> what would otherwise be the time of writing
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
COLUMNS = 10
MAX_ROWS_BY_CLASS = 20
CELL_PIXELS = (56, 128)  # side of an image on the sheet: enlarged to the first, reduced to the last
DPI = 100


# ---- the data set


def contact_sheet(data: DataSet, path: Path) -> None:
    """The first ten training images of each class, a row a class.

    Of more than 20 classes: the first 100 training images, each with its class. Levels run from
    the smallest to the largest value shown (those of `digits` end at 16).
    """
    check_suffix(path)
    with drawing():
        by_class = data.classes <= MAX_ROWS_BY_CLASS
        rows = rows_by_class(data) if by_class else first_rows(data)
        save(sheet(data, rows, by_class), path)


def rows_by_class(data: DataSet) -> list[Array]:
    """Indices of the first ten images of each class."""
    return [np.flatnonzero(data.y_train == label)[:COLUMNS] for label in range(data.classes)]


def first_rows(data: DataSet) -> list[Array]:
    """Indices of the first 100 images, ten a row."""
    indices = np.arange(min(COLUMNS * COLUMNS, len(data.y_train)))
    return np.split(indices, range(COLUMNS, len(indices), COLUMNS))


def sheet(data: DataSet, rows: list[Array], by_class: bool) -> Figure:
    """All images in one grid, each pixel of a small image a whole number of pixels wide."""
    from matplotlib.figure import Figure

    _, height, width = data.x_train.shape[1:]
    scale = cell_scale(max(height, width))
    gap, label_room = 6, 0 if by_class else 14  # pixels
    left, top, rest = 34 if by_class else 12, 46, 12
    cell_width, cell_height = (max(1, round(scale * side)) for side in (width, height))
    pitch_x, pitch_y = cell_width + gap, cell_height + gap + label_room
    total = (left + COLUMNS * pitch_x - gap + rest, top + len(rows) * pitch_y - gap + rest)

    figure = Figure(figsize=(total[0] / DPI, total[1] / DPI), dpi=DPI)
    figure.text(left / total[0], 1 - 11 / total[1], title(data), size=10, va="top")
    figure.text(left / total[0], 1 - 27 / total[1], subtitle(data), size=7.5, va="top", color="0.3")
    low, high = limits(data.x_train[np.concatenate(rows)])
    for row, indices in enumerate(rows):
        bottom = total[1] - top - row * pitch_y - label_room - cell_height
        if by_class:
            middle = (bottom + cell_height / 2) / total[1]
            figure.text((left - 8) / total[0], middle, str(row), size=9, ha="right", va="center")
        for column, index in enumerate(indices):
            place = (left + column * pitch_x, bottom, cell_width, cell_height)
            axes = figure.add_axes(tuple(np.divide(place, (*total, *total))))
            draw_image(axes, data.x_train[index], low, high)
            if not by_class:
                axes.set_title(str(data.y_train[index]), size=7, pad=2)
    return figure


def cell_scale(side: int) -> float:
    """Pixels on the sheet for one of an image: whole where it is enlarged."""
    smallest, largest = CELL_PIXELS
    return largest / side if side > largest else max(1, round(smallest / side))


def draw_image(axes: Axes, image: Array, low: float, high: float) -> None:
    """One image (C, H, W): three channels in colour, any other number as their mean in grey."""
    pixels = to_nhwc((image[np.newaxis].astype(np.float64) - low) / (high - low))[0]
    pixels = pixels if pixels.shape[2] == 3 else pixels.mean(axis=2)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, aspect="auto")
    axes.set_axis_off()


def limits(images: Array) -> tuple[float, float]:
    """What is drawn black and white."""
    low, high = float(images.min()), float(images.max())
    return low, high if high > low else low + 1


def title(data: DataSet) -> str:
    return f"{data.name}: {len(data.y_train):,} training and {len(data.y_test):,} test images"


def subtitle(data: DataSet) -> str:
    channels, height, width = data.x_train.shape[1:]
    colours = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    return f"{height}x{width} {colours}, {data.classes} classes, sha256 {data.sha256[:12]}"


# ---- both trainings


def curves(document: Document, path: Path) -> None:
    """Loss and accuracy of both sides after each epoch, on training and on test images.

    A number that is not finite is a gap in its line, and the legend counts them. UsageError where
    neither side has trained, or for a suffix that is not known.
    """
    check_suffix(path)
    histories = {s: b["history"] for s, b in document["backends"].items() if b["history"]}
    if not histories:
        raise UsageError(f"{path}: expected a run that has trained, found no epoch of either side")
    with drawing():
        save(panels(document, histories), path)


def panels(document: Document, histories: dict[str, list[Document]]) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(10, 4.2), dpi=DPI, layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
        for side, history in histories.items():
            draw_lines(axes, side, history, quantity)
        axes.set_xlabel("epoch")
        axes.set_xlim(0.5, max(len(history) for history in histories.values()) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(color="0.9", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, handlelength=3.2)
    loss.set_ylabel("mean cross-entropy")
    if loss.dataLim.y1 > 0:  # not so where no loss is finite
        loss.set_ylim(0, 1.05 * loss.dataLim.y1)
    accuracy.set_ylabel("accuracy")
    accuracy.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    figure.suptitle(heading(document), size=11)
    return figure


def draw_lines(axes: Axes, side: str, history: list[Document], quantity: str) -> None:
    """One side's training line, thin, and its test line, thick; a dot where there is no line."""
    colour, dash = LINES[side]
    epochs = np.array([row["epoch"] for row in history])
    for part, (word, width) in PARTS.items():
        values = np.array([float(row[f"{part}_{quantity}"]) for row in history])
        finite = np.isfinite(values)
        lost = "" if finite.all() else f" (not finite in {(~finite).sum()} of {len(values)} epochs)"
        label = f"{side}, {word}{lost}"
        axes.plot(epochs, values, color=colour, linestyle=dash, linewidth=width, label=label)
        alone = finite & ~np.append(finite[1:], False) & ~np.insert(finite[:-1], 0, False)
        axes.plot(epochs[alone], values[alone], "o", color=colour, markersize=2 + 2 * width)


def heading(document: Document) -> str:
    data = f" on {document['data']['name']}" if document["data"] else ""
    return f"{document['model']}{data}, seed {document['seed']}"


# ---- from a figure to a file


@contextmanager
def drawing() -> Iterator[None]:
    """matplotlib's own defaults, whatever the user's matplotlibrc says; text in SVG stays text."""
    try:
        import matplotlib
        from matplotlib import style
    except ImportError as error:
        raise UsageError(
            f"a picture is drawn with matplotlib, which cannot be imported ({error}); "
            "pip install matplotlib"
        ) from error
    with style.context("default"):
        matplotlib.rcParams["svg.hashsalt"] = "compare"  # else its ids are drawn anew every time
        matplotlib.rcParams["svg.fonttype"] = "none"
        yield


def check_suffix(path: Path) -> None:
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(
            f"{path}: expected a picture's suffix ({known}), found {path.suffix or 'none'}"
        )


def save(figure: Figure, path: Path) -> None:
    """The whole file or none of it, in its suffix's format; the same figure, the same bytes."""
    suffix = path.suffix.lower()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], metadata=FORMATS[suffix])
    try:
        write_atomically(path, [buffer.getvalue()])
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
