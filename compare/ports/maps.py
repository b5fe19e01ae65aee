"""Which layer is which, as a small file that a person reads and corrects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common.errors import DataError
from compare.folder import write_text


def read(path: Path) -> dict[str, str]:
    """Layer of the torch port -> layer of the keras port. DataError where the file says no such."""
    try:
        known = json.loads(path.read_text())
    except OSError as error:
        raise DataError(f"--map {path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise DataError(f"--map {path}: expected JSON ({error})") from None
    layers = known.get("layers") if isinstance(known, dict) else None
    if not isinstance(layers, dict) or not all(isinstance(v, str) for v in layers.values()):
        raise DataError(
            f'--map {path}: expected {{"layers": {{"torch layer": "keras layer", ...}}}}, as '
            "--save-map writes it"
        )
    return dict(layers)


def write(path: Path, document: dict[str, Any]) -> None:
    """The pairs that were found, with what spoke for each, and the layers without a partner."""
    pairs = document["pairs"]
    known = {
        "layers": {pair["torch"]: pair["keras"] for pair in pairs},
        "evidence": {pair["torch"]: pair["evidence"] for pair in pairs},
        "without a partner": document["unmatched"],
    }
    write_text(path, json.dumps(known, indent=1) + "\n")
