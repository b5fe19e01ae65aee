"""Which lines are a user's: neither a framework's, nor Python's, nor this project's machinery."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import FrameType, TracebackType

import common

HERE = Path(__file__).resolve().parent
OURS = ("layers.py", "dropout.py", "models")  # written as a user's port would be
STANDARD = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))


@cache
def is_users(file: str) -> bool:
    """Whether a user wrote the file."""
    if file.startswith("<") or "-packages" in file or "__autograph_generated" in file:
        return False
    if file.startswith(STANDARD):
        return False
    path = Path(file).resolve()
    if path.is_relative_to(HERE):
        return path.relative_to(HERE).parts[0] in OURS
    return not path.is_relative_to(Path(common.__file__).resolve().parent)


def now() -> str:
    """ "net.py:31", the innermost of a user's lines that run; empty where there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


def raised(error: BaseException) -> str:
    """The innermost of a user's lines that an exception passed; empty where there is none."""
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        return line(error.filename, error.lineno or 0)
    found = [line(file, number) for file, number in passed(error.__traceback__) if is_users(file)]
    return found[-1] if found else ""


def passed(trace: TracebackType | None) -> Iterable[tuple[str, int]]:
    """File and line of each frame, outermost first."""
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


def line(file: str, number: int) -> str:
    return f"{Path(file).name}:{number}"
