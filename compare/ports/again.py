"""A saved verification: judged again with neither framework installed, or reported again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import UsageError
from compare.folder import read_json, reading
from compare.ports import document
from compare.ports.looks import Room
from compare.ports.verify import Request, seen

Document = dict[str, Any]
NOTE = "verify.json"


def is_verification(folder: Path) -> bool:
    """Whether `compare verify` filled the folder, and not `compare run`."""
    return (folder / NOTE).is_file()


def judged(folder: Path, arguments: Sequence[str]) -> Document:
    """The document, from what both ports left. UsageError where that is not all there."""
    with reading(folder):
        asked = request_of(read_json(folder / NOTE))
        if (
            not (folder / "environments.json").exists()
            or not (folder / "probe.safetensors").exists()
        ):
            raise UsageError(
                f"{folder}: incomplete, the verification was interrupted; verify again"
            )
        return document.of(seen(asked, Room(folder, {})), arguments)


def request_of(known: Document) -> Request:
    """What `compare.ports.verify.note` wrote."""
    return Request(
        torch=known["torch"],
        keras=known["keras"],
        inputs=tuple(tuple(shape) for shape in known["inputs"]),
        arguments=known["arguments"],
        weights=known["weights"],
        map=known["map"],
        names=known["names"],
        batch=known["batch"],
        seed=known["seed"],
        rungs=tuple(known["rungs"]),
    )
