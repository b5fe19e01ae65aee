"""The run folder: made before the work starts, each file whole or absent, removed if unused."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from common.errors import UsageError
from common.tensors import write_atomically


class RunFolder:
    """Use as a context manager, outside of whatever writes into the folder.

    A user's mistake leaves no folder behind, and neither does an interruption before anything was
    finished; a failure keeps it.
    """

    def __init__(self, wanted: Path | None, model: str, resumed: Path | None = None) -> None:
        """`resumed` is the folder of an earlier run, to be used as it is."""
        self.wanted, self.model, self.resumed = wanted, model, resumed
        self.made: list[Path] = []  # innermost first

    def __enter__(self) -> RunFolder:
        if self.resumed is not None:
            self.path = self.resumed
            return self
        try:
            self.path = self.claim()
            for side in ("torch", "keras"):
                (self.path / side).mkdir()
        except OSError as error:
            self.remove()
            raise UsageError(
                f"--out {self.wanted or 'runs'}: cannot be written ({error.strerror}: "
                f"{error.filename}); name a folder that you may write to with --out"
            ) from None
        return self

    def claim(self) -> Path:
        """The folder asked for, which must be empty or not there yet; else one named by the time.

        Making it is what claims it: another run may want the same name in the same second.
        """
        if self.wanted is None:
            stamp = datetime.now().strftime("%Y-%m-%dT%H%M%S")
            return self.first_free(Path("runs") / f"{stamp}-{self.model}")
        if self.wanted.is_file() or (self.wanted.is_dir() and any(self.wanted.iterdir())):
            raise UsageError(
                f"--out {self.wanted}: already exists and is not an empty folder; name another one"
            )
        if not self.wanted.is_dir():
            self.make(self.wanted)
        return self.wanted

    def first_free(self, path: Path) -> Path:
        """The path made, numbered from the second run of the same second on."""
        candidate, number = path, 1
        while True:
            try:
                self.make(candidate)
                return candidate
            except FileExistsError:
                if not candidate.exists():  # it is `runs` that is there, as a file
                    raise
            number += 1
            candidate = path.with_name(f"{path.name}-{number}")

    def make(self, path: Path) -> None:
        """Makes a folder and those above it; FileExistsError if it is there already."""
        self.made[:0] = [place for place in path.parents if not place.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        self.made.insert(0, path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for unfinished in self.path.rglob(".*"):  # of a worker that was killed as it wrote
            unfinished.unlink(missing_ok=True)
        if isinstance(error, KeyboardInterrupt):
            if any(self.path.rglob("checkpoint.*")) or self.holds_seeds():
                error.add_note(f"`compare run --resume {self.path}` goes on from here")
            elif any(self.path.rglob("trace-*")):
                error.add_note(f"what was finished is in {self.path}")
            else:
                self.remove()
        elif refused(error) and not self.holds_seeds():
            self.remove()
        if isinstance(error, OSError):
            raise UsageError(f"{error.filename or self.path}: {error.strerror}") from error

    def holds_seeds(self) -> bool:
        """Whether one of several seeds has been trained: --resume goes on, if it is left there."""
        return any(self.path.glob("seed-*")) and any(self.path.rglob("history.json"))

    def remove(self) -> None:
        """Takes away what was made here, and nothing that was there before, or is another run's."""
        path = getattr(self, "path", None)
        if path is not None and self.resumed is None:
            for inside in path.iterdir():
                shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
        for place in self.made:
            with suppress(OSError):  # `runs`, which holds another run by now
                place.rmdir()


def refused(error: BaseException | None) -> bool:
    """Whether it is the user's mistake, or the machine's lack of room."""
    return isinstance(error, (OSError, MemoryError)) or getattr(error, "exit_status", None) == 2


def write_json(path: Path, value: Any) -> None:
    """JSON with two-space indents, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Text as UTF-8, whole or not at all. UsageError where it cannot be written."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device must not be replaced
            path.write_text(text, encoding="utf-8")
        else:
            write_atomically(path, [text.encode()])
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None


def read_json(path: Path) -> Any:
    """What write_json wrote. UsageError where it is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f"{path}: is not JSON ({error})") from None


def read_run(folder: Path, name: str) -> Any:
    """manifest.json or result.json of a run. UsageError where `folder` is no run, or damaged."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a run folder, found no folder of that name")
    if not (folder / name).exists():
        raise UsageError(
            f"{folder}: expected a run folder, found no {name} in it; an interrupted run has none"
        )
    with reading(folder):
        document = read_json(folder / name)
        missing = {"kind", "model", "backends"} - set(document)
        if missing:
            raise KeyError(", ".join(sorted(missing)))
    return document


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Whatever is missing or misshapen in a run folder is the folder's fault: a UsageError."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{folder}: damaged, or of another version of this program: "
            f"{type(error).__name__}: {error}"
        ) from error


def check_writable(option: str, path: Path) -> None:
    """Refuses an output file before the work starts, not after; by trying, since root may all."""
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder, expected a file")
    if not path.parent.is_dir():
        raise UsageError(f"{option} {path}: there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        return  # a pipe or a device
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageError(
            f"{option} {path}: the folder {path.parent} cannot be written to ({error.strerror})"
        ) from None


def finite(value: Any) -> Any:
    """The same value with infinite and NaN numbers as strings, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return value
