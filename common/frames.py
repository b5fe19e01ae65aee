"""What of a traceback is a user's own."""

from __future__ import annotations

import traceback
from collections.abc import Callable

INDENT = "\n    "


def trimmed(error: BaseException, is_users: Callable[[str], bool]) -> str:
    """The user's frames below an error's line, each with its code.

    Empty where there is one at most: the error's line itself says where it was raised.
    """
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_users(f.filename)]
    if len(frames) < 2 and not isinstance(error, SyntaxError):
        return ""
    lines = [f"{frame.filename}:{frame.lineno}: {frame.line}" for frame in frames]
    if isinstance(error, SyntaxError) and error.filename and error.text:
        lines.append(f"{error.filename}:{error.lineno}: {error.text.strip()}")
    return "".join(f"{INDENT}{line}" for line in lines)
