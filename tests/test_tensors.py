"""Our safetensors files are the format's own, and a damaged one is refused, never misread."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common import tensors
from common.errors import DataError

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?"]
SHAPES = [(), (0,), (1,), (3,), (2, 0, 3), (2, 3), (2, 1, 3, 2)]
THREE = {
    "conv.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "labels": np.array([7, -1], dtype=np.int64),
    "keep": np.array([True, False, True]),
}


def filled(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers whose bytes differ from each other, both signs where the type has them."""
    count = int(np.prod(shape))
    return (np.arange(count) * 37 - 50 * (dtype != "u1")).astype(dtype).reshape(shape)


def equal(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """The same names in the same order, with equal dtypes, shapes and bytes."""
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


def with_header(header: object, body: bytes = b"") -> bytes:
    """A file put together from the format's description; text or bytes are taken as they are."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(dtype: object, shape: object, start: object, end: object) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def refused(path: Path, content: bytes, *words: str) -> None:
    """Reading raises a DataError of one line that holds the path and the words."""
    path.write_bytes(content)
    for call in (tensors.load, tensors.load_note, tensors.opened):
        with pytest.raises(DataError) as caught:
            call(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert [word for word in words if word not in message] == [], message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all of Hypothesis' examples, written anew for each."""
    return tmp_path_factory.mktemp("tensors") / "drawn.safetensors"


# ---- both ways with the format's own library


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_formats_own_library_reads_what_we_write(path, dtype):
    arrays = {f"a{index}": filled(shape, dtype) for index, shape in enumerate(SHAPES)}
    tensors.save(path, arrays)
    equal(safetensors.numpy.load_file(path), arrays)


@pytest.mark.parametrize("dtype", DTYPES)
def test_we_read_what_the_formats_own_library_writes(path, dtype):
    arrays = {f"a{index}": filled(shape, dtype) for index, shape in enumerate(SHAPES)}
    safetensors.numpy.save_file(arrays, path, metadata={"format": "np"})
    equal(tensors.load(path), arrays)
    assert tensors.load_note(path) is None


def test_several_dtypes_share_a_file_both_ways(path):
    tensors.save(path, THREE)
    equal(safetensors.numpy.load_file(path), THREE)
    safetensors.numpy.save_file(THREE, path)
    equal(tensors.load(path), THREE)


def test_a_file_is_laid_out_as_the_format_says(path):
    tensors.save(path, {"a": np.array([1, -2], dtype=np.int16), "b": np.array(3, dtype=np.uint8)})
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert json.loads(raw[8 : 8 + length]) == {
        "a": entry("I16", [2], 0, 4),
        "b": entry("U8", [], 4, 5),
    }
    assert raw[8 + length :] == b"\x01\x00\xfe\xff\x03"


@pytest.mark.parametrize("letters", range(1, 9))
def test_the_body_begins_at_a_multiple_of_8_bytes_whatever_the_names(path, letters):
    tensors.save(path, {"n" * letters: np.zeros(1)})  # so that any dtype is aligned
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


def test_nan_infinity_and_minus_zero_keep_every_bit(path):
    bits = np.array([0x7FC00001, 0xFF800000, 0x80000000, 0x00000001], dtype=np.uint32)
    tensors.save(path, {"odd": bits.view(np.float32)})
    assert tensors.load(path)["odd"].view(np.uint32).tolist() == bits.tolist()


def test_an_array_that_is_not_contiguous_is_written_in_its_own_order(path):
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    arrays = {"moved": x.transpose(2, 0, 1), "every": x[:, ::2], "fortran": np.asfortranarray(x)}
    tensors.save(path, arrays)
    for name, array in safetensors.numpy.load_file(path).items():
        assert array.tolist() == arrays[name].tolist()


@pytest.mark.parametrize("name", ["", "a b", "größe", 'quo"te', "back\\slash", "new\nline", "層"])
def test_any_name_is_kept_both_ways(path, name):
    arrays = {name: np.array([1.5])}
    tensors.save(path, arrays)
    equal(safetensors.numpy.load_file(path), arrays)
    safetensors.numpy.save_file(arrays, path)
    equal(tensors.load(path), arrays)


@pytest.mark.parametrize("room", [0, 8, 1 << 16])
def test_what_is_written_one_by_one_is_the_same_file_for_every_reader(path, monkeypatch, room):
    """With room in front for the header, and with too little, where the body has to move."""
    monkeypatch.setattr(tensors, "HEADER_ROOM", room)
    monkeypatch.setattr(tensors, "BLOCK", 7)
    arrays = {f"{d}{s}": filled(s, d) for d in DTYPES for s in SHAPES}
    with tensors.Writer(path, {"a": [1]}) as out:
        for name, array in arrays.items():
            out.add(name, array)
    equal(safetensors.numpy.load_file(path), arrays)
    equal(tensors.load(path), arrays)
    mapped, note = tensors.opened(path)
    equal(dict(mapped), arrays)
    assert note == {"a": [1]} and list(mapped) == list(arrays) and len(mapped) == len(arrays)


def test_writing_one_by_one_leaves_nothing_where_it_fails(path):
    tensors.save(path, THREE)
    with pytest.raises(TypeError, match="complex"), tensors.Writer(path) as out:
        out.add("a", np.ones(3))
        out.add("b", np.ones(3, complex))
    equal(tensors.load(path), THREE)
    assert list(path.parent.iterdir()) == [path]


def test_a_mapped_array_outlives_its_file_and_its_mapping(path):
    tensors.save(path, THREE)
    mapped, _ = tensors.opened(path)
    path.unlink()
    array = mapped["conv.weight"]
    del mapped
    np.testing.assert_array_equal(array, THREE["conv.weight"])
    assert not array.flags.writeable


def test_no_arrays_at_all_are_a_file_too(path):
    tensors.save(path, {})
    assert tensors.load(path) == {}
    assert safetensors.numpy.load_file(path) == {}


@pytest.mark.parametrize("note", [{"a": [1, 2.5, None]}, [], "text", 0, False, "größe\n"])
def test_a_note_comes_back_and_the_library_still_reads_the_arrays(path, note):
    tensors.save(path, THREE, note)
    assert tensors.load_note(path) == note
    equal(tensors.load(path), THREE)
    equal(safetensors.numpy.load_file(path), THREE)
    with safetensors.safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["note"]) == note


def test_without_a_note_there_is_none(path):
    tensors.save(path, THREE)
    assert tensors.load_note(path) is None


def test_saving_over_a_file_replaces_it(path):
    tensors.save(path, THREE)
    tensors.save(path, {"other": np.zeros(2)})
    assert list(tensors.load(path)) == ["other"]


@pytest.mark.parametrize("dtype", ["c16", ">f4", "u2", "u8", "O", "U3", "M8[s]"])
def test_a_dtype_that_the_format_cannot_hold_is_refused_before_anything_is_written(path, dtype):
    with pytest.raises(TypeError, match="odd: safetensors cannot hold"):
        tensors.save(path, {"fine": np.zeros(2), "odd": np.zeros(2, dtype)})
    assert list(path.parent.iterdir()) == []


# ---- damage


def test_a_file_is_refused_wherever_it_is_cut_short(path):
    tensors.save(path, THREE)
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    assert len(whole) == start + 24 + 16 + 3
    for keep in range(len(whole)):
        words = ["truncated"] if keep >= start else ["truncated within its header"]
        refused(path, whole[:keep], *words)


@pytest.mark.parametrize(
    "cut, words",
    [
        (1, ["'keep' ends at byte 43, the body at 42"]),
        (4, ["'labels' ends at byte 40, the body at 39"]),
        (43, ["'conv.weight' ends at byte 24, the body at 0"]),
    ],
)
def test_a_truncated_body_is_refused_with_what_is_missing(path, cut, words):
    tensors.save(path, THREE)
    refused(path, path.read_bytes()[:-cut], "truncated", *words)


def test_bytes_behind_the_last_array_are_refused_as_the_library_does(path):
    content = with_header({"a": entry("U8", [2], 0, 2)}, b"123")
    refused(path, content, "2", "3")
    with pytest.raises(safetensors.SafetensorError):
        safetensors.numpy.load_file(path)


@pytest.mark.parametrize(
    "second",
    [
        entry("U8", [2], 2, 4),
        entry("U8", [2], 3, 5),
        entry("U8", [1], 5, 6),
        entry("U8", [4], 0, 4),
    ],
    ids=["inside", "overlapping", "behind a hole", "the same"],
)
def test_arrays_that_do_not_follow_each_other_are_refused_as_the_library_does(path, second):
    header = {"first": entry("U8", [4], 0, 4), "second": second}
    refused(path, with_header(header, bytes(second["data_offsets"][1])), "header is corrupt")
    with pytest.raises(safetensors.SafetensorError):
        safetensors.numpy.load_file(path)


def test_arrays_may_follow_each_other_in_another_order_than_they_are_named(path):
    header = {"z": entry("U8", [2], 2, 4), "empty": entry("F32", [0], 2, 2)}
    path.write_bytes(with_header({**header, "a": entry("U8", [2], 0, 2)}, b"\x01\x02\x03\x04"))
    wanted = {"z": [3, 4], "empty": [], "a": [1, 2]}
    assert {name: array.tolist() for name, array in tensors.load(path).items()} == wanted
    equal(safetensors.numpy.load_file(path), tensors.load(path))


EIGHT = bytes(range(8))
CORRUPT = [
    (b"", ["not a safetensors file"]),
    (b"PK\x03\x04" + bytes(60), ["not a safetensors file", "truncated within its header"]),
    (b"<!DOCTYPE html><html>", ["not a safetensors file"]),
    ((2**63).to_bytes(8, "little") + b"{}", ["truncated within its header"]),
    (b"\xff" * 8, ["truncated within its header"]),
    (bytes(8), ["header is corrupt"]),
    (with_header(b"{"), ["header is corrupt"]),
    (with_header(b"\xff\xfe{}"), ["header is corrupt"]),
    (with_header(b"[" * 100_000), ["header is corrupt"]),
    (with_header([]), ["header is corrupt"]),
    (with_header("text"), ["header is corrupt"]),
    (with_header(None), ["header is corrupt"]),
    (with_header(7), ["header is corrupt"]),
    (with_header({"a": None}), ["header is corrupt"]),
    (with_header({"a": []}), ["header is corrupt"]),
    (with_header({"a": {"shape": [2], "data_offsets": [0, 8]}}, EIGHT), ["corrupt", "dtype"]),
    (with_header({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, EIGHT), ["corrupt", "shape"]),
    (with_header({"a": {"dtype": "F32", "shape": [2]}}, EIGHT), ["corrupt", "data_offsets"]),
    (with_header({"a": entry("BF16", [4], 0, 8)}, EIGHT), ["corrupt", "BF16"]),
    (with_header({"a": entry("float32", [2], 0, 8)}, EIGHT), ["corrupt", "float32"]),
    (with_header({"a": entry(["F32"], [2], 0, 8)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F32", [3], 0, 8)}, EIGHT), ["'a' has shape [3] but 8 bytes"]),
    (with_header({"a": entry("F64", [2], 0, 8)}, EIGHT), ["'a' has shape [2] but 8 bytes"]),
    (with_header({"new\nline": entry("F32", [3], 0, 8)}, EIGHT), ["'new\\nline' has shape [3]"]),
    (with_header({"a": entry("F32", [-1, -2], 0, 8)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F32", [2.0], 0, 8)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F32", [True, 2], 0, 8)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F64", {}, 0, 8)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F64", None, 0, 8)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F64", [1] * 99, 0, 8)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F64", [0, 10**30], 0, 0)}), ["header is corrupt"]),
    (with_header({"a": entry("F64", [0, 2**62], 0, 0)}), ["header is corrupt"]),
    (with_header({"a": entry("F32", [2], -8, 0)}, EIGHT), ["'a' has shape [2] but 8 bytes"]),
    (with_header({"a": entry("F32", [2], 8, 0)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F32", [2], 4, 12)}, EIGHT), ["'a' ends at byte 12, the body at 8"]),
    (with_header({"a": entry("F32", [2**61], 0, 2**63)}, EIGHT), ["truncated", "the body at 8"]),
    (with_header({"a": entry("F32", [2], 0.0, 8.0)}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F32", [2], "0", "8")}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F32", [2], 0, float("nan"))}, EIGHT), ["header is corrupt"]),
    (with_header({"a": entry("F32", [2], 0, float("inf"))}, EIGHT), ["header is corrupt"]),
    (with_header({"a": {**entry("F32", [2], 0, 8), "data_offsets": [8]}}, EIGHT), ["corrupt"]),
    (with_header({"__metadata__": None}), ["header is corrupt"]),
    (with_header({"__metadata__": "note"}), ["header is corrupt"]),
    (with_header({"__metadata__": {"note": "not JSON"}}), ["header is corrupt"]),
    (with_header({"__metadata__": {"note": 5}}), ["header is corrupt"]),
    (with_header({"__metadata__": {"note": "[" * 100_000}}), ["header is corrupt"]),
]


@pytest.mark.parametrize("content, words", CORRUPT, ids=[str(n) for n in range(len(CORRUPT))])
def test_a_corrupt_file_is_refused(path, content, words):
    refused(path, content, *words)


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path, name):
    with pytest.raises(DataError, match=r"cannot be read \((No such file|Is a directory)"):
        tensors.load(tmp_path / name)


def read_or_refused(path: Path, content: bytes) -> dict[str, np.ndarray] | None:
    """The arrays, or None where a DataError was raised; any other exception fails the test."""
    path.write_bytes(content)
    try:
        return tensors.load(path)
    except DataError as error:
        assert "\n" not in str(error)
        return None


def whole_file(scratch: Path) -> bytes:
    tensors.save(scratch, THREE, {"note": [1, "two"]})
    return scratch.read_bytes()


@PATIENT
@given(content=st.binary(max_size=200))
@example(content=b"\x02" + bytes(7) + b"{}")
def test_random_bytes_are_refused_or_hold_nothing(scratch, content):
    assert read_or_refused(scratch, content) in (None, {})


@PATIENT
@given(header=st.binary(max_size=60), body=st.binary(max_size=20))
def test_a_random_header_is_refused_or_holds_nothing(scratch, header, body):
    assert read_or_refused(scratch, with_header(header, body)) in (None, {})


ODD = st.one_of(st.none(), st.booleans(), st.floats(), st.text("F32", max_size=3), st.just([]))
NUMBERS = st.one_of(st.integers(-3, 12), st.integers(), ODD)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.one_of(st.sampled_from(["F32", "U8", "BOOL", "F64", "I16", "BF16"]), ODD),
        "shape": st.one_of(st.lists(NUMBERS, max_size=3), ODD),
        "data_offsets": st.one_of(st.lists(NUMBERS, max_size=3), ODD),
    }
)


@PATIENT
@given(
    header=st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), st.one_of(ENTRIES, ODD)),
    body=st.binary(max_size=12),
)
def test_a_header_of_odd_values_is_refused_or_tells_the_truth(scratch, header, body):
    found = read_or_refused(scratch, with_header(header, body))
    # Whatever is accepted holds the whole body, no byte twice.
    assert found is None or sum(array.nbytes for array in found.values()) == len(body)


@PATIENT
@given(data=st.data())
def test_flipped_bits_are_refused_or_read_as_the_library_reads_them(scratch, data):
    content = bytearray(whole_file(scratch))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    found = read_or_refused(scratch, bytes(content))
    if found is not None:
        equal(safetensors.numpy.load_file(scratch), found)


@PATIENT
@given(data=st.data())
def test_bytes_cut_out_of_the_middle_are_refused_or_read_as_the_library_reads_them(scratch, data):
    whole = whole_file(scratch)
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start + 1, len(whole)))
    found = read_or_refused(scratch, whole[:start] + whole[end:])
    if found is not None:
        equal(safetensors.numpy.load_file(scratch), found)


# ---- all or nothing


def failing_chunks():
    yield b"half"
    raise OSError(28, "No space left on device")


def test_a_failing_write_leaves_neither_the_file_nor_a_temporary_one(path):
    with pytest.raises(OSError, match="No space left"):
        tensors.write_atomically(path, failing_chunks())
    assert list(path.parent.iterdir()) == []


def test_a_failing_write_leaves_an_existing_file_as_it_was(path):
    tensors.save(path, THREE)
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        tensors.write_atomically(path, failing_chunks())
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == before


@pytest.mark.parametrize("step", ["replace", "chmod"])
def test_a_rename_that_fails_or_is_interrupted_leaves_nothing_behind(path, monkeypatch, step):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    tensors.save(path, THREE)
    before = path.read_bytes()
    monkeypatch.setattr(os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        tensors.save(path, {"other": np.zeros(3)})
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == before


def test_the_file_stands_at_its_place_only_once_it_is_whole(path, monkeypatch):
    seen = []
    real = os.replace

    def watched(source: str, target: Path) -> None:
        seen.append(
            (target.exists(), Path(source).parent == target.parent, Path(source).read_bytes())
        )
        real(source, target)

    monkeypatch.setattr(os, "replace", watched)
    tensors.save(path, THREE)
    assert seen == [(False, True, path.read_bytes())]


def test_others_may_read_the_file(path):
    tensors.save(path, THREE)  # a temporary file is made for its owner alone
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        tensors.save(tmp_path / "nowhere" / "x.safetensors", THREE)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_what_is_written_one_by_one_is_said_and_leaves_nothing(path):
    """The file system's own refusal, which the writing thread hears, not the one that adds."""
    tensors.save(path, THREE)
    known = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 21, known[1]))
    try:
        with pytest.raises(OSError, match="too large"), tensors.Writer(path) as out:
            for name in range(8):
                out.add(str(name), np.ones(1 << 18))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, known)
    equal(tensors.load(path), THREE)
    assert list(path.parent.iterdir()) == [path]
