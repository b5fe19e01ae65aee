"""The run folder: made before the work starts, each file whole or absent, removed if unused."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from common.errors import UsageError, WorkerError
from common.tensors import write_atomically


class RunFolder:
    """Use as a context manager: a user's mistake leaves no folder behind, a failure keeps it."""

    def __init__(self, wanted: Path | None, model: str) -> None:
        self.path = free_path(wanted, model)
        self.made = first_missing(self.path)

    def __enter__(self) -> RunFolder:
        try:
            for side in ("torch", "keras"):
                (self.path / side).mkdir(parents=True)
        except OSError as error:
            self.remove()
            raise UsageError(
                f"--out {self.path}: cannot be written ({error.strerror}); "
                "name a folder that you may write to with --out"
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, UsageError) or (
            getattr(error, "exit_status", None) == 2 and not isinstance(error, WorkerError)
        ):
            self.remove()

    def remove(self) -> None:
        """Takes away what was made here, and nothing that was there before."""
        if self.made is not None and self.made.exists():
            shutil.rmtree(self.made)
        elif self.path.exists():
            for side in ("torch", "keras"):
                shutil.rmtree(self.path / side, ignore_errors=True)


def free_path(wanted: Path | None, model: str) -> Path:
    """The folder asked for, which must be empty or not there yet; else one named by the time."""
    if wanted is None:
        stamp = datetime.now().strftime("%Y-%m-%dT%H%M%S")
        return unused(Path("runs") / f"{stamp}-{model}")
    if wanted.is_file() or (wanted.is_dir() and any(wanted.iterdir())):
        raise UsageError(
            f"--out {wanted}: already exists and is not an empty folder; name another one"
        )
    return wanted


def unused(path: Path) -> Path:
    """The path, numbered if a run of the same second has taken it."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def first_missing(path: Path) -> Path | None:
    """The topmost folder that has to be made for `path`; None where it is there already."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    return missing[-1] if missing else None


def write_json(path: Path, value: Any) -> None:
    """JSON with two-space indents, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Text as UTF-8, whole or not at all. UsageError where it cannot be written."""
    try:
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


def check_writable(option: str, path: Path) -> None:
    """Refuses an output file before the work starts, not after."""
    place = path.parent if str(path.parent) else Path(".")
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder, expected a file")
    if not place.is_dir():
        raise UsageError(f"{option} {path}: there is no folder {place}")
    if not os.access(place, os.W_OK):
        raise UsageError(f"{option} {path}: the folder {place} cannot be written to")
