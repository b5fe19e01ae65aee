"""The planted faults and the right ports that look wrong: what each file says of itself.

Each file of tests/broken holds one fault and EXPECT: the side it is on, the pair of ports it is
planted in ("spec"), the rung that must reject it, its layer and its cause; "takes" changes the
recipe of that side, "feeds" its data. "as_port" says what of it has another name where no spec is
known, "not_a_port" why two ports alone cannot show it.

Each file of tests/correct holds a port that must pass: of a spec, as above, or NAME_torch.py and
NAME_keras.py one of each framework; the former then says the shapes of its inputs, and "why".
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import specs
from common.errors import UsageError
from compare.run import PORTS

TESTS = Path(__file__).parent.parent / "tests"


@dataclass(frozen=True)
class Case:
    """A fault, or a right port that looks wrong."""

    name: str
    kind: str  # "fault" or "correct"
    side: str = ""
    spec: str = ""  # of the pair it is planted in; empty: it is a pair by itself
    port: str = ""  # "path/file.py:Port"; empty: the right one, trained or fed otherwise
    twin: str = ""  # the Keras port of a pair whose torch port is `port`
    rung: int | None = None
    layer: str = ""
    cause: str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)  # of both sides, over selfcheck.RECIPE
    takes: dict[str, Any] = field(default_factory=dict)  # of its own side alone
    feeds: str = ""  # a name of selfcheck.FEEDS
    as_port: dict[str, Any] = field(default_factory=dict)  # layer and cause, seen without a spec
    not_a_port: str = ""  # why it is not seen without one
    inputs: list[list[int]] = field(default_factory=list)  # of a pair, channels first, no batch
    args: dict[str, dict[str, Any]] = field(default_factory=dict)  # of a pair, by side


def cases(kinds: Iterable[str] = ("fault", "correct")) -> list[Case]:
    """Every file of both suites. UsageError where they were not installed."""
    folders = {"fault": TESTS / "broken", "correct": TESTS / "correct"}
    found = [read(path, k) for k in kinds for path in sorted(folders[k].glob("*.py"))
             if twin(path, "torch") is None]  # fmt: skip
    if not found:
        raise UsageError(f"selfcheck: expected its files in {TESTS}, as in a checkout; found none")
    return found


def twin(path: Path, side: str) -> Path | None:
    """The file of this side in the pair that `path` is the other half of."""
    stem, _, other = path.stem.rpartition("_")
    mate = path.with_name(f"{stem}_{side}.py")
    return mate if other in PORTS and other != side and mate.is_file() else None


def read(path: Path, kind: str) -> Case:
    """What a file's EXPECT says, without importing its framework."""
    body = ast.parse(path.read_text()).body
    (expect,) = [
        ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXPECT"
    ]
    callables = (ast.ClassDef, ast.FunctionDef)
    has_port = any(isinstance(node, callables) and node.name == "Port" for node in body)
    expect = {key: value for key, value in expect.items() if key in Case.__dataclass_fields__}
    port, keras = f"{path}:Port" if has_port else "", twin(path, "keras")
    if keras is None:
        return Case(path.stem, kind, port=port, **expect)
    return Case(path.stem.removesuffix("_torch"), kind, port=port, twin=f"{keras}:Port", **expect)


def spec_path(pair: str) -> str:
    """The spec of a pair: a network's name, or a file of tests/ports."""
    return pair if pair in specs.SPECS else f"{TESTS}/ports/{pair}_spec.py:{pair.upper()}"


def right_port(pair: str, side: str) -> str:
    """The right port of a pair."""
    if pair in specs.SPECS:
        return f"{PORTS[side]}.{specs.SPECS[pair].port}"
    return f"{TESTS}/ports/{pair}_{side}.py:{pair.capitalize()}"
