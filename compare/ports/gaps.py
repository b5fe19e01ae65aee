"""How far parts are apart, measured once: of one turn of a replay while the next one runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from common.graph import moved
from common.job import Unit
from compare.evidence import relative_error
from compare.ports.fault import apart
from compare.ports.looks import Array, Replay
from compare.ports.transfer import Carried
from compare.thresholds import GRADIENT_FLOAT64

if TYPE_CHECKING:
    from compare.ports.verify import Seen


@np.errstate(all="ignore")  # what is not finite is told as a finding
def measure(seen: Seen, left: Replay, units: Sequence[Unit]) -> None:
    """What the judge will ask of these units, of which Keras left something just now."""
    for unit in units:
        error_alone(seen, left, unit.name)
    for unit in units:
        gradients_alone(seen, left, unit.name)


def error_alone(seen: Seen, replay: Replay, name: str) -> float:
    """Of one part, alone on PyTorch's numbers."""
    if name not in replay.errors:
        cut = seen.cut_of(name)
        made = replay.value(name, seen.target(name))
        replay.errors[name] = apart(made, seen.torch.value(cut.torch), cut)
    return replay.errors[name]


def gradients_alone(seen: Seen, left: Replay, name: str) -> None:
    """Keeps the largest error of what one part hands back where all of it is right."""
    due, got = (replay.by_unit.get(name, {}) for replay in (seen.torch_replayed, left))
    worst = 0.0, ""
    for what, ours, theirs in handed_back(seen, due, got):
        if ours is None or theirs is None or not ours.dtype == theirs.dtype == np.float64:
            return
        error = relative_error(theirs, ours)
        if not error <= GRADIENT_FLOAT64:
            return
        worst = max(worst, (error, what), key=lambda known: known[0])
    left.gradients[name] = worst


def handed_back(
    seen: Seen, due: Mapping[str, Array], got: Mapping[str, Array]
) -> Iterator[tuple[str, Array | None, Array | None]]:
    """Of all that a part reads and holds: PyTorch's, and Keras' in PyTorch's axes."""
    told = set()
    for key, theirs in got.items():
        word, _, value = key.partition(":")
        if word == "gradient" and value in seen.cuts.by_keras:
            cut = seen.cuts.by_keras[value]
            ours, moves = f"gradient:{cut.torch}", cut.moves
        elif word == "gradient-of" and value in seen.carried and trained(seen, seen.carried[value]):
            ours, moves = f"gradient-of:{seen.carried[value].torch}", seen.carried[value].moves
        else:
            continue
        told.add(ours)
        yield ours.partition(":")[2], due.get(ours), moved(theirs, moves)
    for key, array in due.items():
        word, _, value = key.partition(":")
        if key in told or word not in ("gradient", "gradient-of"):
            continue
        if word == "gradient" and value in seen.cuts.by_torch:
            yield value, array, None
        carried = seen.carried_from.get(value) if word == "gradient-of" else None
        if carried is not None and trained(seen, carried):
            yield value, array, None


def trained(seen: Seen, carried: Carried) -> bool:
    """Whether both ports train a tensor; where one alone does, rung 0 says so."""
    ours, theirs = seen.torch.graph.tensors[carried.torch], seen.keras.graph.tensors[carried.keras]
    return ours.trainable and theirs.trainable
