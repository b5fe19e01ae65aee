"""A folder of images: which file is of which class, what becomes of its pixels, what is refused."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common import data
from common.errors import DataError, UsageError

ROOT = Path(__file__).parents[1]
COLOUR, GREY = (3, 4, 4), (1, 4, 4)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def refused(call, *words: str) -> None:
    """The call raises a DataError of one line that holds every one of the words."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


def put(path: Path, colour=RED, size: tuple[int, int] = (4, 4), mode: str = "RGB") -> Path:
    """An image of one colour; size is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def load(folder: Path, shape: tuple[int, int, int] = COLOUR) -> data.DataSet:
    return data.load(str(folder), image_shape=shape)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """train and val with two classes; colours say which file is which."""
    put(tmp_path / "pets/train/dog/b.png", (7, 0, 0))
    put(tmp_path / "pets/train/dog/a.png", (5, 0, 0))
    put(tmp_path / "pets/train/cat/z.PNG", (3, 0, 0))
    put(tmp_path / "pets/val/dog/c.png", (9, 0, 0))
    return tmp_path / "pets"


def reds(x: np.ndarray) -> list[int]:
    """The red level of each image of one colour."""
    assert (x == x[:, :, :1, :1]).all()
    return x[:, 0, 0, 0].tolist()


# ---- which files


def test_train_and_val_are_the_two_parts_and_labels_number_the_sorted_classes(pets):
    loaded = load(pets)
    assert (loaded.name, loaded.source, loaded.classes) == ("pets", str(pets), 2)
    assert (reds(loaded.x_train), loaded.y_train.tolist()) == ([3, 5, 7], [0, 1, 1])
    assert (reds(loaded.x_test), loaded.y_test.tolist()) == ([9], [1])
    assert loaded.x_train.shape == (3, 3, 4, 4)
    assert (loaded.x_train.dtype, loaded.y_train.dtype) == (np.uint8, np.int64)


def test_test_stands_in_for_val_but_val_comes_first(pets):
    put(pets / "test/cat/d.png", (11, 0, 0))
    assert reds(load(pets).x_test) == [9]
    for file in (pets / "val/dog/c.png", pets / "val/dog", pets / "val"):
        file.unlink() if file.is_file() else file.rmdir()
    assert reds(load(pets).x_test) == [11]


def test_png_jpg_and_jpeg_are_read_and_nothing_else(tmp_path):
    for number, name in enumerate(["a.png", "b.jpg", "c.jpeg", "d.JPEG", "e.JPG"]):
        put(tmp_path / "train/x" / name, (0, 50 * number, 0))
    for name in ("notes.txt", "f.png.bak", ".hidden.png", "._a.jpg"):
        (tmp_path / "train/x" / name).write_text("no image")
    (tmp_path / "train/x/folder.png").mkdir()
    (tmp_path / "train/labels.csv").write_text("no class")
    (tmp_path / "train/.cache").mkdir()
    put(tmp_path / "val/x/a.png")
    loaded = load(tmp_path)
    assert loaded.classes == 1
    np.testing.assert_allclose(loaded.x_train[:, 1, 0, 0], [0, 50, 100, 150, 200], atol=2, rtol=0)


def test_one_folder_of_classes_is_split_80_to_20_by_class_always_alike(tmp_path):
    for label, (name, count) in enumerate([("cat", 10), ("dog", 5), ("emu", 1)]):
        for number in range(count):
            put(tmp_path / name / f"{number}.png", (100 * label + number, 0, 0))
    loaded = load(tmp_path)
    train, test = loaded.class_counts()
    assert (train.tolist(), test.tolist()) == ([8, 4, 1], [2, 1, 0])
    numbers = reds(loaded.x_train) + reds(loaded.x_test)
    assert sorted(numbers) == [*range(10), *range(100, 105), 200]
    for x, y in ((loaded.x_train, loaded.y_train), (loaded.x_test, loaded.y_test)):
        assert [red // 100 for red in reds(x)] == y.tolist()
    assert load(tmp_path).sha256 == loaded.sha256


@pytest.mark.parametrize("names", [("plane", "train"), ("exam", "test"), ("train", "tram")])
def test_a_class_may_be_called_train_or_test(tmp_path, names):
    for name in names:
        for number in range(5):
            put(tmp_path / name / f"{number}.png")
    assert load(tmp_path).class_counts()[0].tolist() == [4, 4]


def test_a_name_wins_over_a_folder_and_a_path_tells_them_apart(pets, monkeypatch):
    monkeypatch.chdir(pets.parent)
    pets.rename(pets.parent / "digits")
    assert len(data.load("digits").y_train) == 1347
    assert len(load(Path("./digits").absolute()).y_train) == 3
    assert data.load("./digits", image_shape=COLOUR).name == "digits"


def test_the_folder_of_the_working_directory_has_its_own_name(pets, monkeypatch):
    monkeypatch.chdir(pets)
    assert data.load(".", image_shape=COLOUR).name == "pets"


# ---- pixels


def stripes(*columns: tuple[int, int, int], height: int) -> Image.Image:
    """One colour a column."""
    return Image.fromarray(np.array([columns] * height, np.uint8))


def test_channels_stand_first_and_rows_are_rows(tmp_path):
    image = stripes(RED, GREEN, BLUE, (1, 2, 3), height=4)
    image.putpixel((3, 0), (9, 8, 7))  # the last column of the first row
    for part in ("train", "val"):
        (tmp_path / part / "x").mkdir(parents=True)
        image.save(tmp_path / part / "x/a.png")
    (found,) = load(tmp_path).x_train
    assert found[0].tolist() == [[255, 0, 0, 9], *[[255, 0, 0, 1]] * 3]
    assert found[1].tolist() == [[0, 255, 0, 8], *[[0, 255, 0, 2]] * 3]
    assert found[2].tolist() == [[0, 0, 255, 7], *[[0, 0, 255, 3]] * 3]


def one(tmp_path: Path, image: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """The pixels (C, H, W) that one image becomes."""
    (tmp_path / "x").mkdir(exist_ok=True)
    for name in ("a", "b"):
        image.save(tmp_path / "x" / f"{name}.png")
    return load(tmp_path, shape).x_train[0]


def test_the_centre_of_a_wide_image_is_kept(tmp_path):
    image = stripes(*[(level, 0, 0) for level in (10, 20, 30, 40, 50, 60)], height=2)
    assert one(tmp_path, image, (3, 2, 2))[0].tolist() == [[30, 40]] * 2


def test_the_centre_of_a_tall_image_is_kept(tmp_path):
    image = stripes(*[(level, 0, 0) for level in (10, 20, 30, 40, 50, 60)], height=2)
    tall = image.transpose(Image.Transpose.TRANSPOSE)
    assert one(tmp_path, tall, (3, 2, 2))[0].tolist() == [[30, 30], [40, 40]]


def test_shrinking_is_antialiased(tmp_path):
    # By 2: a triangle 4 wide about the middle of two pixels weighs them 3 and 3, their
    # neighbours 1 and 1; at the border the one outside is left out. 255 x 3 / 7 = 109.3 and
    # 255 x 1 / 8 = 31.9; every second pixel without antialiasing would be 255 and 0, or 128.
    image = stripes((0, 0, 0), RED, *[(0, 0, 0)] * 6, height=8)
    assert one(tmp_path, image, (3, 4, 4))[0, 0].tolist() == [109, 32, 0, 0]


def test_a_model_that_is_not_square_is_covered_and_the_rest_cropped(tmp_path):
    image = stripes(*[(10 * i, 0, 0) for i in range(8)], height=8)
    assert one(tmp_path, image, (3, 8, 4))[0].tolist() == [[20, 30, 40, 50]] * 8
    found = one(tmp_path, image, (3, 4, 8))[0]
    assert found.tolist() == [[10 * i for i in range(8)]] * 4


def test_one_channel_is_the_luma_of_itu_r_601(tmp_path):
    # 0.299 R + 0.587 G + 0.114 B
    image = stripes(RED, GREEN, BLUE, (255, 255, 255), height=4)
    assert one(tmp_path, image, GREY).tolist() == [[[76, 150, 29, 255]] * 4]


@pytest.mark.parametrize(
    "mode, colour, rgb",
    [
        ("L", 90, [90, 90, 90]),
        ("1", 1, [255, 255, 255]),
        ("RGBA", (10, 20, 30, 0), [10, 20, 30]),
        ("LA", (90, 40), [90, 90, 90]),
        ("P", 0, [1, 2, 3]),
    ],
)
def test_every_kind_of_8_bit_image_becomes_rgb(tmp_path, mode, colour, rgb):
    image = Image.new(mode, (4, 4), colour)
    if mode == "P":
        image.putpalette([1, 2, 3])
        image.info["transparency"] = b"\x80"  # Pillow warns of these unless told otherwise
    assert one(tmp_path, image, COLOUR)[:, 2, 2].tolist() == rgb


THEIRS = """
import sys
import numpy as np
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, PILToTensor, Resize
same = Compose([Resize(int(sys.argv[2])), CenterCrop(int(sys.argv[2])), PILToTensor()])
images, labels = zip(*ImageFolder(sys.argv[1], same))
np.savez(sys.argv[3], x=np.stack(images), y=labels)
"""


def test_pixels_and_labels_are_those_of_torchvisions_imagefolder(tmp_path):
    """torchvision itself, in a process of its own; wide, tall, small, large and odd images."""
    random = np.random.RandomState(3)
    sizes = [(31, 47), (47, 31), (5, 6), (16, 16), (17, 200), (64, 33), (15, 16), (33, 18)]
    for number, size in enumerate(sizes):
        pixels = random.randint(0, 256, (*size, 3)).astype(np.uint8)
        for part in ("train", "val"):
            place = (
                tmp_path
                / f"data/{part}/class-{number % 3}/{number}.{'jpg' if number % 2 else 'png'}"
            )
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place)
    out = tmp_path / "theirs.npz"
    arguments = [str(tmp_path / "data/train"), "16", str(out)]
    subprocess.run([sys.executable, "-c", THEIRS, *arguments], cwd=ROOT, check=True)
    ours, theirs = load(tmp_path / "data", (3, 16, 16)), np.load(out)
    assert ours.y_train.tolist() == theirs["y"].tolist()
    np.testing.assert_array_equal(ours.x_train, theirs["x"])


# ---- what is refused


def test_a_class_that_is_in_val_alone_is_refused_by_name(pets):
    put(pets / "val/emu/a.png")
    refused(lambda: load(pets), str(pets / "val/emu"), "in val alone", str(pets / "train"))


@pytest.mark.parametrize("broken", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(30)])
def test_a_file_that_is_no_image_is_refused_by_name(pets, broken):
    path = pets / "train/dog/a.png"
    path.write_bytes(broken)
    refused(lambda: load(pets), f"{path}: expected an image", "found", "take it away")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_image_that_is_cut_short_is_refused_by_name(pets, suffix):
    path = pets / f"train/dog/long.{suffix}"
    random = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(random).save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    refused(lambda: load(pets), f"{path}: expected an image", "runcated")


def test_more_than_8_bits_are_refused_not_clipped(pets):
    Image.fromarray(np.full((4, 4), 300, np.uint16)).save(pets / "train/dog/deep.png")
    refused(lambda: load(pets), "deep.png", "more than 8 bits")


@pytest.mark.parametrize(
    "empty", [["train/cat/z.PNG"], ["train/dog/a.png", "train/dog/b.png"], ["val/dog/c.png"]]
)
def test_a_class_or_a_part_without_images_is_refused_by_name(pets, empty):
    for path in empty:
        (pets / path).unlink()
    folder = pets / "val" if "val" in empty[0] else (pets / empty[0]).parent
    refused(lambda: load(pets), f"found no image in {folder}", "FOLDER/val/CLASS/*.jpg")


def test_a_folder_without_anything_is_refused_with_what_was_expected(tmp_path):
    refused(lambda: load(tmp_path), str(tmp_path), "FOLDER/train/CLASS/*.jpg", "found no image")


def test_train_without_val_is_refused_with_what_was_expected(pets):
    (pets / "val/dog/c.png").unlink()
    (pets / "val/dog").rmdir()
    (pets / "val").rmdir()
    refused(lambda: load(pets), "FOLDER/val/CLASS", f"found no image in {pets / 'train'}")


def test_classes_of_one_image_leave_nothing_to_test_on(tmp_path):
    for name in ("cat", "dog"):
        put(tmp_path / name / "a.png")
    refused(lambda: load(tmp_path), "2 or more images", "found 2 classes of 1")


def test_a_folder_that_cannot_be_listed_is_refused(pets, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("common.data.folder.os.scandir", closed)
    refused(lambda: load(pets), str(pets / "train"), "Permission denied")


@pytest.mark.parametrize("shape, words", [(None, "no model"), ((2, 4, 4), r"\(2, 4, 4\)")])
def test_a_model_of_neither_grey_nor_colour_is_refused(pets, shape, words):
    with pytest.raises(UsageError, match=f"1 or 3 channels, found {words}"):
        data.load(str(pets), image_shape=shape)


def test_without_pillow_the_command_that_installs_it_is_named(pets, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("PIL"):
            raise ImportError("No module named 'PIL'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    refused(lambda: load(pets), "expected the package pillow", "pip install pillow")
