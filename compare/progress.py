"""Says on standard error how far each worker is: bars on a terminal, sparse lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SPARSE_SECONDS = 10.0  # between two lines of one worker where nobody watches


class Reporter:
    """One line for each side. Use as a context manager, so that the terminal is left clean."""

    def __init__(self, sides: tuple[str, ...], quiet: bool = False) -> None:
        self.live = sys.stderr.isatty() and not quiet
        self.quiet = quiet
        self.began = time.monotonic()
        self.told: dict[str, float] = {}
        self.doing: dict[str, str] = {}
        self.lock = threading.Lock()
        self.bars = Progress(
            TextColumn("{task.fields[side]:<5} {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
            disable=not self.live,
        )
        self.tasks: dict[str, TaskID] = {
            side: self.bars.add_task("starts", total=1, side=side) for side in sides
        }

    def phase(self, side: str, what: str, total: float = 1) -> None:
        """The side turns to something else, `total` units of it."""
        with self.lock:
            self.doing[side] = what
            self.told[side] = time.monotonic()
            self.bars.reset(self.tasks[side], description=what, total=total)
            self.say(f"{side} {what}")

    def advance(self, side: str, done: float, total: float) -> None:
        """How many of the units are done."""
        with self.lock:
            self.bars.update(self.tasks[side], completed=done, total=total)
            now = time.monotonic()
            if now - self.told[side] >= SPARSE_SECONDS:
                self.told[side] = now
                self.say(f"{side} {self.doing[side]}: {done:,.0f} of {total:,.0f}")

    def say(self, text: str) -> None:
        """A line where there are no bars."""
        if not self.live and not self.quiet:
            with suppress(OSError):  # nobody reads it any more, as after `2>&1 | head`
                passed = time.monotonic() - self.began
                print(f"[{passed:5.1f} s] {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> Reporter:
        self.bars.start()
        self.say(f"{' and '.join(self.tasks)} start; imports take seconds")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()
