"""A worker that dies, hangs or raises costs its own side only; nothing outlives the command.

Every worker here is a real one. Faults are planted by signals, by limits of the system, and by
ports that misbehave.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import compare.run
from compare.cli import main
from compare.workers import Worker

ROOT = Path(__file__).parent.parent
OTHER = {"torch": "keras", "keras": "torch"}
SOON = 30  # seconds, on a machine that others use as well
PORT = {
    "torch": """import ctypes, os, sys, time
from torch_impl.models.lenet import LeNet

class Port(LeNet):
    def forward(self, x):
        {statement}
        return super().forward(x)
""",
    "keras": """import ctypes, os, sys, time
from tf_impl.models.lenet import LeNet

class Port(LeNet):
    def call(self, x, training=None):
        {statement}
        return super().call(x)
""",
}


# --------------------------------------------------------------------- the command in this process


class Result:
    """What one command left: its exit status, report, progress, run folder and JSON."""

    def __init__(self, status: int, out: str, err: str, folder: Path, seconds: float) -> None:
        self.status, self.report, self.err, self.folder = status, out, err, folder
        self.seconds = seconds

    @property
    def document(self) -> dict[str, Any]:
        return json.loads((self.folder / "result.json").read_text())

    def backend(self, side: str) -> dict[str, Any]:
        return self.document["backends"][side]


@pytest.fixture
def compared(workers, tmp_path, monkeypatch, capsys) -> Callable[..., Result]:
    """`compare` with the session's workers, so that no framework is imported again.

    `instead` are workers to be spoilt in place of those.
    """

    def go(*arguments: str, instead: dict[str, Worker] | None = None) -> Result:
        lent = workers | (instead or {})
        monkeypatch.setattr("compare.run.start_worker", lambda side, *rest: nullcontext(lent[side]))
        folder, began = tmp_path / "lent", time.monotonic()
        status = main([*arguments, "--model", "lenet", "--out", str(folder)])
        seconds = time.monotonic() - began
        return Result(status, *capsys.readouterr(), folder, seconds)

    return go


@pytest.fixture(scope="module")
def spare(tmp_path_factory) -> Iterator[Callable[[str], Worker]]:
    """A living worker for a test that may spoil it; one that lives on serves the next test."""
    logs = tmp_path_factory.mktemp("spare")
    started: list[Worker] = []

    def start(side: str) -> Worker:
        for worker in started:
            if worker.side == side and worker.process.poll() is None:
                return worker
        log = logs / f"{len(started)}.txt"
        started.append(Worker(side, sys.executable, log, timeout=300, device="cpu"))
        started[-1].ready()
        return started[-1]

    yield start
    for worker in started:
        worker.close()
        assert not alive(worker.process.pid)


@pytest.fixture
def in_training(monkeypatch) -> Callable[..., None]:
    """Does something to the process of one side's worker, `after` seconds of its training."""
    train = compare.run.train

    def plant(side: str, fault: Callable[[int], None], after: float) -> None:
        def spoilt(outcome: Any, task: Any, turn: str, worker: Worker, *rest: Any) -> Any:
            if turn == side:
                timer = threading.Timer(after, fault, [worker.process.pid])
                timer.start()
                timer.join(0.1)  # one that is due at once has happened before the training
            return train(outcome, task, turn, worker, *rest)

        monkeypatch.setattr("compare.run.train", spoilt)

    return plant


@pytest.fixture
def port(tmp_path, monkeypatch) -> Callable[[str, str], None]:
    """Puts LeNet with one more statement at the start of its forward pass in a side's place."""
    build_of = compare.run.build_of

    def plant(side: str, statement: str) -> None:
        file = tmp_path / f"{side}_port.py"
        file.write_text(PORT[side].format(statement=statement))

        def spoilt(outcome: Any, turn: str, *rest: Any) -> Any:
            build = build_of(outcome, turn, *rest)
            return replace(build, port=f"{file}:Port") if turn == side else build

        monkeypatch.setattr("compare.run.build_of", spoilt)

    return plant


def assert_the_other_side_stands(result: Result, failed: str, epochs: int) -> None:
    """The failure is named, the other side has trained to its end, and the ladder is shown."""
    other = OTHER[failed]
    assert result.status == 3
    assert result.document["exit_status"] == 3
    assert result.backend(failed)["status"] == "failed"
    assert result.backend(failed)["history"] == []
    standing = result.backend(other)
    assert (standing["status"], standing["error"]) == ("ok", None)
    assert [row["epoch"] for row in standing["history"]] == list(range(1, epochs + 1))
    assert standing["history"][-1]["test_accuracy"] > 0.8  # chance is 0.1
    checks = {check["id"]: check["verdict"] for check in result.document["checks"]}
    for agreeing in ("structure", "shapes", "forward", "gradients", "step"):
        assert checks[agreeing] in ("same", "same within rounding")
    assert f"verdict  none: the {failed} worker failed" in result.report
    assert result.backend(failed)["error"] in result.report
    for name in ("weights.safetensors", "losses.safetensors", "test-logits.safetensors"):
        assert (result.folder / other / name).exists()
        assert not (result.folder / failed / name).exists()
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert manifest["backends"][failed]["status"] == "failed"
    assert_nothing_is_half_written(result.folder)


def assert_nothing_is_half_written(folder: Path) -> None:
    """No scratch data, no temporary file, and every file whole."""
    left = {path.name for path in folder.iterdir() if path.is_dir()}
    assert left == {"torch", "keras"}
    for path in folder.rglob("*"):
        assert not path.name.startswith((".", "tmp")), path
        if path.suffix == ".safetensors":
            compare.run.tensors.load(path)
        if path.suffix == ".json":
            json.loads(path.read_text())


@pytest.mark.slow
def test_a_worker_killed_in_training_leaves_the_other_sides_results(compared, spare, in_training):
    in_training("keras", lambda pid: os.kill(pid, signal.SIGKILL), after=0.2)
    result = compared("run", "--epochs", "2", instead={"keras": spare("keras")})
    assert_the_other_side_stands(result, failed="keras", epochs=2)
    assert "the keras worker was killed by SIGKILL" in result.backend("keras")["error"]
    for command in ("judge", "report"):
        assert main([command, str(result.folder)]) == 3


@pytest.mark.slow
def test_a_worker_without_memory_leaves_the_other_sides_results(compared, spare, in_training):
    def limit(pid: int) -> None:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        size = pages * resource.getpagesize()
        resource.prlimit(pid, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))

    in_training("torch", limit, after=0)
    worker = spare("torch")
    result = compared("run", "--epochs", "1", instead={"torch": worker})
    assert_the_other_side_stands(result, failed="torch", epochs=1)
    assert "memory" in result.backend("torch")["error"].lower()
    if worker.process.poll() is None:
        free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(worker.process.pid, resource.RLIMIT_AS, free)


@pytest.mark.slow
def test_a_hung_worker_meets_the_time_limit(compared, spare, in_training):
    in_training("torch", lambda pid: os.kill(pid, signal.SIGSTOP), after=0)
    stopped = spare("torch")
    stopped.timeout = 2.0
    result = compared("run", "--epochs", "1", instead={"torch": stopped})
    assert_the_other_side_stands(result, failed="torch", epochs=1)
    assert "the torch worker hung: it said nothing for 2 s" in result.backend("torch")["error"]
    assert not alive(stopped.process.pid)


@pytest.mark.slow
def test_a_worker_that_ends_itself_is_noticed_at_once_though_its_child_lives_on(
    compared, spare, port
):
    port("torch", "os.fork() or time.sleep(60); print('farewell'); os._exit(7)")
    result = compared("check", instead={"torch": spare("torch")})
    assert result.status == 3
    assert result.backend("torch")["error"].startswith(
        "the torch worker ended by itself with status 7\n"
    )
    assert result.backend("torch")["error"].endswith("torch: farewell")
    assert (result.folder / "keras" / "trace-float64.safetensors").exists()
    assert result.seconds < SOON  # of the child's 60 s and the worker's 300 s


@pytest.mark.parametrize("side", ["torch", "keras"])
def test_a_port_that_raises_is_named_with_its_line(compared, workers, port, side):
    port(side, "raise ValueError('boom')")
    result = compared("run", "--epochs", "1")
    error = result.backend(side)["error"]
    assert result.status == 3
    assert error.startswith(f"the {side} worker failed: ValueError: boom (/")
    assert f"{side}_port.py, line 6)\n    {side}: " in error
    assert "boom" in workers[side].log.read_text().rpartition("Traceback")[2]
    assert result.backend(OTHER[side])["history"][-1]["test_accuracy"] > 0.8
    assert "test accuracy" in result.report and error in result.report
    assert result.document["layers"] == [] and result.document["verdict"] == "not proven"


IN_TRAINING = "if training: raise ValueError('late')"


def test_a_side_that_fails_between_its_traces_and_its_steps_is_not_called_different(compared, port):
    port("keras", IN_TRAINING)
    result = compared("run", "--epochs", "1")
    assert result.status == 3
    checks = {check["id"]: check["verdict"] for check in result.document["checks"]}
    assert checks["gradients"] == "same within rounding"
    assert checks["step"] == "not proven" and result.document["coverage"]["steps"] == [0, 100]
    assert result.document["verdict"] == "not proven" and result.document["culprits"] == []
    standing = result.backend("torch")
    assert standing["test_accuracy"] == pytest.approx(standing["history"][-1]["test_accuracy"])
    assert standing["test_loss"] == pytest.approx(standing["history"][-1]["test_loss"], rel=1e-5)


def test_a_port_that_runs_out_of_memory_leaves_the_other_sides_trace(compared, port):
    port("torch", "raise MemoryError")
    result = compared("check")
    assert result.status == 3
    assert "the torch worker failed: MemoryError (" in result.backend("torch")["error"]
    assert (result.folder / "keras" / "trace-float64.safetensors").exists()


PRINTS = """print("a line"); print('{"event": "done", "job": 1}', flush=True)
        os.write(1, b"from C, and no newline"); ctypes.CDLL(None).puts(b"from puts")
        ctypes.CDLL(None).fflush(None); assert sys.stdin.read() == ''"""


@pytest.mark.parametrize("side", ["torch", pytest.param("keras", marks=pytest.mark.slow)])
def test_what_a_port_prints_reaches_the_log_alone(compared, workers, port, side):
    port(side, PRINTS)
    result = compared("check")
    assert result.status == 0
    log = workers[side].log.read_text()
    for said in ("a line", '{"event": "done", "job": 1}', "from C, and no newline", "from puts"):
        assert said in log and said not in result.report + result.err


# ------------------------------------------------------------------- the command as a process


def alive(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def workers_of(pid: int) -> dict[str, int]:
    """side -> pid of the command's workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    modules = {"torch": "torch_impl.worker", "keras": "tf_impl.worker"}
    return {side: pid for side, m in modules.items() for pid, line in lines.items() if m in line}


class Command:
    """`python -m compare` under way, on a model where `arguments` say no more."""

    def __init__(self, place: Path, environment: dict[str, str], *arguments: str) -> None:
        self.folder, self.log = place / "run", place / "stderr"
        model = [] if arguments[0] == "verify" else ["--model", "lenet"]
        command = [sys.executable, "-m", "compare", *arguments, *model]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--out", str(self.folder)],
                cwd=place,
                env={**environment, "TMPDIR": str(place)},  # for what a killed command leaves
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.workers: dict[str, int] = {}

    def until(self, reached: Callable[[], bool]) -> None:
        """Waits for something, and remembers the workers' numbers by then."""
        deadline = time.monotonic() + 120
        while not reached():
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.02)
        self.workers = workers_of(self.process.pid)

    def until_importing(self) -> None:
        self.until(lambda: len(workers_of(self.process.pid)) == 2)

    def until_training(self) -> None:
        self.until(lambda: "torch trains" in self.said() and "keras trains" in self.said())

    def said(self) -> str:
        return self.log.read_text()

    def ended(self) -> tuple[int, str]:
        """Its exit status and standard output, once it has ended with all of its workers."""
        out, _ = self.process.communicate(timeout=120)
        deadline = time.monotonic() + SOON
        while any(map(alive, self.workers.values())):
            assert time.monotonic() < deadline, "a worker outlives the command"
            time.sleep(0.05)
        return self.process.returncode, out


@pytest.fixture
def start(tmp_path, environment) -> Iterator[Callable[..., Command]]:
    """Starts the command, and ends it if the test did not."""
    started: list[Command] = []

    def go(*arguments: str) -> Command:
        started.append(Command(tmp_path, environment, *arguments))
        return started[-1]

    yield go
    for command in started:
        command.process.kill()
        command.process.communicate()


def assert_interrupted(command: Command, sent: float) -> None:
    """One line, 130, an empty standard output, soon, and no worker left (see Command.ended)."""
    assert command.ended() == (130, "")
    assert time.monotonic() - sent < SOON
    lines = [line for line in command.said().splitlines() if not line.startswith("[")]
    assert len(lines) == 1 and lines[0].startswith("compare: interrupted"), command.said()


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_an_interruption_while_importing_leaves_nothing(start, number):
    command = start("run")
    command.until_importing()
    time.sleep(0.3)
    sent = time.monotonic()
    command.process.send_signal(number)
    assert_interrupted(command, sent)
    assert not command.folder.exists()


SLEEPY = """import os, time
from keras import layers

class Sleepy(layers.Layer):
    def call(self, x):
        open({mark!r}, "w").close()
        time.sleep(600)
        return x
"""


def test_an_interruption_does_not_wait_for_what_a_worker_does(start, tmp_path):
    mark, port = tmp_path / "called", tmp_path / "sleepy.py"
    port.write_text(SLEEPY.format(mark=str(mark)))
    command = start("verify", "torch.nn:Identity", f"{port}:Sleepy", "--input", "3")
    command.until(mark.exists)
    sent = time.monotonic()
    command.process.send_signal(signal.SIGTERM)
    assert_interrupted(command, sent)


def test_an_interruption_in_training_leaves_what_was_finished(start):
    command = start("run", "--epochs", "500")
    command.until_training()
    sent = time.monotonic()
    command.process.send_signal(signal.SIGINT)
    command.process.send_signal(signal.SIGINT)  # an impatient user
    assert_interrupted(command, sent)
    assert "what was finished is in" in command.said()
    assert_nothing_is_half_written(command.folder)
    for side in ("torch", "keras"):
        assert (command.folder / side / "trace-float64.safetensors").exists()
        assert not (command.folder / side / "weights.safetensors").exists()


@pytest.mark.slow
def test_no_worker_outlives_a_command_killed_in_training(start):
    command = start("run", "--epochs", "500")
    command.until_importing()
    os.kill(command.workers["torch"], signal.SIGKILL)  # one framework is imported sooner than two
    command.until(lambda: "keras trains" in command.said())
    command.process.kill()
    assert command.ended()[0] == -signal.SIGKILL


def test_no_worker_outlives_a_command_killed_while_they_import(start):
    command = start("run")
    command.until_importing()
    command.process.kill()
    assert command.ended()[0] == -signal.SIGKILL


@pytest.mark.slow
def test_a_worker_killed_while_importing_leaves_the_other_sides_trace(start):
    command = start("check", "--json", "-")
    command.until_importing()
    os.kill(command.workers["keras"], signal.SIGKILL)
    status, out = command.ended()
    document = json.loads(out)
    assert (status, document["exit_status"]) == (3, 3)
    assert "killed by SIGKILL" in document["backends"]["keras"]["error"]
    assert document["backends"]["torch"]["status"] == "ok"
    assert (command.folder / "torch" / "trace-float64.safetensors").exists()
    assert json.loads((command.folder / "manifest.json").read_text())["backends"]["keras"]["error"]


# ------------------------------------------------------------------------------- the same twice

# Everything else in result.json is the same to the last digit.
MAY_DIFFER = {"command", "run", "seconds", "train_seconds", "samples_per_second"}
MAY_DIFFER |= {"startup_seconds", "peak_memory_bytes"}


def without_what_may_differ(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in MAY_DIFFER}
        return {key: without_what_may_differ(item) for key, item in kept.items()}
    return [without_what_may_differ(x) for x in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_the_same_command_twice_gives_the_same_bytes(start, compared):
    """Once in new processes, once in those that other tests have used."""
    command = start("run", "--epochs", "1")
    status, out = command.ended()
    assert status == 0, command.said()
    assert out == (command.folder / "report.txt").read_text()
    assert_nothing_is_half_written(command.folder)
    again = compared("run", "--epochs", "1")
    folders = (command.folder, again.folder)
    first, second = ({p.relative_to(f): p for p in f.rglob("*.safetensors")} for f in folders)
    assert set(first) == set(second)
    assert {p.name for p in first} >= {"weights.safetensors", "trace-float32.safetensors"}
    for name in first:
        assert first[name].read_bytes() == second[name].read_bytes(), name
    documents = [json.loads((folder / "result.json").read_text()) for folder in folders]
    assert without_what_may_differ(documents[0]) == without_what_may_differ(documents[1])
    assert documents[0]["backends"]["torch"]["test_accuracy"] > 0.8
