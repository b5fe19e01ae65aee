"""Starts a worker, asks it for jobs, and knows what became of it when it does not answer."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from common.errors import UsageError, WorkerError
from common.job import Job, to_line

PACKAGES = {"torch": "torch_impl", "keras": "tf_impl"}
LOG_LINES = 5  # of a dead worker's log, shown with the failure
Event = dict[str, Any]


class Worker:
    """One framework in one process. Use as a context manager; leaving it ends the process.

    `timeout` is the longest silence in seconds: a worker says something at least after each
    epoch, so one that is silent for longer hangs.
    """

    def __init__(
        self, side: str, python: str, log: Path, *, timeout: float, device: str, threads: int = 1
    ) -> None:
        self.side, self.python, self.log, self.timeout = side, python, log, timeout
        self.events: queue.Queue[Event | None] = queue.Queue()
        self.jobs = 0
        self.room = tempfile.TemporaryDirectory(prefix=f"compare-{side}-")
        self.process = self.start(device, threads)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def start(self, device: str, threads: int) -> subprocess.Popen[str]:
        """Its own session, so that Ctrl-C reaches the parent alone, which then ends it."""
        package = PACKAGES[self.side]
        lay_out(Path(self.room.name), package)
        with self.log.open("w") as log:
            try:
                return subprocess.Popen(
                    [self.python, "-m", f"{package}.worker"],
                    cwd=self.room.name,
                    env=environment(self.room.name, device, threads),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
            except OSError as error:
                raise UsageError(
                    f"--{self.side}-python {self.python}: cannot be started ({error.strerror})"
                ) from None

    def listen(self) -> None:
        """Passes events on as they come, then None when there will be no more."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with suppress(ValueError):  # a line cut short by the worker's death
                    self.events.put(json.loads(line))
        self.events.put(None)

    def ready(self) -> Event:
        """What the worker says of its interpreter and machine, once its framework is imported."""
        event = self.next_event("start")
        if event["event"] == "failed":
            raise UsageError(
                f"--{self.side}-python {self.python}: "
                f"cannot run the {self.side} worker: {event['message']}"
            )
        return event

    def ask(self, job: Job, on_progress: Callable[[Event], None] = lambda event: None) -> Event:
        """Does one job. WorkerError when it fails, dies or hangs; UsageError for a user's fault."""
        assert self.process.stdin is not None
        self.jobs += 1
        with suppress(OSError):  # already dead: the next event says how
            self.process.stdin.write(to_line(job, self.jobs) + "\n")
            self.process.stdin.flush()
        while (event := self.next_event("answer"))["event"] == "progress":
            on_progress(event)
        if event["event"] == "failed":
            self.note(event["traceback"])
            kind = UsageError if event["user_error"] else WorkerError
            prefix = "" if event["user_error"] else f"the {self.side} worker failed: "
            raise kind(prefix + event["message"])
        return event

    def next_event(self, purpose: str) -> Event:
        """The next thing the worker says, or how it ended."""
        try:
            event = self.events.get(timeout=self.timeout)
        except queue.Empty:
            self.kill()
            raise WorkerError(
                f"the {self.side} worker hung: it said nothing for {self.timeout:g} s and was "
                f"stopped (--timeout){self.last_words()}"
            ) from None
        if event is None:
            raise WorkerError(self.how_it_ended())
        return event

    def how_it_ended(self) -> str:
        """The signal or exit status of a dead worker, and the last lines of its log."""
        code = self.process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (out of memory?)" if name == "SIGKILL" else ""
            return f"the {self.side} worker was killed by {name}{hint}{self.last_words()}"
        return f"the {self.side} worker ended by itself with status {code}{self.last_words()}"

    def last_words(self) -> str:
        """The end of the log, indented; empty where it said nothing."""
        with suppress(OSError):
            lines = self.log.read_text(errors="replace").strip().splitlines()[-LOG_LINES:]
            if lines:
                return "\n" + "\n".join(f"    {self.side}: {line[:300]}" for line in lines)
        return ""

    def note(self, text: str) -> None:
        """Adds to the log what the worker sent instead of printing it."""
        with suppress(OSError), self.log.open("a") as log:
            log.write(text)

    def kill(self) -> None:
        """Ends the worker and whatever it started, at once."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Lets an idle worker end by itself; kills one that is still busy."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        self.kill()
        self.listener.join()
        self.room.cleanup()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        self.close()


def lay_out(room: Path, package: str) -> None:
    """A folder with links to `common` and the worker's package, and to nothing else.

    Put on the path of another interpreter, it brings none of this one's packages along.
    """
    root = Path(__file__).resolve().parent.parent
    for name in ("common", package):
        (room / name).symlink_to(root / name, target_is_directory=True)


def environment(room: str, device: str, threads: int) -> dict[str, str]:
    """The worker's environment: the user's, with what would change its numbers set."""
    chosen = {
        "PYTHONPATH": room,
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # a spinning thread takes the other worker's core
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_BACKEND": "tensorflow",
        "NVIDIA_TF32_OVERRIDE": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    if device == "cpu":
        chosen["CUDA_VISIBLE_DEVICES"] = "-1"
    return {**os.environ, **chosen}


def check_python(side: str, python: str) -> str:
    """The interpreter's path. UsageError where there is none that can be run."""
    path = Path(python).expanduser()
    if python == sys.executable:
        return python
    if not path.is_file():
        raise UsageError(f"--{side}-python {python}: there is no such file")
    if not os.access(path, os.X_OK):
        raise UsageError(f"--{side}-python {python}: is not executable")
    return os.path.abspath(path)
