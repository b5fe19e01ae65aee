"""A call of a layer that was recorded, and how to write it down as Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Slot = Callable[[Any], str | None]  # what to write for a leaf; None: the leaf itself


@dataclass(frozen=True)
class Called:
    """One call of a layer, by the values of the graph that went in and came out."""

    layer: str  # its path
    at: str  # what reaches it from `model`: 'model.get_submodule("fc1")'
    reads: tuple[str, ...]  # values, as x0, x1... stand for them in `form`
    form: str  # its arguments: "x0, [x1, x2], scale=2.0"; empty: they cannot be written down
    writes: dict[str, str] = field(default_factory=dict)  # "", "[0]" or "['aux']" -> value
    first: str = ""  # what has to be done before: the layer's own activation taken off


def written(args: Sequence[Any], kwargs: Mapping[str, Any], slot: Slot) -> str:
    """A call's arguments as Python; empty where one of them cannot be written down."""
    try:
        given = [text(x, slot) for x in args]
        given += [f"{name}={text(x, slot)}" for name, x in kwargs.items()]
    except ValueError:
        return ""
    return ", ".join(given)


def text(x: Any, slot: Slot) -> str:
    """One argument. ValueError where it is nothing that Python's source can say."""
    known = slot(x)
    if known is not None:
        return known
    if isinstance(x, list):
        return f"[{', '.join(text(part, slot) for part in x)}]"
    if type(x) is tuple:
        return f"({''.join(f'{text(part, slot)}, ' for part in x).rstrip()})"
    if type(x) is dict:
        return "{" + ", ".join(f"{key!r}: {text(part, slot)}" for key, part in x.items()) + "}"
    if x is None or isinstance(x, (bool, int, float, str)):
        return repr(x)
    raise ValueError(f"cannot be written down: {x!r}")


def placed(made: Any, name: Callable[[Any], str | None], at: str = "") -> dict[str, str]:
    """What a call returned: where each of its values is found in it, "[0]['aux']" -> value."""
    if isinstance(made, Mapping):
        inside = [(f"{at}[{key!r}]", part) for key, part in made.items()]
    elif type(made) in (tuple, list):
        inside = [(f"{at}[{i}]", part) for i, part in enumerate(made)]
    else:
        known = name(made)
        return {} if known is None else {at: known}
    return {where: value for at, part in inside for where, value in placed(part, name, at).items()}
