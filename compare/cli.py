"""The command line: options in, a report on standard output, the exit status that scripts read."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import Any

from common.errors import CompareError, UsageError

INTERRUPTED = 130
BUG = 70  # EX_SOFTWARE of sysexits.h; Python's own 1 would read as "they differ"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Document = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns its exit status; see README.md for what each means."""
    # the judge's products are thin: threads that wait for each other took nine times as long
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0].startswith("-") and given[0] not in ("-h", "--help", "--version"):
        given.insert(0, "run")  # `compare --model lenet`
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without a check mark
    try:
        with interruptible():
            options = parser().parse_args(given)
            return int(options.command(options, given))
    except CompareError as error:
        return refuse(str(error), error.exit_status, given)
    except KeyboardInterrupt as error:
        notes = getattr(error, "__notes__", [])
        return refuse("; ".join(["interrupted", *notes]), INTERRUPTED, given)
    except OSError as error:
        return refuse(str(error), 2, given)
    except MemoryError as error:
        return refuse(f"not enough memory: {error}", 2, given)
    except Exception as error:
        traceback.print_exc()
        return refuse(f"a bug in compare itself ({type(error).__name__})", BUG, [])


def refuse(message: str, status: int, given: list[str]) -> int:
    """Says on standard error why there is no report."""
    if "--debug" in given:
        traceback.print_exc()
    with suppress(OSError):
        print(f"compare: {message}", file=sys.stderr)
    return status


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal end as Ctrl-C does, so that no worker is left behind.

    Only the first counts: a second one would end the clearing up.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        for ending in handlers:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    # what was ignored at the start, as nohup does, stays ignored
    before = {number: signal.getsignal(number) for number in ENDINGS}
    handlers = {number: old for number, old in before.items() if old != signal.SIG_IGN}
    for ending in handlers:
        signal.signal(ending, stop)
    try:
        yield
    finally:
        for ending, handler in handlers.items():
            signal.signal(ending, handler)


class Parser(argparse.ArgumentParser):
    """Errors in one line, without the usage in front of it."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **named})

    def error(self, message: str) -> Any:
        kind, _, unknown = message.partition("unrecognized arguments: ")
        near = [] if kind else get_close_matches(unknown.split()[0], self.known_options())
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"{message}{hint} (see {self.prog} --help)")

    def known_options(self) -> list[str]:
        """Its own options, and those of its commands."""
        nested = [a.choices.values() for a in self._actions if isinstance(a.choices, dict)]
        options = [name for commands in nested for c in commands for name in c.known_options()]
        return sorted({*self._option_string_actions, *options})


def parser() -> argparse.ArgumentParser:
    top = Parser(
        prog="compare",
        description="The same convolutional networks in PyTorch and in Keras: are they the same?",
        epilog="`compare --model NAME` is `compare run --model NAME`. Exit status: 0 they match, "
        "1 they differ, 2 a mistake in the options or the data, 3 a worker failed, "
        "4 inconclusive.",
    )
    top.add_argument("--version", action="version", version="compare-ports 0.3.0")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="check both ports, train both, compare them")
    add_model(run, required=False)
    add_training(run)
    add_execution(run)
    run.add_argument(
        "--checkpoint-every", type=count, default=0, metavar="N",
        help="leave every N epochs what --resume needs",
    )  # fmt: skip
    run.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with an interrupted run, to the same end"
    )
    run.add_argument(
        "--seeds", type=count, default=1, metavar="N",
        help="train N times, from --seed on, and test whether the accuracies are equivalent (1)",
    )  # fmt: skip
    run.add_argument(
        "--margin", type=points, default=0.5, metavar="POINTS",
        help="of accuracy, within which several seeds count as equivalent (0.5)",
    )  # fmt: skip
    add_curves(run)
    run.set_defaults(command=run_command, train=True)

    check = commands.add_parser("check", help="check both ports, without training")
    add_model(check)
    add_execution(check)
    check.set_defaults(command=run_command, train=False)

    verify = commands.add_parser("verify", help="are two ports of anybody's the same network?")
    add_ports(verify)
    verify.add_argument(
        "--rungs", type=rungs, default=(), metavar="0-3",
        help="only these of the ladder decide: 0-3, or 0,3,5 (all)",
    )  # fmt: skip
    verify.add_argument("--md", type=Path, metavar="FILE", help="write the report as Markdown")
    verify.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit's XML")
    verify.set_defaults(command=verify_command)

    transfer = commands.add_parser("transfer", help="carry trained weights across a verified pair")
    add_ports(transfer, judged=False)
    transfer.add_argument(
        "--from", choices=("torch", "keras"), required=True, dest="source",
        help="the side that the weights are of",
    )  # fmt: skip
    transfer.add_argument(
        "--weights", type=Path, required=True, metavar="FILE",
        help="state_dict, .safetensors, .weights.h5 or .keras",
    )  # fmt: skip
    transfer.add_argument(
        "--to", type=Path, required=True, metavar="FILE",
        help="for the other side: .safetensors or .pt; .weights.h5 or .keras",
    )  # fmt: skip
    transfer.set_defaults(command=transfer_command)

    bench = commands.add_parser("bench", help="throughput, start-up and memory of both")
    add_model(bench)
    add_training(bench, train=False)
    add_execution(bench, folder=False)
    bench.add_argument("--repeats", type=count, default=10, help="pairs of epochs a launch (10)")
    bench.add_argument("--launches", type=count, default=3, help="starts of each worker (3)")
    bench.set_defaults(command=bench_command, train=True)

    listing = commands.add_parser("list", help="models, data sets and checks")
    listing.add_argument("what", nargs="?", choices=("models", "data", "checks"), help="one list")
    listing.add_argument("--data-dir", type=Path, help="where to look for data sets first")
    listing.add_argument(
        "--show",
        metavar="NAME|PATH",
        help="draw labelled images of a data set",
    )
    listing.add_argument("--to", type=Path, metavar="FILE", help="of the drawing (NAME.png)")
    listing.set_defaults(command=list_command)

    describe = commands.add_parser("describe", help="a model's layers: shapes and counts")
    describe.add_argument("model", metavar="NAME")
    describe.set_defaults(command=describe_command)

    judge = commands.add_parser("judge", help="judge a run folder again, without a framework")
    judge.add_argument("run", metavar="RUN", type=Path)
    judge.set_defaults(command=judge_command)

    report = commands.add_parser("report", help="print a run's report again")
    report.add_argument("run", metavar="RUN", type=Path)
    add_curves(report)
    report.set_defaults(command=report_command)

    predict = commands.add_parser("predict", help="both trained nets of a run on a few images")
    predict.add_argument("run", metavar="RUN", type=Path)
    predict.add_argument(
        "images", metavar="IMAGE", nargs="+", help="a PNG or JPEG file, or a number: a test image"
    )
    predict.add_argument("--invert", action="store_true", help="files show dark on light")
    predict.add_argument("--data-dir", type=Path, help="where to look for data sets first")
    add_workers(predict)
    predict.set_defaults(command=predict_command)

    selfcheck = commands.add_parser("selfcheck", help="planted faults: is each one found?")
    selfcheck.add_argument("names", nargs="*", metavar="NAME", help="these files alone")
    selfcheck.add_argument("--quick", action="store_true", help="every fourth file alone")
    selfcheck.add_argument(
        "--ports", action="store_true", help="each as anybody's port: no spec, no names, by verify"
    )
    add_workers(selfcheck)
    selfcheck.set_defaults(command=selfcheck_command)

    for command in (
        run,
        check,
        verify,
        transfer,
        bench,
        listing,
        describe,
        judge,
        report,
        predict,
        selfcheck,
    ):
        command.add_argument("--json", metavar="FILE", help="write the result as JSON; - prints it")
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return top


def add_model(command: argparse.ArgumentParser, required: bool = True) -> None:
    command.add_argument("--model", required=required, metavar="NAME", help="see `compare list`")
    command.add_argument("--seed", type=seed, default=0, help="of weights and order (0)")


def add_ports(command: argparse.ArgumentParser, judged: bool = True) -> None:
    command.add_argument(
        "torch", metavar="TORCH", help="package.module:callable or file.py:callable"
    )
    command.add_argument("keras", metavar="KERAS", help="the same of the Keras port")
    command.add_argument(
        "--input", action="append", required=True, type=shape, metavar="CxHxW", dest="inputs",
        help="shape of an input, channels first, without the batch; once for each input",
    )  # fmt: skip
    for side in ("torch", "keras"):
        command.add_argument(
            f"--{side}-args", type=keywords, default={}, metavar="JSON",
            help=f"keyword arguments of the {side} callable",
        )  # fmt: skip
        if judged:
            command.add_argument(
                f"--{side}-weights", default="", metavar="FILE",
                help="judge these weights as they are",
            )  # fmt: skip
    command.add_argument("--trust", action="store_true", help="weights files may hold code")
    command.add_argument("--map", type=Path, metavar="FILE", help="which layer is which, as JSON")
    if judged:
        command.add_argument("--save-map", type=Path, metavar="FILE", help="write what was found")
    command.add_argument("--batch", type=count, default=0, help="samples of the probe")
    command.add_argument("--probe", type=Path, metavar="FILE.npz", help="inputs to use")
    command.add_argument("--seed", type=seed, default=0, help="of probe and weights (0)")
    command.add_argument(
        "--out", type=Path, metavar="DIR",
        help="run folder, with all arrays, for `compare judge` (runs/..., with the report alone)",
    )  # fmt: skip
    add_workers(command)


def shape(text: str) -> tuple[int, ...]:
    """3x224x224."""
    parts = text.lower().split("x")
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"expected a shape such as 3x224x224, got {text!r}")
    return tuple(int(part) for part in parts)


def rungs(text: str) -> tuple[int, ...]:
    """0-3, 5 or 0,3-5."""
    from compare.ports.verify import RUNGS

    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise argparse.ArgumentTypeError(f"expected rungs such as 0-3 or 0,3,5, got {text!r}")
        found |= set(range(int(first), int(last or first) + 1))
    if not found or not found <= set(RUNGS):
        raise argparse.ArgumentTypeError(
            f"expected rungs from {RUNGS[0]} to {RUNGS[-1]}, got {text!r}"
        )
    return tuple(sorted(found))


def keywords(text: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object of arguments, got {text!r}")
    return value


def add_training(command: argparse.ArgumentParser, train: bool = True) -> None:
    command.add_argument("--data", default="", metavar="NAME|PATH", help="data set, or an .npz")
    command.add_argument("--data-dir", type=Path, help="where to look for data sets first")
    command.add_argument("--download", action="store_true", help="fetch the data set if not here")
    command.add_argument("--recipe", default="default", metavar="NAME", help="how to train")
    if train:
        command.add_argument("--epochs", type=count, help="instead of the recipe's")
    command.add_argument("--batch-size", type=count, help="instead of the recipe's")
    command.add_argument("--lr", type=positive, help="learning rate instead of the recipe's")
    command.add_argument("--dtype", choices=("float32", "float64"), default="float32")


def add_curves(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--curves", type=Path, metavar="FILE", help="draw losses and accuracies (.png .svg .pdf)"
    )


def add_execution(command: argparse.ArgumentParser, folder: bool = True) -> None:
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    command.add_argument("--layout", choices=("native", "nchw", "nhwc"), default="native")
    add_workers(command)
    if folder:
        command.add_argument("--out", type=Path, metavar="DIR", help="run folder (runs/...)")
        command.add_argument(
            "--jobs", type=int, choices=(1, 2), default=2,
            help="workers at work at once; 1 for clean timings (2)",
        )  # fmt: skip
        command.add_argument(
            "--keep-steps", action="store_true",
            help="keep what rung 6 reads of a large net, once it has agreed",
        )  # fmt: skip


def add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--torch-python", metavar="PATH", help="interpreter with PyTorch")
    command.add_argument("--keras-python", metavar="PATH", help="interpreter with Keras")
    command.add_argument(
        "--timeout", type=positive, default=600.0, metavar="S",
        help="longest silence of a worker in seconds before it counts as hung (600)",
    )  # fmt: skip
    command.add_argument("--quiet", action="store_true", help="no progress on standard error")


def count(text: str) -> int:
    """A positive whole number."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {text!r}")
    return value


def seed(text: str) -> int:
    """A whole number from 0 to 2**32 - 1."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to {2**32 - 1}, got {text!r}"
        )
    return value


def positive(text: str) -> float:
    """A positive number that float32 holds as one: neither 0 nor infinite there."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1e-37 <= value <= 1e38:
        raise argparse.ArgumentTypeError(
            f"expected a positive number (1e-37 to 1e38), got {text!r}"
        )
    return value


def points(text: str) -> float:
    """Percentage points, from 0.001 to 100."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1e-3 <= value <= 100:
        raise argparse.ArgumentTypeError(f"expected percentage points (0.001 to 100), got {text!r}")
    return value


def options_of(given: argparse.Namespace) -> Any:
    """The run's options; the modules behind them are loaded here, so that --help is quick."""
    from compare.run import Options

    pythons = {"torch": given.torch_python, "keras": given.keras_python}
    return Options(
        model=given.model,
        data=getattr(given, "data", ""),
        recipe=getattr(given, "recipe", "default"),
        epochs=getattr(given, "epochs", None),
        batch_size=getattr(given, "batch_size", None),
        learning_rate=getattr(given, "lr", None),
        seed=given.seed,
        dtype=getattr(given, "dtype", "float32"),
        layout=given.layout,
        device=given.device,
        python={side: path for side, path in pythons.items() if path},
        out=getattr(given, "out", None),
        data_dir=getattr(given, "data_dir", None),
        download=getattr(given, "download", False),
        timeout=given.timeout,
        jobs=getattr(given, "jobs", 2),
        quiet=given.quiet,
        train=given.train,
        keep_steps=getattr(given, "keep_steps", False),
        checkpoint_every=getattr(given, "checkpoint_every", 0),
        seeds=getattr(given, "seeds", 1),
        margin=getattr(given, "margin", 0.5),
    )


def run_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare run` and `compare check`."""
    from compare import document, report
    from compare.folder import write_text
    from compare.run import run

    check_outputs(given)
    outcome = run(*request(given, arguments))
    result = document.of_run(outcome, arguments)
    text = report.text(result)
    write_text(outcome.folder / "report.txt", text)
    draw_curves(given, result)
    show(given, text, result)
    return int(result["exit_status"])


def request(given: argparse.Namespace, arguments: list[str]) -> tuple[Any, Path | None]:
    """The run's options, and the folder to go on in: with --resume both are those of that run."""
    from compare import resume

    if getattr(given, "resume", None) is None:
        if given.model is None:
            raise UsageError("expected --model NAME, see `compare list`, or --resume RUN")
        return options_of(given), None
    mine = ("--resume", "--quiet", "--debug", "--json", "--curves")  # not of the run
    names = [text.partition("=")[0] for text in arguments if text.startswith("--")]
    others = [name for name in names if name not in mine]
    if others:
        raise UsageError(
            f"--resume {given.resume}: a run goes on with its own options; leave out {others[0]}"
        )
    return resume.options_of(given.resume), given.resume


def draw_curves(given: argparse.Namespace, result: Document) -> None:
    """The picture asked for with --curves."""
    from compare.pictures import curves

    if getattr(given, "curves", None):
        curves(result, given.curves)


def verify_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare verify`."""
    from compare.ports import document, maps
    from compare.ports.calls import keep_report
    from compare.ports.verify import verify

    check_outputs(given)
    result = verify(ports_of(given), lambda seen: document.of(seen, arguments))
    keep_report(Path(result["run"]), result)
    if given.save_map:
        maps.write(given.save_map, result)
    return show_ports(given, result)


def show_ports(given: argparse.Namespace, result: Document) -> int:
    """A verification in every form that was asked for; its exit status."""
    from compare.folder import write_text
    from compare.ports import formats, report

    if getattr(given, "md", None):
        write_text(given.md, formats.markdown(result))
    if getattr(given, "junit", None):
        write_text(given.junit, formats.junit(result))
    text = report.text(result)
    if os.environ.get("GITHUB_ACTIONS") == "true" and given.json != "-":
        text += formats.github(result)
    show(given, text, result)
    return int(result["exit_status"])


def ports_of(given: argparse.Namespace) -> Any:
    """The request for two ports of anybody's."""
    from compare.ports import maps
    from compare.ports.verify import Request

    held = {side: getattr(given, f"{side}_weights", "") for side in ("torch", "keras")}
    pythons = {"torch": given.torch_python, "keras": given.keras_python}
    return Request(
        torch=given.torch,
        keras=given.keras,
        inputs=tuple(given.inputs),
        arguments={side: getattr(given, f"{side}_args") for side in ("torch", "keras")},
        weights={side: path for side, path in held.items() if path},
        map=maps.read(given.map) if given.map else None,
        batch=given.batch,
        probe=given.probe,
        seed=given.seed,
        rungs=getattr(given, "rungs", ()),
        trust=given.trust,
        python={side: path for side, path in pythons.items() if path},
        out=given.out,
        timeout=given.timeout,
        quiet=given.quiet,
    )


def transfer_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare transfer`."""
    from compare.ports import carry

    check_outputs(given)
    order = carry.Order(given.source, given.weights, given.to)
    result = carry.carry(ports_of(given), order, arguments)
    show(given, carry.text(result), result)
    return int(result["exit_status"])


def bench_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare bench`."""
    from compare import bench

    check_outputs(given)
    result = bench.bench(options_of(given), given.repeats, given.launches)
    result["command"] = ["compare", *arguments]
    show(given, bench.text(result), result)
    return int(result["exit_status"])


def selfcheck_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare selfcheck`."""
    from compare import selfcheck

    check_outputs(given)
    result = selfcheck.selfcheck(given.names, given.quick, given.quiet, given.timeout, given.ports)
    show(given, selfcheck.text(result), result)
    return int(result["exit_status"])


def list_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare list`."""
    from compare import catalogue

    if given.show:
        picture = catalogue.draw(given.show, given.data_dir, given.to)
        show(given, f"{picture['picture']}\n", picture)
        return 0
    result = catalogue.listing(given.data_dir, given.what)
    show(given, catalogue.listing_text(result), result)
    return 0


def predict_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare predict RUN IMAGE...`."""
    from compare import predict

    pythons = {"torch": given.torch_python, "keras": given.keras_python}
    result = predict.predict(
        given.run,
        given.images,
        invert=given.invert,
        data_dir=given.data_dir,
        pythons={side: path for side, path in pythons.items() if path},
        timeout=given.timeout,
        quiet=given.quiet,
    )
    show(given, predict.text(result), result)
    return 0


def describe_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare describe NAME`."""
    from compare import catalogue

    result = catalogue.description(given.model)
    show(given, catalogue.description_text(result), result)
    return 0


def judge_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare judge RUN`."""
    from compare import document, report
    from compare.folder import read_run, reading
    from compare.ports import again

    if again.is_verification(given.run):
        return show_ports(given, again.judged(given.run, arguments))
    read_run(given.run, "manifest.json")
    with reading(given.run):
        result = document.of_folder(given.run)
        text = report.text(result)
    show(given, text, result)
    return int(result["exit_status"])


def report_command(given: argparse.Namespace, arguments: list[str]) -> int:
    """`compare report RUN`."""
    from compare import report
    from compare.folder import read_run, reading

    result = read_run(given.run, "result.json")
    if result["kind"] == "verify":
        if given.curves:
            raise UsageError(f"--curves: {given.run} is a verification, in which nothing trains")
        with reading(given.run):
            return show_ports(given, result)
    with reading(given.run):
        text, status = report.text(result), int(result["exit_status"])
    draw_curves(given, result)
    show(given, text, result)
    return status


def check_outputs(given: argparse.Namespace) -> None:
    """Refuses an unwritable --json or --curves before the work, not after it."""
    from compare.folder import check_writable
    from compare.pictures import check_suffix

    if given.json and given.json != "-":
        check_writable("--json", Path(given.json))
    for option in ("save_map", "md", "junit"):
        if getattr(given, option, None):
            check_writable(f"--{option.replace('_', '-')}", getattr(given, option))
    if getattr(given, "curves", None):
        check_suffix(given.curves)
        check_writable("--curves", given.curves)


def show(given: argparse.Namespace, text: str, result: Document) -> None:
    """The report on standard output, or pure JSON there with `--json -`."""
    from compare.folder import write_text

    written = json.dumps(result, indent=2, allow_nan=False) + "\n"
    if given.json and given.json != "-":
        write_text(Path(given.json), written)
    try:
        print(written if given.json == "-" else text, end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left over
        if not isinstance(error, BrokenPipeError):  # `| head`: the exit status stays the verdict
            raise UsageError(f"standard output cannot be written ({error.strerror})") from None


if __name__ == "__main__":
    sys.exit(main())
