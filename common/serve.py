"""The loop of a worker: reads jobs from standard input, answers with events, one JSON a line.

Events: ready (what this interpreter and machine are), progress, done, failed. Whatever the
framework or a port prints goes to standard error, so that nothing but events reaches the parent.
"""

from __future__ import annotations

import json
import os
import queue
import re
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from common.errors import CompareError
from common.job import from_dict

Emit = Callable[[dict[str, Any]], None]
Handler = Callable[[Any, Emit], dict[str, Any]]

# What Keras and TensorFlow write in front of the text of an exception raised in a layer.
WRAPPING = re.compile(
    r"Exception encountered when calling .*\n|Could not automatically infer .*Error encountered:\n"
    r"|in user code:[\s\S]*\n\s+\w+Error: "
)


def serve(start: Callable[[], tuple[dict[str, Any], Mapping[str, Handler]]]) -> None:
    """Runs `start`, which imports the framework, then one job after another until input ends.

    `start` returns what the `ready` event says and a handler for each kind of job.
    """
    emit = event_writer(own_the_output())
    requests = read_ahead(own_the_input())
    try:
        environment, handlers = start()
    except Exception as error:
        emit(failure(error, job=None))
        return
    emit({"event": "ready", **environment})
    while (line := requests.get()) is not None:
        answer(json.loads(line), handlers, emit)
    sys.stderr.flush()
    os._exit(0)  # everything is on disk; a framework takes a second or two to take itself down


def answer(request: dict[str, Any], handlers: Mapping[str, Handler], emit: Emit) -> None:
    """Does one job; whatever it raises becomes an event, and the worker lives on."""
    number = request["job"]

    def progress(event: dict[str, Any]) -> None:
        emit({"event": "progress", "job": number, **event})

    try:
        job = from_dict(request["do"], request["with"])
        result = handlers[request["do"]](job, progress)
        emit({"event": "done", "job": number, "peak_memory_bytes": peak_memory(), **result})
    except Exception as error:
        emit(failure(error, number))


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def failure(error: Exception, job: int | None) -> dict[str, Any]:
    """The event of a job that raised, or of the start (no job).

    The text of our own errors is meant for the user; so is an import that fails at the start.
    """
    mine = isinstance(error, CompareError)
    return {
        "event": "failed",
        "job": job,
        "user_error": mine or (job is None and isinstance(error, ImportError)),
        "message": str(error) if mine else described(error),
        "traceback": traceback.format_exc(),
    }


def described(error: Exception) -> str:
    """An exception in one line: its type, the first line of its text, and where it was raised."""
    text = WRAPPING.split(re.sub(r"\x1b\[\d*m", "", str(error)))[-1].strip()
    said = ": ".join([type(error).__name__, *text.splitlines()[:1]])
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{said} ({where.filename}, line {where.lineno})"


def own_the_output() -> TextIO:
    """The real standard output, kept for events; file descriptor 1 now leads to the log."""
    sys.stdout.flush()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return events


def own_the_input() -> TextIO:
    """The real standard input, kept for jobs; whoever else reads finds it empty."""
    jobs = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return jobs


def event_writer(events: TextIO) -> Emit:
    """Writes an event as one line, at once."""

    def emit(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    return emit


def read_ahead(source: TextIO) -> queue.Queue[str | None]:
    """Lines of `source` as they come, then None.

    Reading goes on while a job runs: input that ends then means the parent is gone, however it
    went, and the worker must not outlive it.
    """
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in source:
            lines.put(line)
        lines.put(None)
        time.sleep(1)  # a worker that is idle has begun to end by itself before this
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    return lines
