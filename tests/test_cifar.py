"""CIFAR: found where it lies, held against its md5 before it is unpickled, and nothing is run."""

from __future__ import annotations

import ast
import hashlib
import os
import pickle
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from common import data
from common.data import cifar, places
from common.errors import DataError

ROOT = Path(__file__).parents[1]
FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
RNG = np.random.RandomState(5)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which no CIFAR was ever put; returns the empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("COMPARE_DATA", raising=False)
    return tmp_path


def refused(call, *words: str) -> None:
    """The call raises a DataError of one line that holds every one of the words."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


# ---- files as Python 2 wrote them: protocol 2, str as bytes, written out opcode by opcode


def text(value: bytes) -> bytes:
    """SHORT_BINSTRING or BINSTRING: Python 2's str, which Python 3 never writes."""
    if len(value) < 256:
        return b"U" + bytes([len(value)]) + value
    return b"T" + len(value).to_bytes(4, "little") + value


def number(value: int) -> bytes:
    return b"K" + bytes([value]) if value >= 0 else b"J" + value.to_bytes(4, "little", signed=True)


def array(rows: np.ndarray) -> bytes:
    """_reconstruct(ndarray, (0,), "b") and its state, as NumPy's __reduce__ gave it in Python 2."""
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + number(0) + b"\x85"
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + number(0) + number(1) + b"tR"
    dtype += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) * 2 + number(0) + b"tb"
    shape = b"".join(b"M" + length.to_bytes(2, "little") for length in rows.shape) + b"\x86"
    state = b"(" + number(1) + shape + dtype + b"\x89" + text(rows.tobytes()) + b"tb"
    return made + text(b"b") + b"tR" + state


def numbers(values: list[int]) -> bytes:
    return b"](" + b"".join(map(number, values)) + b"e"


def pickled(entries: dict[bytes, bytes]) -> bytes:
    """A dict whose values are opcodes already."""
    return b"\x80\x02}(" + b"".join(text(key) + entries[key] for key in entries) + b"u."


def batch_file(rows: np.ndarray, labels: list[int], name: str) -> bytes:
    entries = {b"batch_label": text(b"batch 1 of 5"), b"data": array(rows)}
    if name == "cifar100":
        entries[b"coarse_labels"] = numbers([0] * len(labels))
    entries[b"labels" if name == "cifar10" else b"fine_labels"] = numbers(labels)
    return pickled(entries)


ROWS = {
    name: {file: RNG.randint(0, 256, (2, 3072)).astype(np.uint8) for file in files}
    for name, files in places.CIFAR_FILES.items()
}
LABELS = {"cifar10": [3, 9], "cifar100": [99, 20]}


def put(folder: Path, name: str) -> Path:
    """A whole data set of two images a file; all pinned by `pinned`."""
    folder.mkdir(parents=True)
    for file, rows in ROWS[name].items():
        (folder / file).write_bytes(batch_file(rows, LABELS[name], name))
    return folder


def pin(monkeypatch: pytest.MonkeyPatch, name: str, file: str, content: bytes) -> None:
    """As if the authors had published this content."""
    md5 = hashlib.md5(content).hexdigest()
    monkeypatch.setitem(cifar.MD5, name, {**cifar.MD5[name], file: md5})


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, files in ROWS.items():
        for file, rows in files.items():
            pin(monkeypatch, name, file, batch_file(rows, LABELS[name], name))


def test_the_files_of_these_tests_are_pickles_that_torchvision_and_keras_can_read():
    rows = ROWS["cifar10"]["test_batch"]
    content = batch_file(rows, [3, 9], "cifar10")
    for encoding, key in (("latin1", lambda word: word), ("bytes", str.encode)):
        read = pickle.loads(content, encoding=encoding)
        np.testing.assert_array_equal(read[key("data")], rows)
        assert read[key("labels")] == [3, 9]


# ---- what is loaded


@pytest.mark.parametrize("name, classes, count", [("cifar10", 10, 10), ("cifar100", 100, 2)])
def test_cifar_is_loaded_in_canonical_form(nowhere, pinned, name, classes, count):
    folder = put(nowhere / "root" / FOLDERS[name], name)
    loaded = data.load(name, data_dir=nowhere / "root")
    assert (loaded.name, loaded.source, loaded.classes) == (name, str(folder), classes)
    assert loaded.x_train.shape == (count, 3, 32, 32)
    assert loaded.x_test.shape == (2, 3, 32, 32)
    assert loaded.x_train.dtype == loaded.x_test.dtype == np.uint8
    assert loaded.y_train.dtype == loaded.y_test.dtype == np.int64
    assert loaded.y_train.tolist() == LABELS[name] * (count // 2)
    assert loaded.x_train.flags.writeable and loaded.x_train.flags.c_contiguous


def test_a_row_is_red_then_green_then_blue_each_row_by_row(nowhere, pinned):
    # cs.toronto.edu/~kriz/cifar.html: "The first 1024 entries contain the red channel values, the
    # next 1024 the green, and the final 1024 the blue. ... row-major order".
    put(nowhere / "data" / FOLDERS["cifar10"], "cifar10")
    loaded = data.load("cifar10")
    fourth = ROWS["cifar10"]["data_batch_4"]
    assert loaded.x_train[7, 2, 5, 9] == fourth[1, 2048 + 5 * 32 + 9]
    assert loaded.x_test[0, 1, 31, 0] == ROWS["cifar10"]["test_batch"][0, 1024 + 31 * 32]


def test_the_batches_are_joined_in_their_order(nowhere, pinned):
    put(nowhere / "data", "cifar10")
    wanted = np.concatenate([ROWS["cifar10"][f"data_batch_{i}"] for i in (1, 2, 3, 4, 5)])
    np.testing.assert_array_equal(data.load("cifar10").x_train.reshape(10, 3072), wanted)


# ---- where it is found


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("layout", [".", "torchvision", "keras"])
@pytest.mark.parametrize("way", ["data_dir", "COMPARE_DATA", "data"])
def test_cifar_is_found_in_the_layouts_of_torchvision_and_keras(
    nowhere, monkeypatch, name, layout, way
):
    root = nowhere / ("data" if way == "data" else "elsewhere")
    below = {"torchvision": FOLDERS[name], "keras": f"{FOLDERS[name]}-target/{FOLDERS[name]}"}
    folder = put(root / below.get(layout, "."), name)
    if way == "COMPARE_DATA":
        monkeypatch.setenv("COMPARE_DATA", str(root))
    assert places.find(name, root if way == "data_dir" else None) == folder


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("below", ["{0}-target/{0}", "{0}"])
def test_cifar_is_found_in_the_cache_of_keras_new_and_old(nowhere, name, below):
    folder = put(nowhere / "keras/datasets" / below.format(FOLDERS[name]), name)
    entry = next(entry for entry in data.catalogue() if entry.name == name)
    assert entry == data.Entry(name, True, str(folder))


def test_kerass_folder_is_the_one_in_its_source():
    package = Path(find_spec("keras").submodule_search_locations[0])
    for name, folder in FOLDERS.items():
        source = (package / f"src/datasets/{name}.py").read_text(encoding="utf-8")
        assert f'dirname = "{folder}-target"' in source
        assert f'os.path.join(path, "{folder}")' in source


def test_no_place_is_looked_at_twice(nowhere):
    wanted = [str(place) for place in places.places("cifar10", Path("/option"))]
    assert wanted == [
        *(f"/option{below}" for below in BELOW),
        *(f"{nowhere}/data{below}" for below in BELOW),
        *(f"{nowhere}/keras/datasets{below}" for below in (BELOW[2], BELOW[1])),
    ]


BELOW = [
    "",
    "/cifar-10-batches-py",
    "/cifar-10-batches-py-target/cifar-10-batches-py",
]


def test_a_missing_cifar_says_where_it_was_looked_for_and_what_download_does(nowhere):
    refused(
        lambda: data.load("cifar100", data_dir=Path("/option")),
        "expected the files train, test",
        "/option/cifar-100-python,",
        f"{nowhere}/keras/datasets/cifar-100-python-target/cifar-100-python",
        "--data-dir",
        "--download, which fetches 169 MB through torchvision",
    )
    entry = data.catalogue(Path("/option"))[-1]
    assert (entry.name, entry.here) == ("cifar100", False)
    assert "/option/cifar-100-python" in entry.source


def test_a_missing_batch_is_named(nowhere, pinned):
    folder = put(nowhere / "data", "cifar10")
    (folder / "data_batch_3").unlink()
    (folder / "test_batch").unlink()
    refused(lambda: data.load("cifar10"), f"{folder} (without data_batch_3, test_batch),")


def test_a_folder_named_train_is_not_cifar_100(nowhere):
    (nowhere / "data/train").mkdir(parents=True)
    (nowhere / "data/test").mkdir()
    assert places.find("cifar100", None) is None


# ---- what is refused


@pytest.fixture
def never_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments, **options):
        raise AssertionError("unpickled")

    monkeypatch.setattr(cifar, "Reader", fail)


def test_a_wrong_md5_is_refused_before_anything_is_unpickled(nowhere, pinned, never_unpickled):
    folder = put(nowhere / "data", "cifar10")
    content = bytearray((folder / "data_batch_1").read_bytes())
    content[-1000] ^= 1  # a pixel: a sound pickle of other images
    (folder / "data_batch_1").write_bytes(content)
    refused(
        lambda: data.load("cifar10"),
        str(folder / "data_batch_1"),
        f"md5 {cifar.MD5['cifar10']['data_batch_1']}",
        f"other content (md5 {hashlib.md5(content).hexdigest()})",
        f"{len(content):,} bytes",
        "fetch the file again",
    )


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_file_is_refused_before_it_is_unpickled(nowhere, pinned, never_unpickled, keep):
    folder = put(nowhere / "data", "cifar100")
    whole = (folder / "train").read_bytes()
    (folder / "train").write_bytes(whole[:keep])
    refused(lambda: data.load("cifar100"), str(folder / "train"), "found other content")


def test_two_batches_exchanged_are_told_by_name(nowhere, pinned):
    folder = put(nowhere / "data", "cifar10")
    (folder / "data_batch_2").write_bytes((folder / "data_batch_5").read_bytes())
    refused(lambda: data.load("cifar10"), "data_batch_2 (md5", "found cifar10's data_batch_5")


class Gadget:
    """Runs a command when it is unpickled, by the ordinary pickle module."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_pickle_that_runs_code_is_refused_even_where_its_md5_is_pinned(
    nowhere, pinned, monkeypatch
):
    folder = put(nowhere / "data", "cifar10")
    marker = nowhere / "was-run"
    content = pickle.dumps({"data": Gadget(marker), "labels": [1]}, protocol=2)
    (folder / "data_batch_2").write_bytes(content)
    pin(monkeypatch, "cifar10", "data_batch_2", content)
    refused(lambda: data.load("cifar10"), "data_batch_2", f"asks for {os.system.__module__}.system")
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists()  # it would have


@pytest.mark.parametrize(
    "asked",
    ["builtins eval", "__builtin__ eval", "numpy load", "numpy.core.multiarray fromfile",
     "_codecs encode", "copyreg _reconstructor", "numpy ndarray.tofile"],
)  # fmt: skip
def test_nothing_but_what_makes_an_array_is_looked_up(nowhere, pinned, monkeypatch, asked):
    folder = put(nowhere / "data", "cifar10")
    module, name = asked.split()
    content = b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"."
    (folder / "test_batch").write_bytes(content)
    pin(monkeypatch, "cifar10", "test_batch", content)
    refused(lambda: data.load("cifar10"), "test_batch", f"asks for {module}.{name}")


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", ["EOFError"]),
        (b"\x80\x02K\x01.", ["TypeError"]),  # a number, no dict
        (pickled({b"data": array(np.zeros((2, 3072), np.uint8))}), ["KeyError", "labels"]),
        (pickled({b"data": numbers([1, 2]), b"labels": numbers([1, 2])}), ["list", "pixels"]),
        (
            batch_file(ROWS["cifar10"]["test_batch"], [1, 2], "cifar10").replace(b"u1", b"i1"),
            ["int8", "pixels"],
        ),
        (batch_file(np.zeros((2, 3071), np.uint8), [1, 2], "cifar10"), ["reshape"]),
    ],
)
def test_a_pinned_file_that_holds_no_batch_is_refused(nowhere, pinned, monkeypatch, content, words):
    folder = put(nowhere / "data", "cifar10")
    (folder / "test_batch").write_bytes(content)
    pin(monkeypatch, "cifar10", "test_batch", content)
    refused(lambda: data.load("cifar10"), "test_batch: expected a pickle of images", *words)


# ---- torchvision


def torchvision_classes() -> dict[str, dict]:
    """The constants of CIFAR10 and CIFAR100 in torchvision's source, which is not imported."""
    package = Path(find_spec("torchvision").submodule_search_locations[0])
    tree = ast.parse((package / "datasets/cifar.py").read_text(encoding="utf-8"))
    return {
        node.name: {
            line.targets[0].id: ast.literal_eval(line.value)
            for line in node.body
            if isinstance(line, ast.Assign)
        }
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("name", FOLDERS)
def test_the_pinned_md5_and_folders_are_torchvisions(name):
    theirs = torchvision_classes()[name.upper()]
    pins = [[file, cifar.MD5[name][file]] for file in places.CIFAR_FILES[name]]
    assert pins == theirs["train_list"] + theirs["test_list"]
    assert places.TORCHVISION[name] == theirs["base_folder"]


DOWNLOAD = """
import sys
from torchvision import datasets
from common.job import DownloadJob
from torch_impl.download import download
archive, train, test, meta, out = sys.argv[1:]
kind = datasets.CIFAR10
kind.tgz_md5 = archive
kind.train_list = [[f"data_batch_{i}", train] for i in range(1, 6)]
kind.test_list, kind.meta = [["test_batch", test]], {**kind.meta, "md5": meta}
print(download(DownloadJob("cifar10", out), print)["folder"])
"""


def test_the_download_leaves_torchvisions_folder_with_every_file(tmp_path):
    """torchvision itself, in a process of its own, with the archive fetched already."""
    rows = ROWS["cifar10"]["test_batch"]
    content = batch_file(rows, [3, 9], "cifar10")
    meta = pickled({b"label_names": b"](" + text(b"cat") + text(b"dog") + b"e"})
    source = tmp_path / "source" / FOLDERS["cifar10"]
    source.mkdir(parents=True)
    for file in places.CIFAR_FILES["cifar10"]:
        (source / file).write_bytes(content)
    (source / "batches.meta").write_bytes(meta)
    archive = tmp_path / "out" / "cifar-10-python.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source, FOLDERS["cifar10"])
    md5s = [
        hashlib.md5(part).hexdigest() for part in (archive.read_bytes(), content, content, meta)
    ]
    found = subprocess.run(
        [sys.executable, "-c", DOWNLOAD, *md5s, str(tmp_path / "out")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    folder = tmp_path / "out" / FOLDERS["cifar10"]
    assert found.stdout.splitlines()[-1:] == [str(folder)], found.stderr
    assert {path.name for path in folder.iterdir()} == {
        *places.CIFAR_FILES["cifar10"],
        "batches.meta",
    }


@pytest.mark.parametrize("name", FOLDERS)
def test_fetch_puts_what_was_downloaded_where_it_is_found(nowhere, monkeypatch, name):
    from compare import download

    def fake(name: str, scratch: Path, python: str, timeout: float) -> Path:
        return put(scratch / "anything", name)

    monkeypatch.setattr(download, "download", fake)
    monkeypatch.setattr(download, "check_python", lambda side, python: python)
    download.fetch(name, nowhere / "mine", sys.executable, 1.0)
    assert places.find(name, nowhere / "mine") == nowhere / "mine" / FOLDERS[name]
    assert [path.name for path in (nowhere / "mine").iterdir()] == [FOLDERS[name]]
