"""`--resume RUN`: what an interrupted run was asked for, and whether going on is the same run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UsageError
from compare.evidence import CONTROL, CONTROL_SIDE, SIDES, seed_folder
from compare.folder import read_json, reading, write_json

if TYPE_CHECKING:
    from compare.run import Options, Outcome

FILE = "request.json"
PATHS = ("out", "data_dir")


def note(outcome: Outcome) -> None:
    """Writes what the run was asked for and what it is made with, before any work."""
    options = {k: str(v) if k in PATHS and v else v for k, v in asdict(outcome.options).items()}
    write_json(outcome.folder / FILE, {"options": options, **made_with(outcome)})


def made_with(outcome: Outcome) -> dict[str, Any]:
    """The data, the frameworks and the device: with others it would be another run."""
    made = {
        f"{side} side": f"{environment['framework']}, Python {environment['python']}"
        for side, environment in outcome.environments.items()
    }
    data = f"of sha256 {outcome.data.sha256[:12]}…" if outcome.data else None
    return {"data": data, **made, "device": outcome.device}


def options_of(folder: Path) -> Options:
    """The options of the run in `folder`. UsageError where there is nothing to go on with."""
    if not folder.is_dir():
        raise UsageError(f"--resume {folder}: expected a run folder, found no folder of that name")
    if not (folder / FILE).exists():
        raise UsageError(f"--resume {folder}: expected the folder of a run, found no {FILE} in it")
    options = read_options(folder)
    if finished(folder, options):
        raise UsageError(
            f"--resume {folder}: both sides have finished there; `compare report {folder}` prints "
            "the report again"
        )
    return options


def finished(folder: Path, options: Options) -> bool:
    """Whether both sides have ended the training of every seed, and the control its own."""
    first, after = options.seed, options.seed + options.seeds
    ended = [
        seed_folder(folder, first, seed) / side for seed in range(first, after) for side in SIDES
    ]
    if options.seeds > 1:
        ended.append(folder / CONTROL / CONTROL_SIDE)
    return all((place / "history.json").exists() for place in ended)


def read_options(folder: Path) -> Options:
    """What `note` wrote. UsageError where it is not there, or damaged."""
    from compare.run import Options

    with reading(folder):
        fields: dict[str, Any] = read_json(folder / FILE)["options"]
        options: dict[str, Any] = {k: Path(v) if k in PATHS and v else v for k, v in fields.items()}
        return Options(**options)


def check(outcome: Outcome) -> None:
    """UsageError where the run began on other data, or with other versions or another device."""
    began = read_json(outcome.folder / FILE)
    for what, found in made_with(outcome).items():
        if began.get(what, found) != found:
            raise UsageError(
                f"--resume {outcome.folder}: the run began with {what} {began[what]}, found "
                f"{found}; it would not be the same run"
            )
