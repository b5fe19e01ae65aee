"""Starts a worker, asks it for jobs, and knows what became of it when it does not answer."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import WeakSet

from common.errors import UsageError, WorkerError
from common.job import Job, to_line

PACKAGES = {"torch": "torch_impl", "keras": "tf_impl"}
NEEDS = {"torch": ("numpy", "torch"), "keras": ("numpy", "keras", "tensorflow")}
PYTHON = (3, 11)  # the oldest that the workers' code runs on
PASSING = "tmp"  # a folder in the worker's room
LOG_LINES = 5  # of a dead worker's log, shown with the failure
COLOURS = re.compile(r"\x1b\[[\d;]*m")  # which Keras writes into the text of its exceptions
SIGNALS = {number.value: number.name for number in signal.Signals}
Event = dict[str, Any]
STARTED: WeakSet[Worker] = WeakSet()


class Worker:
    """One framework in one process. Use as a context manager; leaving it ends the process.

    `timeout` is the longest silence in seconds: a worker says something at least after each
    epoch, so one that is silent for longer hangs.
    """

    def __init__(self, side: str, python: str, log: Path, *, timeout: float, device: str) -> None:
        self.side, self.python, self.log = side, python, log
        self.timeout = min(timeout, threading.TIMEOUT_MAX / 2)
        self.events: queue.Queue[Event | None] = queue.Queue()
        self.jobs = 0
        self.environment: Event | None = None
        self.room = tempfile.TemporaryDirectory(prefix=f"compare-{side}-")
        self.began = time.perf_counter()
        self.process = self.start(device)
        STARTED.add(self)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def start(self, device: str) -> subprocess.Popen[str]:
        """Its own session, so that Ctrl-C reaches the parent alone, which then ends it."""
        package = PACKAGES[self.side]
        lay_out(Path(self.room.name), package)
        self.log.write_bytes(b"")
        with self.log.open("ab") as log:  # appends: `note` writes to it as well
            try:
                return subprocess.Popen(
                    [self.python, "-m", f"{package}.worker"],
                    cwd=self.room.name,
                    env=environment(self.room.name, device),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                self.room.cleanup()
                raise UsageError(
                    f"--{self.side}-python {self.python}: cannot be started ({error.strerror})"
                ) from None

    def listen(self) -> None:
        """Passes events on as they come."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with suppress(ValueError):  # a line cut short by the worker's death
                    event = json.loads(line)
                    if event["event"] == "ready":
                        event["startup_seconds"] = time.perf_counter() - self.began
                    self.events.put(event)

    def watch(self) -> None:
        """Once the process has ended, takes what it started with it, and says None: no more.

        The end of its output would not do: a process that it forked may hold that open.
        """
        self.process.wait()
        self.kill_group()
        self.listener.join(timeout=1)
        self.events.put(None)

    def ready(self) -> Event:
        """What the worker says of its interpreter and machine, once its framework is imported."""
        if self.environment is not None:
            return self.environment
        event = self.next_event()
        if event["event"] == "failed":
            self.note(event["traceback"])
            if not event["user_error"]:
                raise WorkerError(self.failed(event))
            raise UsageError(
                f"{self.python}: cannot run the {self.side} worker: {event['message']}; mend it, "
                f"or name another interpreter with --{self.side}-python"
            )
        self.environment = event
        return event

    def ask(self, job: Job, on_progress: Callable[[Event], None] = lambda event: None) -> Event:
        """Does one job. WorkerError when it fails, dies or hangs; UsageError for a user's fault."""
        assert self.process.stdin is not None
        self.jobs += 1
        with suppress(OSError):  # already dead: the next event says how
            self.process.stdin.write(to_line(job, self.jobs) + "\n")
            self.process.stdin.flush()
        while (event := self.next_event())["event"] == "progress":
            on_progress(event)
        if event["event"] == "failed":
            self.note(event["traceback"])
            if event["user_error"]:
                raise UsageError(event["message"])
            raise WorkerError(self.failed(event))
        return event

    def next_event(self) -> Event:
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
            self.events.put(None)  # whoever asks again is told again
            raise WorkerError(self.how_it_ended())
        return event

    def failed(self, event: Event) -> str:
        """What a worker raised, and the end of its log, which holds the traceback."""
        return f"the {self.side} worker failed: {event['message']}{self.last_words()}"

    def how_it_ended(self) -> str:
        """The signal or exit status of a dead worker, and the last lines of its log."""
        code = self.process.wait()
        if code < 0:
            name = SIGNALS.get(-code, f"signal {-code}")
            hint = " (out of memory?)" if name == "SIGKILL" else ""
            return f"the {self.side} worker was killed by {name}{hint}{self.last_words()}"
        return f"the {self.side} worker ended by itself with status {code}{self.last_words()}"

    def last_words(self) -> str:
        """The end of the log, indented; empty where it said nothing."""
        with suppress(OSError):
            lines = COLOURS.sub("", self.log.read_text(errors="replace")).splitlines()
            said = [line[:300] for line in lines if line.strip()][-LOG_LINES:]
            return "".join(f"\n    {self.side}: {line}" for line in said)
        return ""

    def note(self, text: str) -> None:
        """Adds to the log what the worker sent instead of printing it."""
        with suppress(OSError), self.log.open("a") as log:
            log.write(text)

    def kill(self) -> None:
        """Ends the worker and whatever it started, at once."""
        if self.process.returncode is None:
            self.kill_group()
        self.process.wait()

    def kill_group(self) -> None:
        """Never later than the process ends: its number may then be another's."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Lets an idle worker end by itself; kills one that is still busy."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        self.kill()
        self.watcher.join()
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


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose threads ask workers. An interruption ends these: leaving it waits for both."""
    with ThreadPoolExecutor(max_workers=count) as pool:
        try:
            yield pool
            pool.shutdown()  # waits where an interruption is heard
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in list(STARTED):
                worker.kill()
            raise


def lay_out(room: Path, package: str) -> None:
    """A folder with links to `common` and the worker's package, and one for passing files.

    Put on the path of another interpreter, it brings none of this one's packages along.
    """
    (room / PASSING).mkdir()
    root = Path(__file__).resolve().parent.parent
    for name in ("common", package):
        (room / name).symlink_to(root / name, target_is_directory=True)


def environment(room: str, device: str) -> dict[str, str]:
    """The worker's environment: the user's, with what would change its numbers set."""
    chosen = {
        "PYTHONPATH": room,
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": os.path.join(room, PASSING),  # what a framework or a port leaves there goes, too
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",  # two spinning threads on two busy cores are slower than one
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # a spinning thread takes the other worker's core
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_BACKEND": "tensorflow",
        "NVIDIA_TF32_OVERRIDE": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    if device == "cpu":
        chosen["CUDA_VISIBLE_DEVICES"] = "-1"
    return {**os.environ, **chosen}


PROBE = """
import importlib.util, json, sys
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
print(json.dumps({"python": sys.version_info[:2], "missing": missing}))
"""
PROBE_SECONDS = 60  # a cold network file system takes some; it is 0.05 otherwise


def check_python(side: str, python: str) -> str:
    """The interpreter's path. UsageError where it cannot be run, or lacks what the worker needs.

    It is asked, in the worker's own environment, without an import: this takes no time.
    """
    path = python if python == sys.executable else executable(side, python)
    answer = probe(side, path)
    if tuple(answer["python"]) < PYTHON:
        found = ".".join(map(str, answer["python"]))
        expected = ".".join(map(str, PYTHON))
        raise UsageError(f"--{side}-python {path}: is Python {found}, expected {expected} or later")
    if answer["missing"]:
        raise UsageError(
            f"{path}, the Python of the {side} side, has no {', '.join(answer['missing'])}: "
            f"`{path} -m pip install {' '.join(answer['missing'])}`, or name an interpreter that "
            f"has them with --{side}-python"
        )
    return path


def executable(side: str, python: str) -> str:
    """The absolute path of what the user named, by a path or by a name on the PATH."""
    path = Path(python).expanduser()
    found = shutil.which(os.path.expanduser(python))  # a Path would lose the ./ in front
    if found:
        return os.path.abspath(found)
    if path.is_dir():
        raise UsageError(
            f"--{side}-python {python}: is a folder, expected an interpreter, such as "
            f"{path / 'bin' / 'python'}"
        )
    if path.exists():
        raise UsageError(f"--{side}-python {python}: is not executable, expected an interpreter")
    raise UsageError(f"--{side}-python {python}: there is no such file, expected an interpreter")


def probe(side: str, python: str) -> dict[str, Any]:
    """What an interpreter says of itself; UsageError where it is none."""
    try:
        done = subprocess.run(
            [python, "-c", PROBE, *NEEDS[side]],
            env=environment("", "auto"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
        )
        answer = json.loads(done.stdout)
        return {"python": answer["python"], "missing": answer["missing"]}
    except OSError as error:
        found = f"it cannot be started ({error.strerror})"
    except subprocess.TimeoutExpired:
        found = f"it did not answer within {PROBE_SECONDS} s"
    except (ValueError, TypeError, KeyError):
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        found = f"it ended with status {done.returncode} and {said[0] if said else 'no answer'}"
    raise UsageError(f"--{side}-python {python}: expected a Python interpreter, but {found}")
